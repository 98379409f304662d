//! What may go to which origin (RFC 6454): credentials stay at home.

use engine_plan::Endpoint;
use engine_request::Prepared;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::{Origin, Url};

/// The headers that may go to another origin.
pub(crate) const HARMLESS: [HeaderName; 5] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH];

/// Takes out of a request that goes to another origin whatever could be a credential.
pub(crate) fn strip(request: &mut Prepared) {
    let mut headers = HeaderMap::new();
    let secrets = request.redactor();
    let is_open =
        |value: &HeaderValue| !value.is_sensitive() && !secrets.finds(&String::from_utf8_lossy(value.as_bytes()));
    for name in HARMLESS {
        if let Some(value) = request.headers.get(&name).filter(|value| is_open(value)) {
            headers.insert(name, value.clone());
        }
    }
    request.headers = headers;
}

/// Returns the origin of a request line that writes its host out.
pub(crate) fn named_origin(endpoint: &Endpoint) -> Option<Origin> {
    if endpoint.request.is_path() {
        return None;
    }
    let text = endpoint.request.text();
    let url = text.get(text.find("http")?..)?;
    let rest = url.find("://").map(|at| at + 3)?;
    let end = url.get(rest..)?.find(['/', '?', '#']).map_or(url.len(), |end| rest + end);
    let origin = url.get(..end)?;
    if origin.contains('{') { None } else { Url::parse(origin).ok().map(|url| url.origin()) }
}
