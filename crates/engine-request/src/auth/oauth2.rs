//! A token from an OAuth 2.0 server (RFC 6749).

mod answered;
mod ask;
mod assertion;
mod base;
mod device;
mod identity;
mod login;
mod refusal;

use engine_expr::{Dynamic, EvalError, Scope, Setting, Template};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::ask::TokenAsk;
pub use self::device::{DeviceCode, Polled};
pub use self::login::Login;
pub use self::refusal::TokenError;
pub(in crate::auth) use self::refusal::{listed, members_of};

use super::bearing::bear;
use super::jwt::JwtAlgorithm;
use super::{Authenticate, Held, KeyEncoding};
use crate::{AnswerPlace, Draft, Method, Named, Period, Place};

/// Fetches a token from an OAuth 2.0 server and sends it with every request (RFC 6749).
///
/// A token is fetched once for all concurrent requests, kept in the state store, and refreshed before it expires and once
/// after a 401.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "oauth2 auth", deny_unknown_fields)]
#[schemars(rename = "OAuth2Auth")]
pub struct OAuth2Auth {
    /// How the token is asked for.
    pub grant: Grant,
    /// The URL that gives tokens.
    pub token_url: Template,
    /// The URL at which a user allows the access; for `authorization_code`.
    ///
    /// What the provider wants besides goes into its query: `https://…/authorize?access_type=offline&prompt=consent`.
    pub authorize_url: Option<Template>,
    /// The URL to which the user comes back, exactly as the provider knows it; for `authorization_code`.
    ///
    /// A free port of this machine if not given: `http://127.0.0.1:PORT/callback`. `engine auth login` listens on any URL
    /// of this machine; for others the URL that the browser shows in the end is pasted.
    pub redirect_uri: Option<Template>,
    /// The URL that gives codes to devices (RFC 8628); for `device_code`.
    pub device_url: Option<Template>,
    /// The name of the client.
    pub client_id: Option<Template>,
    /// The secret of the client.
    pub client_secret: Option<Template>,
    /// What the token is to allow.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Vec<Template>>")]
    pub scopes: Vec<Template>,
    /// What stands between two scopes; a space if not given.
    pub scope_separator: Option<String>,
    /// Whom the token is for.
    pub audience: Option<Template>,
    /// The first refresh token; later ones are kept in the state store.
    pub refresh_token: Option<Template>,
    /// The name of the user; for `password`.
    pub username: Option<Template>,
    /// The password of the user; for `password`.
    pub password: Option<Template>,
    /// The token that asks for the token; for `jwt_bearer` (RFC 7523), and for `client_auth: private_key_jwt`.
    ///
    /// `aud` and `jti` are claimed if not given, `iss` too where there is a `client_id`. For `jwt_bearer` `sub` is the
    /// `username`, if there is one; a client that proves itself claims its `client_id` as `iss` and `sub`.
    pub assertion: Option<JwtAssertion>,
    /// Uses a proof key with `authorization_code` (RFC 7636); true if not given.
    pub pkce: Option<Setting<bool>>,
    /// How the client proves who it is; `body` if not given.
    pub client_auth: Option<ClientAuth>,
    /// What else is sent to the token URL, and how.
    pub request: Option<TokenRequest>,
    /// Where the answer has what is needed: `token`, `expires_in`, `refresh_token`; any further name is kept as `auth.NAME`.
    ///
    /// The names of RFC 6749 §5.1 if not given. `expires_in` may be seconds, a time since 1970 in seconds or milliseconds, or
    /// a date; where it is missing or says nothing, the token is used until the API refuses it.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Named<AnswerPlace>>")]
    pub answer: Named<AnswerPlace>,
    /// Where the token is sent; `header.Authorization` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// What stands before the token, as in `api_key` auth; `Bearer` in `header.Authorization` if not given.
    pub prefix: Option<Template>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

impl Authenticate for OAuth2Auth {
    fn apply(&self, draft: &mut Draft, scope: &Scope, held: &Held) -> Result<(), EvalError> {
        let Some(token) = held.token.as_ref().and_then(|token| token.value.as_ref()) else {
            let error = EvalError::new("there is no token for the `oauth2` auth", self.token_url.span());
            return Err(error.help(self.grant.remedy()));
        };
        bear(draft, self.place.as_ref(), self.prefix.as_ref(), token.expose(), scope)
    }
}

impl OAuth2Auth {
    /// Tells whether a user has to allow the access before there is a token: with `engine auth login`.
    pub fn needs_login(&self) -> bool {
        matches!(self.grant, Grant::AuthorizationCode | Grant::DeviceCode)
    }

