//! An answer before it is sent.

use bytes::Bytes;
use engine_expr::Value;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// The content type of JSON.
pub(crate) const JSON: &str = "application/json";

impl Reply {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into() }
    }

    /// Makes an answer that says what is wrong, and what to do.
    pub(crate) fn failure(status: StatusCode, error: String, more: Vec<(&'static str, Value)>) -> Self {
        let members = std::iter::once(("error", Value::from(error))).chain(more);
        Self::new(status, JSON, Value::object(members).to_json())
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            // An example may hold what no header can; then it goes without.
            if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}
