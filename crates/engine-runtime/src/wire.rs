//! What goes over the wire, as it may be shown: for whoever asks for it with `-vvv`.

use std::fmt::Write as _;

use engine_request::{Answer, Prepared};
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Level;

use crate::exchange::Asked;
use crate::hidden::Hidden;
use crate::page::excerpt;
use crate::transport::TransportError;

/// Tells of a request that goes out.
pub(crate) fn sent(asked: &Asked<'_>, request: &Prepared, hidden: &Hidden) {
    if !tracing::enabled!(Level::TRACE) {
        return;
    }
    let mut text = format!("> {} {}{}", request.method, request.shown_url, asked.place);
    headers(&mut text, '>', &request.headers);
    body(&mut text, '>', &request.body.as_bytes().unwrap_or_default());
    show(&text, request, hidden);
}

/// Tells of an answer.
pub(crate) fn came(asked: &Asked<'_>, request: &Prepared, answer: &Answer, hidden: &Hidden) {
    if !tracing::enabled!(Level::TRACE) {
        return;
    }
    let mut text = format!("< {} {} {}{}", answer.status, request.method, request.shown_url, asked.place);
    if asked.without.is_empty() {
        headers(&mut text, '<', &answer.headers);
        body(&mut text, '<', &answer.body);
    } else {
        // Nobody knows yet which of it is the token.
        text.push_str("\n< what a login gives is not shown");
    }
    show(&text, request, hidden);
}

/// Tells that there is no answer.
pub(crate) fn nothing_came(asked: &Asked<'_>, request: &Prepared, error: &TransportError, hidden: &Hidden) {
    if tracing::enabled!(Level::TRACE) {
        let text = format!("< no answer: {} {}{}: {error}", request.method, request.shown_url, asked.place);
        show(&text, request, hidden);
    }
}

fn headers(text: &mut String, sign: char, headers: &HeaderMap) {
    for (name, value) in headers {
        // Writing to a text does not fail.
        _ = write!(text, "\n{sign} {name}: {}", shown(name, value));
    }
}

/// What proves who is asking is never shown; nor is what may do so next time.
fn shown(name: &HeaderName, value: &HeaderValue) -> String {
    use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
    if value.is_sensitive() || [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE].contains(name) {
        return "***".to_owned();
    }
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn body(text: &mut String, sign: char, body: &[u8]) {
    if !body.is_empty() {
        _ = write!(text, "\n{sign} {}", excerpt(body));
    }
}

fn show(text: &str, request: &Prepared, hidden: &Hidden) {
    tracing::trace!("{}", hidden.redact(&request.redactor().redact(text)));
}
