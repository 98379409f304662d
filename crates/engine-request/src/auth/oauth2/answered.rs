//! Answers of token URLs.

use std::borrow::Cow;

use engine_expr::{EvalError, JsonPath, Members, Scope, Secret, Value};
use engine_source::Span;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use url::form_urlencoded;

use super::OAuth2Auth;
use super::refusal::{TokenError, no_token, refusal};
use crate::auth::Token;
use crate::auth::expiry::end_of;
use crate::{Answer, AnswerPlace, Redactor};

impl OAuth2Auth {
    /// Reads the answer to a request for a token. One without a refresh token keeps the old one.
    ///
    /// # Errors
    ///
    /// Fails where the server refuses, in a good answer too, and where the answer has no token.
    pub fn answered(&self, answer: &Answer, kept: Option<&Token>, scope: &Scope) -> Result<Token, TokenError> {
        let form = form_of(answer);
        let answer = form.as_ref().unwrap_or(answer);
        let redactor = self.redactor(kept, scope);
        let token = match self.taken("token", "access_token", answer, scope)? {
            Some(token) if answer.is_success() => token,
            _ => {
                let wanted = self.answer.get("token").map_or(Cow::from("$.access_token"), AnswerPlace::text);
                return Err(refusal(answer, &redactor).unwrap_or_else(|| no_token(answer, &wanted, &redactor)));
            }
        };
        let now = now(scope, self.token_url.span())?;
        let mut fields = Members::new();
        for (name, place) in self.answer.iter() {
            if matches!(&*name.value, "token" | "expires_in" | "expires_at" | "refresh_token") {
                continue;
            }
            if let Some(value) = place.take(answer, scope)?.filter(|value| !value.is_null()) {
                fields.insert(&*name.value, value);
            }
        }
        let expires_in = match self.value("expires_in", "expires_in", answer, scope)? {
            None if self.answer.contains_key("expires_at") => self.value("expires_at", "expires_at", answer, scope)?,
            found => found,
        };
        let refresh = self.taken("refresh_token", "refresh_token", answer, scope)?;
        Ok(Token {
            value: Some(token),
            expires_at: expires_in.and_then(|value| end_of(&value, now)),
            fetched_at: now,
            refresh: refresh.or_else(|| kept.and_then(|kept| kept.refresh.clone())),
            fields: Value::Object(fields.into()),
            cookies: Vec::new(),
        })
    }

    /// Takes something out of an answer: from the place that the spec gives, else by the name of RFC 6749.
    fn value(&self, name: &str, usual: &str, answer: &Answer, scope: &Scope) -> Result<Option<Value>, EvalError> {
        let found = match self.answer.get(name) {
            Some(place) => place.take(answer, scope)?,
            None => JsonPath::new(format!("$.{usual}"), Span::default()).value(answer.value())?,
        };
        Ok(found.filter(|value| !value.is_null()))
    }

    /// Takes a text out of an answer that is never shown.
    fn taken(&self, name: &str, usual: &str, answer: &Answer, scope: &Scope) -> Result<Option<Secret>, EvalError> {
        let found = self.value(name, usual, answer, scope)?;
        let text = found.as_ref().and_then(Value::text).filter(|text| !text.is_empty());
        Ok(text.map(|text| Secret::new(&*text)))
    }

    /// Returns what takes the secrets out of what a server says: it may repeat what it was asked.
    pub(super) fn redactor(&self, kept: Option<&Token>, scope: &Scope) -> Redactor {
        let templates = [&self.client_secret, &self.password, &self.refresh_token];
        let told = templates.into_iter().flatten().filter_map(|template| template.render_text(scope).ok());
        let known = kept.into_iter().flat_map(Token::secrets).cloned();
        Redactor::new(told.map(Secret::new).chain(known))
    }
}

/// Returns the time now.
pub(super) fn now(scope: &Scope, span: Span) -> Result<Timestamp, EvalError> {
    scope.host().map(|host| host.now()).ok_or_else(|| EvalError::new("the time is not known here", span))
}

/// Reads an answer that is a form, as those of GitHub and of old servers are, as one with an object.
pub(super) fn form_of(answer: &Answer) -> Option<Answer> {
    let Value::String(text) = answer.value() else { return None };
    let kind = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
    let is_form = kind.contains("x-www-form-urlencoded")
        || ["access_token=", "error="].iter().any(|start| text.trim_start().starts_with(start));
    if !is_form {
        return None;
    }
    let pairs = form_urlencoded::parse(text.trim().as_bytes());
    let members: Members = pairs.map(|(name, value)| (name.as_ref().into(), Value::from(value.as_ref()))).collect();
    let read = Answer::new(answer.status, answer.headers.clone(), answer.url.clone(), answer.body.clone());
    Some(read.with_value(Value::Object(members.into())))
}
