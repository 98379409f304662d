//! All endpoints of a spec by name, each with what it inherits from its API.
//!
//! Maps merge by member, null and `none` take things off, other values replace; an endpoint's `errors` come before the API's,
//! its `rate_limit` holds in addition; `records`, `key`, `incremental` and `conditional` of an API hold for its GETs.

use std::collections::HashMap;
use std::sync::Arc;

use engine_expr::{Expr, JsonPath, Value};
use engine_request::auth::{OAuth2Auth, SessionAuth, SwitchAuth};
use engine_request::{
    Auth, Auths, Backoff, Body, Format, Method, Pagination, QueryValue, RateLimits, Records, Removable, RequestLine,
    Response, Retry,
};
use engine_source::{Map, Node, Span};
use engine_spec::{Api, Endpoint, Spec};

use crate::check::At;
use crate::plan;

/// All APIs and their endpoints.
pub(crate) struct Catalog<'a> {
    apis: Vec<ApiEntry<'a>>,
    index: HashMap<&'a str, usize>,
}

/// An API and its endpoints.
pub(crate) struct ApiEntry<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// What the spec says about it.
    pub(crate) model: &'a Api,
    /// Where it does.
    pub(crate) at: At<'a>,
    /// What the answers of its auth are kept as: `auth.NAME`.
    pub(crate) kept: Vec<(&'a str, Span)>,
    /// Its endpoints in the order of the file.
    pub(crate) endpoints: Vec<EndpointEntry<'a>>,
    index: HashMap<&'a str, usize>,
}

/// An endpoint.
pub(crate) struct EndpointEntry<'a> {
    /// The name of its API.
    pub(crate) api: &'a str,
    /// Its name.
    pub(crate) name: &'a str,
    /// The place of its name.
    pub(crate) span: Span,
    /// What the spec says about it.
    pub(crate) model: &'a Endpoint,
    /// Where it does.
    pub(crate) at: At<'a>,
    /// It with what it inherits; none if it is made of steps, or has lost its request to a mistake.
    pub(crate) effective: Option<Arc<plan::Endpoint>>,
    /// Its number among the endpoints made of steps, if it is one.
    pub(crate) composite: Option<usize>,
    /// What the answers of its own auth are kept as.
    pub(crate) kept: Vec<(&'a str, Span)>,
    /// Whether something about its records is lost to a mistake, so that nothing can be said.
    is_lost: bool,
}

impl EndpointEntry<'_> {
    /// Returns the name by which it is called.
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", self.api, self.name)
    }

    /// Returns whether it can be read, as far as is known.
    pub(crate) fn is_readable(&self) -> bool {
        self.is_lost || self.effective.as_ref().is_none_or(|effective| effective.is_readable())
    }

    /// Returns whether it says what identifies a record, as far as is known.
    pub(crate) fn has_key(&self) -> bool {
        match &self.effective {
            Some(effective) => effective.key.is_some(),
            None => self.composite.is_none() || self.model.key.as_ref().is_some_and(|key| key.as_set().is_some()),
        }
    }

    /// Returns whether its request makes or changes something each time it is sent, as no key lets the API know it again.
    pub(crate) fn makes_anew(&self) -> bool {
        let Some(effective) = &self.effective else { return false };
        let is_query = matches!(&self.model.body, Some(Body::Graphql(graphql)) if graphql.is_query());
        matches!(effective.request.method(), Method::Post | Method::Patch)
            && effective.idempotency.is_none()
            && !self.at.has("idempotency")
            && effective.records.is_none()
            && !is_query
    }

    /// Returns whether only what is new is read of it.
    pub(crate) fn is_incremental(&self) -> bool {
        match &self.effective {
            Some(effective) => effective.incremental.is_some(),
            None => self.model.incremental.as_ref().is_some_and(|it| it.as_set().is_some()),
        }
    }

    /// Returns whether a call must give a param.
    pub(crate) fn needs_params(&self) -> bool {
        self.model.params.values().any(plan::is_required)
    }
}

