//! Logins of a user on another device (RFC 8628).

use std::time::Duration;

use engine_expr::{EvalError, Scope, Secret, Value};
use jiff::Timestamp;

use super::answered::{form_of, now};
use super::ask::Fields;
use super::refusal::{no_token, refusal};
use super::{OAuth2Auth, TokenAsk, TokenError};
use crate::auth::Token;
use crate::auth::expiry::end_of;
use crate::{Answer, Prepared};

/// How long to wait between two questions, if the provider does not say (RFC 8628 §3.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// A code that a user types on another device.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What is asked with.
    code: Secret,
    /// What the user types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Where it need not be typed.
    pub verification_uri_complete: Option<String>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// How long to wait between two questions.
    pub interval: Duration,
}

/// What came of a question whether the user has allowed the access.
#[derive(Clone, Debug)]
pub enum Polled {
    /// Not yet: ask again.
    Pending,
    /// Not yet: ask again, and less often from now on.
    SlowDown,
    /// Yes.
    Token(Box<Token>),
}

impl OAuth2Auth {
    /// Says what to ask for a code.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn ask_for_device_code(&self, scope: &Scope) -> Result<Prepared, TokenError> {
        let Some(device_url) = &self.device_url else {
            let error = EvalError::new("there is no URL that gives codes to devices", self.token_url.span());
            return Err(error.help("add `device_url`").into());
        };
        let mut fields = Fields::default();
        self.add_scopes(&mut fields, scope)?;
        if let Some(audience) = &self.audience {
            fields.put("audience", audience.render(scope)?);
        }
        // The id is a field of this request, however the client proves itself (RFC 8628 §3.1).
        if let Some(client_id) = &self.client_id {
            fields.put("client_id", client_id.render(scope)?);
        }
        Ok(self.prepare(device_url, fields, &["grant_type"], None, scope)?)
    }

    /// Reads the answer with the code.
    ///
    /// # Errors
    ///
    /// Fails where the server refuses, and where there is no code in the answer.
    pub fn device_code_of(&self, answer: &Answer, scope: &Scope) -> Result<DeviceCode, TokenError> {
        let form = form_of(answer);
        let answer = form.as_ref().unwrap_or(answer);
        let redactor = self.redactor(None, scope);
        let value = answer.value();
        let text = |name: &str| {
            value.get(name).and_then(Value::text).filter(|text| !text.is_empty()).map(std::borrow::Cow::into_owned)
        };
        let lacks = |wanted: &str| {
            refusal(answer, &redactor).unwrap_or_else(|| match no_token(answer, wanted, &redactor) {
                TokenError::NoToken { message, status } => {
                    TokenError::NoToken { message: message.replace("the token URL", "the device URL"), status }
                }
                other => other,
            })
        };
        if !answer.is_success() {
            return Err(lacks("device_code"));
        }
        let now = now(scope, self.token_url.span())?;
        let seconds = value.get("interval").and_then(Value::text).and_then(|text| text.trim().parse::<f64>().ok());
        let interval =
            seconds.filter(|seconds| *seconds > 0.0).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(DeviceCode {
            code: Secret::new(text("device_code").ok_or_else(|| lacks("device_code"))?),
            user_code: text("user_code").ok_or_else(|| lacks("user_code"))?,
            // The second is what Google calls it.
            verification_uri: text("verification_uri")
                .or_else(|| text("verification_url"))
                .ok_or_else(|| lacks("verification_uri"))?,
            verification_uri_complete: text("verification_uri_complete").or_else(|| text("verification_url_complete")),
            expires_at: value.get("expires_in").and_then(|value| end_of(value, now)),
            interval: interval.unwrap_or(INTERVAL),
        })
    }

    /// Says what to ask whether the user has allowed the access.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn ask_with_device_code(&self, code: &DeviceCode, scope: &Scope) -> Result<TokenAsk, TokenError> {
        let mut fields = Fields::default();
        fields.add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        fields.put("device_code", Value::Secret(code.code.clone()));
        let request = self.prepare(&self.token_url, fields, &["grant_type", "device_code"], None, scope)?;
        Ok(TokenAsk { request, is_refresh: false })
    }

    /// Reads the answer to that.
    ///
    /// # Errors
    ///
    /// Fails where the user refuses, and where the code is too old.
    pub fn polled(&self, answer: &Answer, scope: &Scope) -> Result<Polled, TokenError> {
        match self.answered(answer, None, scope) {
            Ok(token) => Ok(Polled::Token(Box::new(token))),
            Err(error) => match error.code() {
                Some("authorization_pending") => Ok(Polled::Pending),
                Some("slow_down") => Ok(Polled::SlowDown),
                _ => Err(error),
            },
        }
    }
}
