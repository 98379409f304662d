//! What is answered.

use axum::body::Body;
use axum::response::Response;
use engine_expr::Value;
use http::{HeaderName, HeaderValue, StatusCode, header};

/// Why a request is not taken.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), headers: Vec::new() }
    }

    /// Asks to try again after so many seconds.
    pub(super) fn later(status: StatusCode, message: impl Into<String>, seconds: u64) -> Self {
        Self::new(status, message).with(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Ends the connection: what is still to come on it is of no use.
    pub(super) fn closing(self) -> Self {
        self.with(header::CONNECTION, HeaderValue::from_static("close"))
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Makes the answer.
    pub(super) fn into_response(self) -> Response {
        let body = Value::object([("error", Value::from(self.message))]).to_json();
        let mut response = with_body(self.status, "application/json", body);
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// Makes an answer of a value: a text as it is, anything else as JSON, nothing of null.
pub(super) fn of_value(status: StatusCode, value: Option<&Value>) -> Response {
    match value {
        None | Some(Value::Null) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            response
        }
        Some(Value::String(text)) => with_body(status, "text/plain; charset=utf-8", text.to_string()),
        Some(value) => with_body(status, "application/json", value.to_json()),
    }
}

/// Answers a question about what is possible here.
pub(super) fn options(allow: &str) -> Response {
    let mut response = of_value(StatusCode::NO_CONTENT, None);
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn with_body(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // What a sender gets back of what it said is never a page.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
