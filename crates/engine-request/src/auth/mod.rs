//! How requests prove who they are: one file per kind.

mod api_key;
mod aws_sigv4;
mod basic;
mod bearer;
mod bearing;
mod challenge;
mod cookies;
mod crypto;
mod digest;
mod expiry;
mod held;
mod hmac;
mod jwt;
mod kept;
mod no_auth;
mod oauth1;
mod oauth2;
mod session;
mod signature_algorithm;
mod switch;
mod token;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use api_key::ApiKeyAuth;
pub use aws_sigv4::{AwsSigV4Auth, SignatureHome};
pub use basic::BasicAuth;
pub use bearer::BearerAuth;
pub use challenge::Challenge;
pub use crypto::{JwkSet, KeyEncoding, PublicKey, PublicKeyError, SetKey};
pub use digest::DigestAuth;
pub use held::Held;
pub use hmac::{HmacAuth, SignatureEncoding};
pub use jwt::{JwtAlgorithm, JwtAuth};
pub use no_auth::NoAuth;
pub use oauth1::{OAuth1Auth, OAuth1Method};
pub use oauth2::{
    ClientAuth, DeviceCode, Grant, JwtAssertion, Login, OAuth2Auth, Polled, TokenAsk, TokenError, TokenRequest,
    TokenRequestBody,
};
pub use session::SessionAuth;
pub use signature_algorithm::SignatureAlgorithm;
pub use switch::SwitchAuth;
pub use token::Token;

use engine_expr::{EvalError, Scope};

use crate::{Draft, OneOrMany, Prepared, Removable};

/// Puts a proof of who is asking into a request.
pub trait Authenticate {
    /// Puts the proof into the draft, over what is there; of a token, that which is held.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where there is nothing to prove it with.
    fn apply(&self, draft: &mut Draft, scope: &Scope, held: &Held) -> Result<(), EvalError>;

    /// Signs a request, after everything was put into it.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where a key can't sign.
    fn sign(&self, request: &mut Prepared, scope: &Scope, held: &Held) -> Result<(), EvalError> {
        _ = (request, scope, held);
        Ok(())
    }
}

/// How requests prove who they are: one kind of auth, a list of them (all are applied), or `none`.
pub type Auths = Removable<OneOrMany<Auth>>;

/// How requests prove who they are.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "@tag:type:auth", rename_all = "snake_case")]
#[schemars(tag = "type", rename = "Auth")]
pub enum Auth {
    /// No proof.
    None(NoAuth),
    /// A fixed value in a header, the query or a cookie.
    ApiKey(ApiKeyAuth),
    /// A user name and a password (RFC 7617).
    Basic(BasicAuth),
    /// A token in the `Authorization` header (RFC 6750).
    Bearer(BearerAuth),
    /// A token from an OAuth 2.0 server (RFC 6749).
    Oauth2(Box<OAuth2Auth>),
    /// A JSON Web Token that is signed here (RFC 7519).
    Jwt(JwtAuth),
    /// A token or cookies from a login.
    Session(SessionAuth),
    /// A signature over the request with a shared key.
    Hmac(HmacAuth),
    /// A signature as AWS asks for, version 4.
    AwsSigv4(AwsSigV4Auth),
    /// A challenge and a digest (RFC 7616).
    Digest(DigestAuth),
    /// A signature as OAuth 1.0 asks for (RFC 5849).
    Oauth1(OAuth1Auth),
    /// One of several kinds, chosen by an input.
    Switch(SwitchAuth),
}

impl Authenticate for Auth {
    fn apply(&self, draft: &mut Draft, scope: &Scope, held: &Held) -> Result<(), EvalError> {
        if !self.holds_for(draft.method()) {
            return Ok(());
        }
        match self {
            Self::None(_) => Ok(()),
            Self::ApiKey(auth) => auth.apply(draft, scope, held),
            Self::Basic(auth) => auth.apply(draft, scope, held),
            Self::Bearer(auth) => auth.apply(draft, scope, held),
            Self::Oauth2(auth) => auth.apply(draft, scope, held),
            Self::Session(auth) => auth.apply(draft, scope, held),
            Self::Switch(auth) => {
                auth.choose(scope)?.as_set().into_iter().flatten().try_for_each(|auth| auth.apply(draft, scope, held))
            }
            Self::Jwt(auth) => auth.apply(draft, scope, held),
            Self::Hmac(auth) => auth.apply(draft, scope, held),
            Self::AwsSigv4(auth) => auth.apply(draft, scope, held),
            Self::Digest(auth) => auth.apply(draft, scope, held),
            Self::Oauth1(auth) => auth.apply(draft, scope, held),
        }
    }

    fn sign(&self, request: &mut Prepared, scope: &Scope, held: &Held) -> Result<(), EvalError> {
        if !self.holds_for(&request.method) {
            return Ok(());
        }
        match self {
            Self::Hmac(auth) => auth.sign(request, scope, held),
            Self::AwsSigv4(auth) => auth.sign(request, scope, held),
            Self::Digest(auth) => auth.sign(request, scope, held),
            Self::Oauth1(auth) => auth.sign(request, scope, held),
            Self::Switch(auth) => {
                auth.choose(scope)?.as_set().into_iter().flatten().try_for_each(|auth| auth.sign(request, scope, held))
            }
            _ => Ok(()),
        }
    }
}

