//! APIs: what holds for all their endpoints.

use engine_expr::{Setting, Template};
use engine_request::{
    Auths, ErrorRule, Incremental, Key, Named, Pagination, Period, QueryValue, RateLimits, Records, Redirects,
    Removable, Response, Retry, Tls,
};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ApiWebhook, Endpoint};

/// An API: what holds for all its endpoints, and the endpoints.
///
/// An endpoint inherits what is said here: maps merge by member, null removes, other values replace. Its `errors` come before
/// these, its `rate_limit` holds in addition; `records`, `key`, `incremental` and `conditional` hold for its GETs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "an api", deny_unknown_fields)]
#[schemars(rename = "Api")]
pub struct Api {
    /// What it is, for people.
    pub description: Option<String>,
    /// Where paths are joined to, such as `https://api.example.com/v1`.
    pub base_url: Option<Template>,
    /// How requests prove who they are: one kind of auth, a list of them (all are applied), or `none`.
    pub auth: Option<Auths>,
    /// Values of the query.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<QueryValue>>")]
    pub query: Map<QueryValue>,
    /// Headers.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<QueryValue>>")]
    pub headers: Map<QueryValue>,
    /// How answers are read.
    pub response: Option<Response>,
    /// Where the records are in the body, such as `$.items`; `none` if there are none. With it the endpoint can be read.
    ///
    /// `$` if not given for CSV and NDJSON.
    pub records: Option<Removable<Records>>,
    /// The members that identify a record: for duplicates at the edges of windows, and as a sink's default key.
    pub key: Option<Removable<Key>>,
    /// How only what is new is read.
    pub incremental: Option<Removable<Incremental>>,
    /// Asks whether anything has changed since the last complete read (`ETag`, `Last-Modified`): if not, the answer is 304 and the read
    /// ends without records; false if not given.
    pub conditional: Option<Setting<bool>>,
    /// How the pages of a list follow each other.
    pub paginate: Option<Removable<Pagination>>,
    /// What answers mean; the first rule that matches wins.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<ErrorRule>>")]
    pub errors: Vec<ErrorRule>,
    /// When a request is sent again.
    pub retry: Option<Removable<Retry>>,
    /// How long to wait for an answer; `30s` if not given.
    pub timeout: Option<Setting<Period>>,
    /// How fast requests may follow each other: one limit, a list of limits that all hold, or `none`.
    pub rate_limit: Option<RateLimits>,
    /// How many requests may be in flight at once.
    pub concurrency: Option<Setting<u32>>,
    /// How connections are secured.
    pub tls: Option<Tls>,
    /// The URL of a proxy, of `http`, `https`, `socks5` or `socks5h`; `none` goes straight. The proxies of the machine if not given.
    pub proxy: Option<Template>,
    /// Which redirects are followed; `follow` if not given.
    pub redirects: Option<Redirects>,
    /// How many redirects in a row are followed; 10 if not given.
    pub max_redirects: Option<Setting<u32>>,
    /// Other hosts that may be talked to, such as `files.example.com`; they get no credentials.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Template>>")]
    pub allow_hosts: Vec<Template>,
    /// What can be asked of it.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Endpoint>>")]
    pub endpoints: Named<Endpoint>,
    /// How it sends events, by name: a webhook trigger takes one over by `from: API.NAME`.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<ApiWebhook>>")]
    pub webhooks: Named<ApiWebhook>,
}