    /// Tells whether a token can be asked for again from nothing, after a refresh token was refused.
    pub fn begins_anew(&self) -> bool {
        matches!(self.grant, Grant::ClientCredentials | Grant::Password | Grant::JwtBearer)
    }
}

/// How a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "grant", rename_all = "snake_case")]
#[schemars(rename = "Grant")]
pub enum Grant {
    /// As the client itself (RFC 6749 §4.4).
    ClientCredentials,
    /// By a user who allows it in a browser (RFC 6749 §4.1).
    AuthorizationCode,
    /// With a refresh token (RFC 6749 §6).
    RefreshToken,
    /// With the name and the password of a user (RFC 6749 §4.3).
    Password,
    /// With a signed token (RFC 7523).
    JwtBearer,
    /// By a user who types a code on another device (RFC 8628).
    DeviceCode,
}

impl Grant {
    /// Returns its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::Password => "password",
            Self::JwtBearer => "jwt_bearer",
            Self::DeviceCode => "device_code",
        }
    }

    /// Says what to do where the server does not take the grant any more.
    fn remedy(self) -> &'static str {
        match self {
            Self::ClientCredentials => "check `client_id` and `client_secret`",
            Self::AuthorizationCode | Self::DeviceCode => "run `engine auth login SPEC API`",
            Self::RefreshToken => "the refresh token no longer holds: put a new one into the secret that it is made of",
            Self::Password => "check `username` and `password`",
            Self::JwtBearer => "check the claims and the key of the `assertion`, and the clock of this machine",
        }
    }
}

/// How a client proves to the token URL who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "client auth", rename_all = "snake_case")]
#[schemars(rename = "ClientAuth")]
pub enum ClientAuth {
    /// With id and secret in the `Authorization` header.
    Basic,
    /// With id and secret in the body.
    #[default]
    Body,
    /// With a signed token (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// With the id alone.
    None,
}

/// The signed token that asks for a token (RFC 7523).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "assertion", deny_unknown_fields)]
#[schemars(rename = "JwtAssertion")]
pub struct JwtAssertion {
    /// How it is signed.
    pub algorithm: JwtAlgorithm,
    /// The key: the shared one, or the private one in PEM form or as a JSON Web Key.
    pub key: Template,
    /// How a shared key is written; `text` if not given.
    pub key_encoding: Option<KeyEncoding>,
    /// What it claims; `iat`, `exp`, `aud` and `jti` are added, and null leaves one out.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub claims: Map<Dynamic>,
    /// Members of its header, such as `kid`; `alg` and `typ` are added.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub header: Map<Dynamic>,
    /// How long one is valid; `5m` if not given.
    pub lifetime: Option<Setting<Period>>,
    /// Where it is sent; `body.assertion` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
}

/// What else is sent to the token URL, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "token request", deny_unknown_fields)]
#[schemars(rename = "TokenRequest")]
pub struct TokenRequest {
    /// The method; `POST` if not given, as RFC 6749 says.
    pub method: Option<Method>,
    /// Further fields, such as `{resource: "https://api.example.com"}`.
    ///
    /// They replace those of the same names that are sent anyway; null leaves such a field out.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub fields: Map<Dynamic>,
    /// Headers.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub headers: Map<Dynamic>,
    /// How the fields are sent; `form` if not given.
    pub body: Option<TokenRequestBody>,
}

/// How the fields are sent to the token URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "body of the token request", rename_all = "snake_case")]
#[schemars(rename = "TokenRequestBody")]
pub enum TokenRequestBody {
    /// As a form, as RFC 6749 says.
    #[default]
    Form,
    /// As a JSON object.
    Json,
    /// In the query.
    Query,
}
