//! The signed tokens that ask for tokens (RFC 7523).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine_expr::{EvalError, Members, Scope, Value};
use engine_source::Span;

use super::{Grant, JwtAssertion, OAuth2Auth};
use crate::Period;
use crate::auth::jwt;

/// How long one is valid, if the spec does not say.
const LIFETIME: Period = Period::from_secs(300);

impl OAuth2Auth {
    /// Makes the token that is the grant (RFC 7523 §2.1).
    pub(super) fn grant_assertion(&self, scope: &Scope) -> Result<String, EvalError> {
        let issuer = self.client_id.as_ref().map(|id| id.render(scope)).transpose()?;
        let subject = self.username.as_ref().map(|name| name.render(scope)).transpose()?;
        self.assertion(issuer, subject, true, scope)
    }

    /// Makes the token with which the client proves who it is (RFC 7523 §2.2).
    ///
    /// Where the grant is a signed token too, the claims of the spec are the grant's.
    pub(super) fn client_assertion(&self, scope: &Scope) -> Result<String, EvalError> {
        let Some(client_id) = &self.client_id else {
            let error = EvalError::new("a client that proves itself by a key needs its id", self.token_url.span());
            return Err(error.help("add `client_id`"));
        };
        let id = client_id.render(scope)?;
        self.assertion(Some(id.clone()), Some(id), self.grant != Grant::JwtBearer, scope)
    }

    fn assertion(
        &self,
        issuer: Option<Value>,
        subject: Option<Value>,
        takes_claims: bool,
        scope: &Scope,
    ) -> Result<String, EvalError> {
        let Some(JwtAssertion { algorithm, key, key_encoding, claims, header, lifetime, place: _ }) = &self.assertion
        else {
            let error = EvalError::new("there is no key to sign a token with", self.token_url.span());
            return Err(error.help("add `assertion: {algorithm: RS256, key: \"{{ secrets.key }}\"}`"));
        };
        let mut own = Members::new();
        if let Some(issuer) = issuer {
            own.insert("iss", issuer);
        }
        if let Some(subject) = subject {
            own.insert("sub", subject);
        }
        own.insert("aud", self.token_url.render(scope)?);
        own.insert("jti", Value::from(random(scope, self.token_url.span())?));
        for (name, value) in claims.iter().filter(|_| takes_claims) {
            // Null leaves a claim out, those that are added too.
            own.insert(Arc::clone(&name.value), value.evaluate(scope)?.unwrap_or_default());
        }
        let lifetime = lifetime.as_ref().map(|lifetime| lifetime.resolve(scope)).transpose()?.unwrap_or(LIFETIME);
        jwt::signed(*algorithm, key, key_encoding.unwrap_or_default(), own, header, lifetime, scope)
    }
}

/// Makes a text of 256 random bits that stands anywhere.
pub(super) fn random(scope: &Scope, span: Span) -> Result<String, EvalError> {
    let Some(host) = scope.host() else { return Err(EvalError::new("there is no randomness here", span)) };
    let bytes: Vec<u8> = (0..4).flat_map(|_| host.random().to_be_bytes()).collect();
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
