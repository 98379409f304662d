//! The document that describes the API to programs (`OpenAPI` 3.1).

use axum::response::{IntoResponse, Response};
use http::header;

/// The document.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// Returns the document.
pub(super) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}
