//! Endpoints with all that they inherit.

use std::sync::Arc;

use engine_expr::{Setting, Template};
use engine_request::{
    Auth, Body, ErrorRule, Idempotency, Incremental, Key, Pagination, Period, QueryValue, RateLimit, Records,
    Redirects, RequestLine, Response, Retry, Tls,
};
use engine_source::{Map, Span};
use engine_spec::{Example, Param};

/// An endpoint, with what its API says applied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The name of its API.
    pub api: String,
    /// Its name in the API.
    pub name: String,
    /// The place of its name.
    pub span: Span,
    /// What it does, for people.
    pub description: Option<String>,
    /// What a call or a read gives it.
    pub params: Map<Param>,
    /// Where its path is joined to; there is one if the request has a path and no URL.
    pub base_url: Option<Template>,
    /// The method and the path or URL.
    pub request: RequestLine,
    /// Values of the query.
    pub query: Map<QueryValue>,
    /// Headers.
    pub headers: Map<QueryValue>,
    /// What of the query and the headers its API says, and not the endpoint itself.
    pub inherited: Inherited,
    /// What is sent with the request.
    pub body: Option<Body>,
    /// How answers are read.
    pub response: Response,
    /// Where the records are; with it the endpoint can be read.
    pub records: Option<Records>,
    /// The members that identify a record.
    pub key: Option<Key>,
    /// How only what is new is read.
    pub incremental: Option<Incremental>,
    /// Whether it is asked if anything has changed since the last complete read.
    pub conditional: Option<Setting<bool>>,
    /// How pages follow each other; none if there is one page.
    pub paginate: Option<Pagination>,
    /// What answers mean, the endpoint's own rules before those of its API; the first that matches wins.
    pub errors: Vec<ErrorRule>,
    /// When a request is sent again; none if never.
    pub retry: Option<Retry>,
    /// How long to wait for an answer; 30 seconds if not given.
    pub timeout: Option<Setting<Period>>,
    /// How fast requests may follow each other; all of them hold.
    pub rate_limits: Vec<Limit>,
    /// How many requests of this endpoint may be in flight, beside what holds for the [whole API](ApiSettings::concurrency).
    pub concurrency: Option<Setting<u32>>,
    /// How requests prove who they are; all are applied.
    pub auth: Vec<Auth>,
    /// How a key is sent by which the API knows a request that it has already had.
    pub idempotency: Option<Idempotency>,
    /// What `engine mock` and `--mock` serve.
    pub example: Option<Example>,
    /// What holds for all connections to the API.
    pub api_settings: Arc<ApiSettings>,
}

/// The names of what an endpoint does not say itself.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Inherited {
    /// Those in its query.
    pub query: Vec<Arc<str>>,
    /// Those of headers.
    pub headers: Vec<Arc<str>>,
}

impl Endpoint {
    /// Returns the name by which it is called: `API.ENDPOINT`.
    pub fn id(&self) -> String {
        format!("{}.{}", self.api, self.name)
    }

    /// Returns whether it can be read: it says where its records are.
    pub fn is_readable(&self) -> bool {
        self.records.is_some()
    }

    /// Returns the params that a call has to give.
    pub fn required_params(&self) -> impl Iterator<Item = &str> {
        self.params.iter().filter(|(_, param)| is_required(param)).map(|(name, _)| &*name.value)
    }
}

/// Returns whether a call has to give a param.
pub(crate) fn is_required(param: &Param) -> bool {
    param.default.is_none() && param.required.as_ref().is_some_and(|it| it.as_value() == Some(&true))
}

/// What holds for all connections to an API.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ApiSettings {
    /// The name of the API.
    pub name: String,
    /// Where paths are joined to, where an endpoint does not say.
    pub base_url: Option<Template>,
    /// How many requests to the API may be in flight at once.
    pub concurrency: Option<Setting<u32>>,
    /// How connections are secured.
    pub tls: Option<Tls>,
    /// The URL of a proxy, or `none`.
    pub proxy: Option<Template>,
    /// Which redirects are followed.
    pub redirects: Redirects,
    /// How many redirects in a row are followed; [`Redirects::MAX`] if not given.
    pub max_redirects: Option<Setting<u32>>,
    /// Other hosts that may be talked to.
    pub allow_hosts: Vec<Template>,
}

/// A rate limit and who shares it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limit {
    /// The name of its bucket: requests with the same one share it.
    pub bucket: String,
    /// The limit.
    pub limit: RateLimit,
}

impl Limit {
    /// Joins a limit and a bucket.
    pub(crate) fn new(bucket: String, limit: RateLimit) -> Self {
        Self { bucket, limit }
    }
}