impl Auth {
    /// Returns the name of the kind, as it is written.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None(_) => "none",
            Self::ApiKey(_) => "api_key",
            Self::Basic(_) => "basic",
            Self::Bearer(_) => "bearer",
            Self::Oauth2(_) => "oauth2",
            Self::Jwt(_) => "jwt",
            Self::Session(_) => "session",
            Self::Hmac(_) => "hmac",
            Self::AwsSigv4(_) => "aws_sigv4",
            Self::Digest(_) => "digest",
            Self::Oauth1(_) => "oauth1",
            Self::Switch(_) => "switch",
        }
    }

    /// Tells whether it is applied to requests of a method.
    pub fn holds_for(&self, method: &http::Method) -> bool {
        self.methods().is_none_or(|methods| methods.iter().any(|known| known.as_str() == method.as_str()))
    }

    /// Returns the methods that it is applied to; all if not given.
    pub fn methods(&self) -> Option<&[crate::Method]> {
        match self {
            Self::None(auth) => &auth.methods,
            Self::ApiKey(auth) => &auth.methods,
            Self::Basic(auth) => &auth.methods,
            Self::Bearer(auth) => &auth.methods,
            Self::Oauth2(auth) => &auth.methods,
            Self::Jwt(auth) => &auth.methods,
            Self::Session(auth) => &auth.methods,
            Self::Hmac(auth) => &auth.methods,
            Self::AwsSigv4(auth) => &auth.methods,
            Self::Digest(auth) => &auth.methods,
            Self::Oauth1(auth) => &auth.methods,
            Self::Switch(auth) => &auth.methods,
        }
        .as_deref()
    }
}

/// Renders what proves who is asking; nothing proves nothing.
fn proof(template: &engine_expr::Template, what: &str, scope: &Scope) -> Result<String, EvalError> {
    let text = template.render_text(scope)?;
    if text.is_empty() {
        return Err(
            EvalError::new(format!("the {what} is empty"), template.span()).help("check the secret that it is made of")
        );
    }
    Ok(text)
}

/// Returns the host as the `Host` header says it (RFC 9110 §7.2).
fn host_of(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use engine_expr::{Host, Scope, Secret, Value};
    use engine_source::{Map, Span};
    use jiff::Timestamp;

    use super::{Authenticate, Auths, Held};
    use crate::draft::tests::{read, scope};
    use crate::{Body, Draft, Prepared, QueryValue, RequestLine};

    /// A host at a moment, with the same dice each time.
    pub(in crate::auth) struct At(pub(in crate::auth) Timestamp, pub(in crate::auth) u64);

    impl Host for At {
        fn now(&self) -> Timestamp {
            self.0
        }

        fn random(&self) -> u64 {
            self.1
        }
    }

    /// Makes a scope at a moment, with `secrets`.
    pub(in crate::auth) fn scope_at(now: &str, secrets: &[(&str, &str)]) -> Scope {
        let secrets = secrets.iter().map(|(name, text)| (*name, Value::Secret(Secret::new(*text))));
        Scope::new(Arc::new(At(now.parse().unwrap(), 0x1234_5678_9abc_def0))).with("secrets", Value::object(secrets))
    }

    /// Makes a request of a line, headers and a body.
    pub(in crate::auth) fn request(line: &str, headers: &str, body: &str) -> Prepared {
        let scope = scope_at("2025-03-01T10:00:00Z", &[]);
        let line = RequestLine::parse(line, Span::default()).unwrap();
        let mut draft = Draft::build(&line, None, &scope).unwrap();
        if !headers.is_empty() {
            draft.set_headers(&read::<Map<QueryValue>>(headers), &scope).unwrap();
        }
        if !body.is_empty() {
            draft.set_body(&read::<Body>(body), &scope).unwrap();
        }
        draft.finish().unwrap()
    }

    /// Signs a request by all of the auths; says what became of it, or what is wrong.
    pub(in crate::auth) fn sign(yaml: &str, request: &mut Prepared, scope: &Scope) -> Result<(), String> {
        let auths: Auths = read(yaml);
        let all = auths.as_set().into_iter().flatten();
        let mut signing = all.map(|auth| auth.sign(request, scope, &Held::default()));
        signing
            .try_for_each(|done| done.map_err(|error| format!("{}; {}", error.message, error.help.unwrap_or_default())))
    }

    /// Applies auth to `POST https://api.test/a?k=old`.
    pub(in crate::auth) fn check(yaml: &str, expected: &str) {
        let auths: Auths = read(yaml);
        let line = RequestLine::parse("POST https://api.test/a?k=old", engine_source::Span::default()).unwrap();
        let mut draft = Draft::build(&line, None, &scope("{}")).unwrap();
        let apply = |draft: &mut Draft| {
            auths.as_set().into_iter().flatten().try_for_each(|auth| auth.apply(draft, &scope("{}"), &Held::default()))
        };
        if let Err(error) = apply(&mut draft) {
            assert_eq!(error.message, expected, "{yaml}");
            return;
        }
        let request = draft.finish().unwrap();
        let headers = request.headers.iter().map(|(name, value)| {
            if name == http::header::CONTENT_TYPE {
                return name.to_string();
            }
            assert!(value.is_sensitive(), "{name}");
            let text = String::from_utf8_lossy(value.as_bytes());
            assert!(!request.redactor().redact(&text).contains(&*text), "{text}");
            format!("{name}: {text}")
        });
        let headers = headers.collect::<Vec<_>>().join(", ");
        let path = request.shown_url.replace("https://api.test", "");
        let shown = format!("{path} {headers} {}", request.body.show()).trim_end().to_owned();
        assert_eq!(shown, expected, "{yaml}");
    }

    #[test]
    fn all_of_a_list_are_applied_to_their_methods() {
        check("none", "/a?k=old");
        check("{type: none}", "/a?k=old");
        let yaml = "[{type: bearer, token: t}, {type: api_key, value: k, methods: [GET, PUT]}, {type: api_key, value: k, in: header.K, methods: [POST]}]";
        check(yaml, "/a?k=old authorization: Bearer t, k: k");
    }
}
