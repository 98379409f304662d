//! Requests for tokens.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{Dynamic, EvalError, Members, Scope, Secret, Template, Value};
use engine_source::{Map, Span};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::{ClientAuth, Grant, OAuth2Auth, TokenError, TokenRequestBody};
use crate::auth::Token;
use crate::{Body, BodyStep, Draft, Place, Prepared, RequestLine, Target};

/// A request for a token.
#[derive(Clone, Debug)]
pub struct TokenAsk {
    /// The request.
    pub request: Prepared,
    /// Whether it asks with a refresh token.
    pub is_refresh: bool,
}

impl OAuth2Auth {
    /// Says what to ask for a token, with what is known from before: with its refresh token if there is one, else as the
    /// grant says.
    ///
    /// # Errors
    ///
    /// Fails where a user has to allow it first, and where a template does.
    pub fn ask(&self, kept: Option<&Token>, scope: &Scope) -> Result<TokenAsk, TokenError> {
        let first = || match (self.grant, &self.refresh_token) {
            (Grant::RefreshToken, Some(first)) => self.filled(first, "refresh token", scope).map(Some),
            _ => Ok(None),
        };
        let refresh = match kept.and_then(|token| token.refresh.clone()) {
            Some(refresh) => Some(refresh),
            None => first()?,
        };
        if let Some(refresh) = refresh {
            let request = self.ask_with_refresh(&refresh, scope)?;
            return Ok(TokenAsk { request, is_refresh: true });
        }
        let mut fields = Fields::default();
        match self.grant {
            Grant::AuthorizationCode | Grant::DeviceCode => return Err(TokenError::LoginNeeded),
            Grant::RefreshToken => {
                let error = EvalError::new("there is no refresh token to begin with", self.token_url.span());
                return Err(error.help("give the first one in `refresh_token`").into());
            }
            Grant::ClientCredentials => fields.add("grant_type", "client_credentials"),
            Grant::Password => {
                fields.add("grant_type", "password");
                if let Some(username) = &self.username {
                    fields.put("username", username.render(scope)?);
                }
                if let Some(password) = &self.password {
                    fields.hide("password", password.render_text(scope)?);
                }
            }
            Grant::JwtBearer => fields.add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        }
        self.add_scopes(&mut fields, scope)?;
        if let Some(audience) = &self.audience {
            fields.put("audience", audience.render(scope)?);
        }
        let assertion = match self.grant {
            Grant::JwtBearer => Some(self.grant_assertion(scope)?),
            _ => None,
        };
        let request = self.prepare(&self.token_url, fields, &[], assertion, scope)?;
        Ok(TokenAsk { request, is_refresh: false })
    }

    fn ask_with_refresh(&self, refresh: &Secret, scope: &Scope) -> Result<Prepared, TokenError> {
        let mut fields = Fields::default();
        fields.add("grant_type", "refresh_token");
        fields.put("refresh_token", Value::Secret(refresh.clone()));
        // A token is for what was allowed first (RFC 6749 §6), which nobody else can know here.
        if self.grant == Grant::RefreshToken {
            self.add_scopes(&mut fields, scope)?;
        }
        Ok(self.prepare(&self.token_url, fields, &["grant_type", "refresh_token"], None, scope)?)
    }

    /// Adds what the token is to allow.
    pub(super) fn add_scopes(&self, fields: &mut Fields, scope: &Scope) -> Result<(), EvalError> {
        let mut scopes = Vec::with_capacity(self.scopes.len());
        for one in &self.scopes {
            let text = one.render_text(scope)?;
            if !text.is_empty() {
                scopes.push(text);
            }
        }
        if !scopes.is_empty() {
            fields.add("scope", scopes.join(self.scope_separator.as_deref().unwrap_or(" ")));
        }
        Ok(())
    }

    /// Renders what may not be empty, as a secret.
    fn filled(&self, template: &Template, what: &str, scope: &Scope) -> Result<Secret, EvalError> {
        crate::auth::proof(template, what, scope).map(Secret::new)
    }