impl<'a> Catalog<'a> {
    /// Makes the catalogue of a spec.
    pub(crate) fn new(spec: &'a Spec, root: &'a Node) -> Self {
        let at = At::new(root).get("apis");
        let mut composites = 0;
        let apis: Vec<_> = spec
            .apis
            .iter()
            .map(|(name, api)| ApiEntry::new(&name.value, api, at.get(&name.value), &mut composites))
            .collect();
        let index = apis.iter().enumerate().map(|(index, api)| (api.name, index)).collect();
        Self { apis, index }
    }

    /// Returns the APIs in the order of the file.
    pub(crate) fn apis(&self) -> &[ApiEntry<'a>] {
        &self.apis
    }

    /// Returns an API.
    pub(crate) fn api(&self, name: &str) -> Option<&ApiEntry<'a>> {
        self.apis.get(*self.index.get(name)?)
    }

    /// Returns all endpoints.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &EndpointEntry<'a>> {
        self.apis.iter().flat_map(|api| &api.endpoints)
    }
}

impl<'a> ApiEntry<'a> {
    fn new(name: &'a str, model: &'a Api, at: At<'a>, composites: &mut usize) -> Self {
        let settings = Arc::new(plan::ApiSettings {
            name: name.to_owned(),
            base_url: model.base_url.clone(),
            concurrency: model.concurrency.clone(),
            tls: model.tls.clone(),
            proxy: model.proxy.clone(),
            redirects: model.redirects.unwrap_or_default(),
            max_redirects: model.max_redirects.clone(),
            allow_hosts: model.allow_hosts.clone(),
        });
        let nodes = at.get("endpoints");
        let endpoints: Vec<EndpointEntry<'a>> = model
            .endpoints
            .iter()
            .map(|(key, endpoint)| {
                let at = nodes.get(&key.value);
                let request = endpoint.request.as_ref().filter(|_| endpoint.steps.is_none());
                let composite = endpoint.steps.as_ref().map(|_| *composites);
                *composites += usize::from(composite.is_some());
                EndpointEntry {
                    api: name,
                    name: &key.value,
                    span: key.span,
                    model: endpoint,
                    at,
                    effective: request.map(|request| {
                        Arc::new(effective(model, endpoint, request, at, &settings, &key.value, key.span))
                    }),
                    composite,
                    kept: kept(endpoint.auth.as_ref()),
                    is_lost: endpoint.records.is_none() && at.has("records") && !at.is_null("records"),
                }
            })
            .collect();
        let index = endpoints.iter().enumerate().map(|(index, endpoint)| (endpoint.name, index)).collect();
        Self { name, model, at, kept: kept(model.auth.as_ref()), endpoints, index }
    }

    /// Returns an endpoint.
    pub(crate) fn endpoint(&self, name: &str) -> Option<&EndpointEntry<'a>> {
        self.endpoints.get(*self.index.get(name)?)
    }
}

