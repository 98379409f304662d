//! Endpoints: functions that a step calls or reads.

use engine_expr::{Setting, Template};
use engine_request::{
    Auths, Body, ErrorRule, Group, Idempotency, Incremental, Key, Named, Pagination, Period, QueryValue, RateLimits,
    Records, Removable, RequestLine, Response, Retry, exclusive, groups_schema,
};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Example, Param, Step};

const GROUPS: &[Group] = &[Group::at_most_one(&["request", "steps"])];

/// An endpoint: a function with params, made of one request or of steps.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "an endpoint", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "Endpoint", transform = groups_schema(GROUPS))]
pub struct Endpoint {
    /// What it does, for people.
    pub description: Option<String>,
    /// The method and the path or URL: `GET /orders/{order_id}`.
    pub request: Option<RequestLine>,
    /// Steps in place of a request; its records are those of the steps that no other of them takes.
    pub steps: Option<Vec<Step>>,
    /// What a call or a read gives it.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Param>>")]
    pub params: Named<Param>,
    /// What is sent with the request.
    pub body: Option<Body>,
    /// Sends a key with every request that is the same on every attempt.
    pub idempotency: Option<Removable<Idempotency>>,
    /// A response body, or the path of a file with one: what `engine mock` and `--mock` serve.
    pub example: Option<Example>,
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
}

exclusive!(Endpoint, "an endpoint", GROUPS);