    /// Makes a request to one of the provider's URLs. `fixed` fields are not replaced by those of `request`.
    pub(super) fn prepare(
        &self,
        url: &Template,
        mut fields: Fields,
        fixed: &[&str],
        assertion: Option<String>,
        scope: &Scope,
    ) -> Result<Prepared, EvalError> {
        let request = self.request.as_ref();
        let span = url.span();
        let line = match request.and_then(|request| request.method) {
            Some(method) => format!("{method} {{+url}}"),
            None => "POST {+url}".to_owned(),
        };
        let line = RequestLine::parse(&line, span).map_err(|_| EvalError::new("this is no request", span))?;
        let params = Value::object([("url", checked_url(url, scope)?)]);
        let mut draft = Draft::build(&line, None, &scope.with("params", params)).map_err(|error| at(span, error))?;
        draft.put(&Place::new(Target::Header("Accept".into())), &Value::from("application/json"))?;
        self.add_client(&mut draft, &mut fields, scope)?;
        if let Some(request) = request {
            replace(&mut fields, &request.fields, fixed, scope)?;
            for (name, value) in &request.headers {
                let found = value.evaluate(scope)?.unwrap_or_default();
                let place = Place::new(Target::Header(Arc::clone(&name.value)));
                draft.put(&place, &found).map_err(|error| at(value.span(), error))?;
            }
        }
        let body = request.and_then(|request| request.body).unwrap_or_default();
        let elsewhere = match (assertion, self.assertion.as_ref().and_then(|assertion| assertion.place.as_ref())) {
            (Some(assertion), Some(place)) => Some((place, assertion)),
            (Some(assertion), None) => {
                fields.hide("assertion", assertion);
                None
            }
            (None, _) => None,
        };
        match body {
            TokenRequestBody::Form => draft.set_body(&Body::Form(fields.into_dynamic(span)), scope)?,
            TokenRequestBody::Json => draft.set_body(&Body::Json(fields.into_dynamic(span)), scope)?,
            TokenRequestBody::Query => {
                for (name, value) in fields.0.iter() {
                    let place = Place::new(Target::Query(Arc::clone(name)));
                    draft.put(&place, value).map_err(|error| at(span, error))?;
                }
            }
        }
        if let Some((place, assertion)) = elsewhere {
            draft.hide(&assertion);
            match (place.target(), body) {
                // There is no body to put it into.
                (Target::Body(steps), TokenRequestBody::Query) => {
                    let name = match &**steps {
                        [BodyStep::Member(name)] => Arc::clone(name),
                        _ => return Err(EvalError::new("the fields are sent in the query", place.span())),
                    };
                    draft.put_secret(&Place::new(Target::Query(name)), assertion)?;
                }
                _ => draft.put_secret(place, assertion)?,
            }
        }
        draft.finish().map_err(|error| at(span, error))
    }

    /// Adds what proves who the client is (RFC 6749 §2.3).
    fn add_client(&self, draft: &mut Draft, fields: &mut Fields, scope: &Scope) -> Result<(), EvalError> {
        let id = self.client_id.as_ref().map(|id| id.render(scope)).transpose()?;
        let secret = self.client_secret.as_ref().map(|secret| secret.render_text(scope)).transpose()?;
        match self.client_auth.unwrap_or_default() {
            ClientAuth::Basic => {
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let id = id.as_ref().and_then(Value::text).unwrap_or_default();
                let (id, secret) = (encode(&id), encode(&secret.unwrap_or_default()));
                let credentials = STANDARD.encode(format!("{id}:{secret}"));
                draft.hide(&secret);
                draft.hide(&credentials);
                draft
                    .put_secret(&Place::new(Target::Header("Authorization".into())), format!("Basic {credentials}"))?;
            }
            ClientAuth::Body => {
                if let Some(id) = id {
                    fields.put("client_id", id);
                }
                if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
                    fields.hide("client_secret", secret);
                }
            }
            ClientAuth::PrivateKeyJwt => {
                let assertion = self.client_assertion(scope)?;
                if let Some(id) = id {
                    fields.put("client_id", id);
                }
                fields.add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                fields.hide("client_assertion", assertion);
            }
            ClientAuth::None => {
                if let Some(id) = id {
                    fields.put("client_id", id);
                }
            }
        }
        Ok(())
    }
}

/// The fields of a token request, in their order.
#[derive(Default)]
pub(super) struct Fields(Members);

impl Fields {
    /// Adds a text.
    pub(super) fn add(&mut self, name: &str, text: impl Into<Value>) {
        self.0.insert(name, text.into());
    }

    /// Adds a text that is never shown.
    pub(super) fn hide(&mut self, name: &str, text: String) {
        self.0.insert(name, Value::Secret(Secret::new(text)));
    }

    /// Adds a value.
    pub(super) fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name, value);
    }

    /// Returns the fields.
    pub(super) fn members(&self) -> &Members {
        &self.0
    }

    fn into_dynamic(self, span: Span) -> Dynamic {
        Dynamic::literal(Value::Object(Arc::new(self.0)), span)
    }
}

/// Puts the fields of a spec over those that are there; null takes one out.
pub(super) fn replace(fields: &mut Fields, own: &Map<Dynamic>, fixed: &[&str], scope: &Scope) -> Result<(), EvalError> {
    for (name, value) in own {
        if fixed.contains(&&*name.value) {
            continue;
        }
        match value.evaluate(scope)? {
            None | Some(Value::Null) => _ = fields.0.remove(&name.value),
            Some(found) => fields.0.insert(Arc::clone(&name.value), found),
        }
    }
    Ok(())
}

/// Renders a URL of the provider.
pub(super) fn checked_url(template: &Template, scope: &Scope) -> Result<Value, EvalError> {
    let value = template.render(scope)?;
    let is_url = value
        .text()
        .and_then(|text| Url::parse(&text).ok())
        .is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_url {
        return Ok(value);
    }
    let shown = match &value {
        Value::String(text) => format!("`{text}` is not a URL"),
        Value::Secret(_) => "`***` is not a URL".to_owned(),
        other => format!("a URL is needed here, not {}", other.a_kind()),
    };
    Err(EvalError::new(shown, template.span()).help("begin it with `https://` and a host"))
}

/// Places an error that has no place.
fn at(span: Span, error: EvalError) -> EvalError {
    if error.span == Span::default() { EvalError { span, range: None, ..error } } else { error }
}