/// Joins what an endpoint says and what its API says.
fn effective(
    api: &Api,
    own: &Endpoint,
    request: &RequestLine,
    at: At<'_>,
    settings: &Arc<plan::ApiSettings>,
    name: &str,
    span: Span,
) -> plan::Endpoint {
    let response = response(api.response.as_ref(), own.response.as_ref(), at);
    let is_get = request.method() == Method::Get;
    let records = removable(own.records.as_ref(), at.is_null("records"), api.records.as_ref().filter(|_| is_get));
    let lines = matches!(response.format, Some(Format::Csv | Format::Ndjson));
    let records = match records {
        None if lines && own.records.is_none() && !at.is_null("records") => {
            Some(Records::At(Expr::Path(JsonPath::new("$", span))))
        }
        // A file has none.
        _ if response.format == Some(Format::Binary) => None,
        records => records,
    };
    let paginate = removable(own.paginate.as_ref(), at.is_null("paginate"), api.paginate.as_ref());
    let id = format!("{}.{name}", settings.name);
    let api_limits = if matches!(own.rate_limit, Some(RateLimits::None)) { None } else { api.rate_limit.as_ref() };
    plan::Endpoint {
        api: settings.name.clone(),
        name: name.to_owned(),
        span,
        description: own.description.clone(),
        params: own.params.clone().into_map(),
        base_url: inherited(own.base_url.as_ref(), at.is_null("base_url"), api.base_url.as_ref()),
        request: request.clone(),
        query: merged(&api.query, &own.query),
        headers: merged(&api.headers, &own.headers),
        inherited: plan::Inherited {
            query: others(&api.query, |name| own.query.iter().any(|(own, _)| own.value == *name)),
            headers: others(&api.headers, |name| {
                own.headers.iter().any(|(own, _)| own.value.eq_ignore_ascii_case(name))
            }),
        },
        body: own.body.clone(),
        response,
        records,
        key: removable(own.key.as_ref(), at.is_null("key"), api.key.as_ref().filter(|_| is_get)),
        incremental: removable(
            own.incremental.as_ref(),
            at.is_null("incremental"),
            api.incremental.as_ref().filter(|_| is_get),
        ),
        conditional: inherited(
            own.conditional.as_ref(),
            at.is_null("conditional"),
            api.conditional.as_ref().filter(|_| is_get),
        ),
        paginate: paginate.filter(|paginate| !matches!(paginate, Pagination::None(_))),
        errors: own.errors.iter().chain(&api.errors).cloned().collect(),
        retry: retry(api.retry.as_ref(), own.retry.as_ref(), at.is_null("retry")),
        timeout: inherited(own.timeout.as_ref(), at.is_null("timeout"), api.timeout.as_ref()),
        rate_limits: limits(&settings.name, &settings.name, api_limits)
            .chain(limits(&settings.name, &id, own.rate_limit.as_ref()))
            .collect(),
        concurrency: own.concurrency.clone(),
        auth: auth(own.auth.as_ref(), at.is_null("auth"), api.auth.as_ref()),
        idempotency: own.idempotency.as_ref().and_then(Removable::as_set).cloned(),
        example: own.example.clone(),
        api_settings: Arc::clone(settings),
    }
}

fn inherited<T: Clone>(own: Option<&T>, is_null: bool, api: Option<&T>) -> Option<T> {
    own.or(api.filter(|_| !is_null)).cloned()
}

fn removable<T: Clone>(own: Option<&Removable<T>>, is_null: bool, api: Option<&Removable<T>>) -> Option<T> {
    own.or(api.filter(|_| !is_null)).and_then(Removable::as_set).cloned()
}

/// Lays one map over another; null removes.
fn merged(api: &Map<QueryValue>, own: &Map<QueryValue>) -> Map<QueryValue> {
    let mut all = api.clone();
    for (key, value) in own {
        all.insert(key.clone(), value.clone());
    }
    let is_null =
        |value: &QueryValue| matches!(value, QueryValue::Plain(value) if value.as_literal() == Some(&Value::Null));
    all.into_iter().filter(|(_, value)| !is_null(value)).collect()
}

/// Returns the names in the map of an API that are not an endpoint's own.
fn others(api: &Map<QueryValue>, is_own: impl Fn(&Arc<str>) -> bool) -> Vec<Arc<str>> {
    api.iter().map(|(name, _)| Arc::clone(&name.value)).filter(|name| !is_own(name)).collect()
}

fn response(api: Option<&Response>, own: Option<&Response>, at: At<'_>) -> Response {
    if at.is_null("response") {
        return Response::default();
    }
    let (Some(api), Some(own)) = (api, own) else { return own.or(api).cloned().unwrap_or_default() };
    let at = at.get("response");
    Response {
        format: inherited(own.format.as_ref(), at.is_null("format"), api.format.as_ref()),
        compression: inherited(own.compression.as_ref(), at.is_null("compression"), api.compression.as_ref()),
        encoding: inherited(own.encoding.as_ref(), at.is_null("encoding"), api.encoding.as_ref()),
        csv: inherited(own.csv.as_ref(), at.is_null("csv"), api.csv.as_ref()),
        xml: inherited(own.xml.as_ref(), at.is_null("xml"), api.xml.as_ref()),
        to: inherited(own.to.as_ref(), at.is_null("to"), api.to.as_ref()),
        body: inherited(own.body.as_ref(), at.is_null("body"), api.body.as_ref()),
        max_size: inherited(own.max_size.as_ref(), at.is_null("max_size"), api.max_size.as_ref()),
        max_headers: inherited(own.max_headers.as_ref(), at.is_null("max_headers"), api.max_headers.as_ref()),
        max_header_size: inherited(
            own.max_header_size.as_ref(),
            at.is_null("max_header_size"),
            api.max_header_size.as_ref(),
        ),
    }
}

