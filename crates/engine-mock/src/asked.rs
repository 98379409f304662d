//! A request as it arrived, and what stands at its places.

use std::collections::HashMap;

use bytes::Bytes;
use engine_expr::{Value, walk};
use engine_request::{BodyStep, Place, Target};
use http::{HeaderMap, Method, Uri, header};
use percent_encoding::percent_decode_str;

use crate::examples::Sent;
use crate::location::segment;

/// What comes before the number in a cursor. No API says this, so it is found wherever a spec puts the cursor.
pub(crate) const CURSOR: &str = "mock-cursor-";

/// The parameter with which the links to further pages carry a cursor.
pub(crate) const CURSOR_PARAM: &str = "mock";

/// A request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// The path as it was sent.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    raw_query: String,
    raw_body: Bytes,
    /// Where it was sent to, where that is not what its headers say: `https://shop.example`.
    origin: Option<String>,
}

/// What a request sends, as far as it is understood.
#[derive(Debug)]
pub(crate) enum Body {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
}

impl Asked {
    pub(crate) fn new(method: Method, uri: &Uri, headers: HeaderMap, raw_body: Bytes) -> Self {
        let raw_query = uri.query().unwrap_or_default().to_owned();
        let pairs =
            |bytes: &[u8]| -> Vec<(String, String)> { url::form_urlencoded::parse(bytes).into_owned().collect() };
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let body = if kind.starts_with("application/x-www-form-urlencoded") {
            Body::Form(pairs(&raw_body))
        } else {
            let json = std::str::from_utf8(&raw_body).ok().and_then(|text| Value::from_json(text).ok());
            json.map_or(Body::None, Body::Json)
        };
        Self {
            method,
            path: uri.path().to_owned(),
            query: pairs(raw_query.as_bytes()),
            headers,
            body,
            raw_query,
            raw_body,
            origin: None,
        }
    }

    /// Takes a request that was not sent over HTTP.
    pub(crate) fn of(sent: Sent<'_>) -> Self {
        let uri = sent.url.as_str().parse().unwrap_or_default();
        let asked = Self::new(sent.method.clone(), &uri, sent.headers.clone(), sent.body.clone());
        Self { origin: Some(sent.url.origin().ascii_serialization()), ..asked }
    }

    /// Returns a parameter of the query; the last one counts, as what was put in later comes later.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the text at a place of the request; `captured` are the params in the path.
    pub(crate) fn at(&self, place: &Place, captured: &HashMap<String, String>) -> Option<String> {
        match place.target() {
            Target::Query(name) => self.param(name).map(str::to_owned),
            Target::Header(name) => self.header(name).map(str::to_owned),
            Target::Cookie(name) => {
                let mut cookies = self.header("cookie")?.split(';').filter_map(|pair| pair.trim().split_once('='));
                cookies.find(|(known, _)| *known == &**name).map(|(_, value)| value.to_owned())
            }
            Target::Path(name) | Target::Params(name) => captured.get(&**name).cloned(),
            Target::Body(steps) => match &self.body {
                Body::Json(value) => {
                    let path: Vec<_> = steps.iter().map(segment).collect();
                    walk(value, &path)?.text().map(std::borrow::Cow::into_owned)
                }
                Body::Form(pairs) => {
                    let name = form_name(steps);
                    pairs.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
                }
                Body::None => None,
            },
            Target::Url => None,
        }
    }

    /// Returns the number of the cursor that the request carries, wherever the spec put it.
    pub(crate) fn cursor(&self) -> Option<usize> {
        let query = percent_decode_str(&self.raw_query).decode_utf8_lossy();
        let path = percent_decode_str(&self.path).decode_utf8_lossy();
        let body = String::from_utf8_lossy(&self.raw_body);
        let headers = self.headers.values().filter_map(|value| value.to_str().ok());
        [&*query, &*path, &*body].into_iter().chain(headers).find_map(|text| {
            let (_, number) = text.rsplit_once(CURSOR)?;
            let end = number.find(|char: char| !char.is_ascii_digit()).unwrap_or(number.len());
            number.get(..end)?.parse().ok()
        })
    }

    /// Returns the URL of the page that a cursor names, for whoever sent this request.
    pub(crate) fn link(&self, cursor: &str) -> String {
        let origin = self.origin.clone();
        let origin = origin.unwrap_or_else(|| format!("http://{}", self.header("host").unwrap_or("127.0.0.1")));
        let kept =
            self.raw_query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with(&format!("{CURSOR_PARAM}=")));
        let mut pairs: Vec<String> = kept.map(str::to_owned).collect();
        pairs.push(format!("{CURSOR_PARAM}={cursor}"));
        format!("{origin}{}?{}", self.path, pairs.join("&"))
    }
}

/// Writes a place of a body as a form names it: `a[b][0]`.
fn form_name(steps: &[BodyStep]) -> String {
    let mut name = String::new();
    for step in steps {
        let text = match step {
            BodyStep::Member(text) => text.to_string(),
            BodyStep::Element(index) => index.to_string(),
        };
        if name.is_empty() {
            name = text;
        } else {
            name = format!("{name}[{text}]");
        }
    }
    name
}
