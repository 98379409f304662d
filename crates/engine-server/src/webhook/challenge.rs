//! Handshakes: a sender asks whether somebody listens who knows what it said.

use axum::response::Response;
use engine_expr::{Scope, Value};
use engine_spec::trigger::Challenge;
use http::{HeaderName, HeaderValue, StatusCode};

use super::answer;
use super::hook::value_at;

/// How long a text may be that is sent back.
const MOST: usize = 4096;

/// Answers a handshake; nothing where it is none.
pub(super) fn answer(challenge: &Challenge, event: &Value, scope: &Scope) -> Option<Response> {
    // Most requests are no handshake, and have nothing of one: what fails is none either.
    let value = value_at(challenge.from(), event, scope).ok().flatten()?;
    if let Challenge::Into(long) = challenge {
        let text = value.text().filter(|text| !text.is_empty() && text.len() <= MOST)?;
        let mut response = answer::of_value(StatusCode::OK, None);
        let name = HeaderName::try_from(long.header.as_str()).ok()?;
        response.headers_mut().insert(name, HeaderValue::try_from(&*text).ok()?);
        return Some(response);
    }
    match &value {
        Value::String(text) if text.is_empty() || text.len() > MOST => None,
        Value::String(_) | Value::Number(_) => {
            let text = Value::from(value.text()?.into_owned());
            Some(answer::of_value(StatusCode::OK, Some(&text)))
        }
        // A text that is made with a secret is meant to be sent: a proof that it is known here.
        Value::Secret(text) => Some(answer::of_value(StatusCode::OK, Some(&Value::from(text.expose())))),
        Value::Object(_) => Some(answer::of_value(StatusCode::OK, Some(&value))),
        Value::Null | Value::Bool(_) | Value::List(_) => None,
    }
}