/// None means that nothing is sent again.
fn retry(api: Option<&Removable<Retry>>, own: Option<&Removable<Retry>>, is_null: bool) -> Option<Retry> {
    let api = api.filter(|_| !is_null);
    match (own, api) {
        (Some(Removable::None), _) | (None, Some(Removable::None)) => None,
        (None, None) => Some(Retry::default()),
        (Some(Removable::Set(one)), None | Some(Removable::None)) | (None, Some(Removable::Set(one))) => {
            Some(one.clone())
        }
        (Some(Removable::Set(own)), Some(Removable::Set(api))) => {
            let backoff = match (&own.backoff, &api.backoff) {
                (Some(own), Some(api)) => Some(Backoff {
                    initial: own.initial.clone().or_else(|| api.initial.clone()),
                    max: own.max.clone().or_else(|| api.max.clone()),
                    multiplier: own.multiplier.clone().or_else(|| api.multiplier.clone()),
                    jitter: own.jitter.clone().or_else(|| api.jitter.clone()),
                }),
                (own, api) => own.clone().or_else(|| api.clone()),
            };
            Some(Retry {
                attempts: own.attempts.clone().or_else(|| api.attempts.clone()),
                backoff,
                on: own.on.clone().or_else(|| api.on.clone()),
                wait_from: own.wait_from.clone().or_else(|| api.wait_from.clone()),
                max_elapsed: own.max_elapsed.clone().or_else(|| api.max_elapsed.clone()),
            })
        }
    }
}

fn limits<'b>(api: &'b str, owner: &'b str, limits: Option<&'b RateLimits>) -> impl Iterator<Item = plan::Limit> + 'b {
    let limits = limits.and_then(Removable::as_set).map(engine_request::OneOrMany::as_slice).unwrap_or_default();
    limits.iter().enumerate().map(move |(index, limit)| {
        let bucket = match &limit.group {
            Some(group) => format!("{api}/{group}"),
            None => format!("{owner}#{index}"),
        };
        plan::Limit::new(bucket, limit.clone())
    })
}

fn auth(own: Option<&Auths>, is_null: bool, api: Option<&Auths>) -> Vec<Auth> {
    let auths = own.or(api.filter(|_| !is_null)).and_then(Removable::as_set);
    auths.into_iter().flatten().filter(|auth| !matches!(auth, Auth::None(_))).cloned().collect()
}

/// Returns what the answers of auths are kept as: `auth.NAME`.
fn kept(auths: Option<&Auths>) -> Vec<(&str, Span)> {
    let mut names = Vec::new();
    for auth in auths.and_then(Removable::as_set).into_iter().flatten() {
        match auth {
            Auth::Oauth2(oauth2) => {
                let OAuth2Auth { answer, .. } = &**oauth2;
                names.extend(answer.iter().map(|(name, _)| (&*name.value, name.span)));
                names.extend(["token", "expires_in", "refresh_token"].map(|name| (name, Span::default())));
            }
            Auth::Session(SessionAuth { answer, .. }) => {
                names.extend(answer.iter().map(|(name, _)| (&*name.value, name.span)));
            }
            Auth::Switch(SwitchAuth { cases, .. }) => {
                for (_, auths) in cases {
                    names.extend(kept(Some(auths)));
                }
            }
            _ => {}
        }
    }
    names
}
