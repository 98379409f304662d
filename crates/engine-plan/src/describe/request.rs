//! A request before it is made: its templates filled in as far as they can be.

use std::collections::BTreeMap;

use engine_expr::Dynamic;
use engine_request::{Body, Part, QueryValue, Target};
use engine_source::Map;
use serde::Serialize;
use serde_json::Value as Json;

use super::Describer;
use super::beginning::Beginning;
use super::fill::{Fill, shown, to_json};
use super::flat;
use crate::plan::Endpoint;

/// A request, as far as it is known before it is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestDescription {
    /// The method.
    pub method: String,
    /// The URL without its query.
    pub url: String,
    /// The query.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub query: serde_json::Map<String, Json>,
    /// The headers.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub headers: serde_json::Map<String, Json>,
    /// The body: its kind, and what it is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
}

/// What whoever uses an endpoint gives it.
pub(super) struct Uses<'a> {
    pub(super) params: &'a Map<Dynamic>,
    pub(super) query: &'a Map<QueryValue>,
    pub(super) headers: &'a Map<QueryValue>,
    pub(super) body: Option<&'a Body>,
    pub(super) beginning: Option<&'a Beginning>,
}

/// Words in the names of headers whose values are not shown, whoever wrote them.
const PRIVATE: [&str; 7] = ["authorization", "cookie", "token", "secret", "api-key", "apikey", "password"];

impl Describer<'_> {
    /// Describes the request of an endpoint.
    pub(super) fn request(&self, endpoint: &Endpoint, uses: &Uses<'_>) -> RequestDescription {
        let mut params = self.params(endpoint, uses.params);
        for (place, value) in uses.beginning.iter().flat_map(|beginning| beginning.sent.places()) {
            if let Target::Params(name) | Target::Path(name) = place.target() {
                params.insert(name.to_string(), to_json(value));
            }
        }
        let fill = self.fill.with_params(params.clone());
        let fill = uses.beginning.map_or(fill.clone(), |beginning| fill.with_window(beginning.window.clone()));
        let mut query = values(&endpoint.query, &fill);
        query.extend(values(uses.query, self.fill));
        let mut headers = values(&endpoint.headers, &fill);
        headers.extend(values(uses.headers, self.fill));
        headers.retain(|_, value| !value.is_null());
        query.retain(|_, value| !value.is_null());
        for (name, value) in &mut headers {
            let name = name.to_ascii_lowercase();
            if PRIVATE.iter().any(|word| name.contains(word)) {
                *value = Json::from("***");
            }
        }
        let body = match uses.body {
            Some(body) => Some(flat::json(body, self.fill)),
            None => endpoint.body.as_ref().map(|body| flat::json(body, &fill)),
        };
        let mut request = RequestDescription {
            method: endpoint.request.method().as_str().to_owned(),
            url: url(endpoint, &params, &fill),
            query,
            headers,
            body,
        };
        if let Some(beginning) = uses.beginning {
            beginning.put(&mut request);
        }
        request
    }

    /// Returns the params of an endpoint, known or as they are written.
    pub(super) fn params(&self, endpoint: &Endpoint, given: &Map<Dynamic>) -> BTreeMap<String, Json> {
        let param = |name: &str, default: Option<&Dynamic>| {
            let value = given.get(name).or(default)?;
            Some((name.to_owned(), self.fill.value(value)))
        };
        endpoint.params.iter().filter_map(|(name, it)| param(&name.value, it.default.as_ref())).collect()
    }
}

fn url(endpoint: &Endpoint, params: &BTreeMap<String, Json>, fill: &Fill) -> String {
    let mut url = String::new();
    if endpoint.request.is_path()
        && let Some(base) = &endpoint.base_url
    {
        url.push_str(fill.text(base).trim_end_matches('/'));
    }
    for part in endpoint.request.parts() {
        match part {
            Part::Text(text) => url.push_str(text),
            Part::Template(template) => url.push_str(&fill.text(template)),
            Part::Param(param) => {
                let unknown = || format!("{{{{ params.{} }}}}", param.name);
                url.push_str(&params.get(&*param.name).map_or_else(unknown, shown));
            }
        }
    }
    url
}

fn values(values: &Map<QueryValue>, fill: &Fill) -> serde_json::Map<String, Json> {
    values.iter().map(|(name, value)| (name.value.to_string(), fill.value(value.value()))).collect()
}

impl RequestDescription {
    /// Returns the method and the URL with its query, in one line.
    pub fn line(&self) -> String {
        let mut pairs = Vec::new();
        for (name, value) in &self.query {
            match value {
                Json::Array(items) => pairs.extend(items.iter().map(|item| format!("{name}={}", flat::text(item)))),
                other => pairs.push(format!("{name}={}", flat::text(other))),
            }
        }
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        format!("{} {}{query}", self.method, self.url)
    }

    /// Returns what else is sent, a line for each thing: headers, the body.
    pub fn more(&self) -> Vec<String> {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {}", flat::text(value)));
        let body = self.body.iter().map(|body| {
            let (kind, _) = flat::kind(body);
            let value = body.as_object().and_then(|members| members.values().next()).map(flat::text);
            format!("body, {kind}: {}", value.unwrap_or_default())
        });
        headers.chain(body).collect()
    }
}
