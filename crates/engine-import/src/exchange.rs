//! Requests as somebody sent them: what curl, Postman and HAR have in common.

use std::fmt::Write;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::bodies::Kind;
use crate::name::{Names, snake};
use crate::spec::{EndpointDraft, SpecDraft, literal};
use crate::{ImportError, Notes, Options};

/// A request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    /// Where it is in what was read.
    pub(crate) place: String,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) method: String,
    /// All before the path: `https://api.example.com`.
    pub(crate) origin: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Posted,
    pub(crate) auth: Option<Auth>,
    /// What was answered, as JSON.
    pub(crate) answer: Option<Value>,
}

/// What was sent with a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Posted {
    #[default]
    Nothing,
    Json(Value),
    Form(Vec<(String, String)>),
    /// Fields, each with whether it is a file.
    Multipart(Vec<(String, String, bool)>),
    Text(String),
    Xml(String),
    Graphql {
        query: String,
        variables: Value,
    },
    File,
}

impl Posted {
    /// Reads a body by its media type.
    pub(crate) fn of(media: Option<&str>, text: &str) -> Self {
        if text.is_empty() {
            return Self::Nothing;
        }
        let json = || serde_json::from_str::<Value>(text).ok();
        let form = || url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        match media.and_then(Kind::of) {
            Some(Kind::Json) => json().map_or_else(|| Self::Text(text.to_owned()), Self::Json),
            Some(Kind::Form) => Self::Form(form()),
            Some(Kind::Xml) => Self::Xml(text.to_owned()),
            Some(Kind::File) => Self::File,
            Some(Kind::Text) => Self::Text(text.to_owned()),
            _ => match json() {
                Some(value) if value.is_object() || value.is_array() => Self::Json(value),
                _ if media.is_none() && text.contains('=') && !text.contains([' ', '\n', '<']) => Self::Form(form()),
                _ => Self::Text(text.to_owned()),
            },
        }
    }
}

/// How a request proved who asked. The secrets themselves are never taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    None,
    Bearer,
    Basic,
    Digest,
    ApiKey { place: String, prefix: Option<String> },
    Other(String),
}

/// Headers that a browser or a client sends by itself.
const NOISE: [&str; 31] = [
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "dnt",
    "host",
    "origin",
    "pragma",
    "priority",
    "referer",
    "te",
    "upgrade-insecure-requests",
    "user-agent",
    "x-requested-with",
    "if-none-match",
    "if-modified-since",
    "postman-token",
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
    "purpose",
    "keep-alive",
    "accept-charset",
    "transfer-encoding",
    "expect",
    "proxy-authorization",
    "x-client-data",
];

/// Splits a URL into what stands before the path, the path, and the query.
pub(crate) fn split(url: &str) -> (String, String, Vec<(String, String)>) {
    let url = url.split('#').next().unwrap_or(url);
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = before.split_once("://").map_or(("https", before), |(scheme, rest)| (scheme, rest));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    (format!("{scheme}://{host}"), path.to_owned(), query)
}

/// Tells whether a name is one of something secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '_'], "");
    [
        "apikey",
        "accesstoken",
        "authtoken",
        "token",
        "secret",
        "signature",
        "password",
        "appkey",
        "subscriptionkey",
        "xauth",
    ]
    .iter()
    .any(|word| name.contains(word))
        && !matches!(
            name.as_str(),
            "pagetoken" | "nextpagetoken" | "nexttoken" | "synctoken" | "csrftoken" | "xcsrftoken"
        )
}

/// Makes a spec of requests; those of another host than most are left out.
pub(crate) fn spec(exchanges: Vec<Exchange>, options: &Options, notes: &mut Notes) -> Result<SpecDraft, ImportError> {
    let wanted = |exchange: &Exchange| {
        options.only.is_empty()
            || options.only.iter().any(|only| {
                let only = only.strip_prefix("path:").unwrap_or(only);
                exchange.path.contains(only.trim_end_matches('*'))
                    || exchange.name.as_deref().is_some_and(|name| snake(name).contains(only))
            })
    };
    let exchanges: Vec<Exchange> = exchanges.into_iter().filter(wanted).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for exchange in &exchanges {
        *counts.entry(&exchange.origin).or_default() += 1;
    }
    let most = exchanges.iter().map(|it| it.origin.as_str()).max_by_key(|it| {
        // The first of those that are as many.
        (
            counts.get(it).copied().unwrap_or(0),
            std::cmp::Reverse(exchanges.iter().position(|other| other.origin == *it)),
        )
    });
    let Some(origin) = most.map(str::to_owned) else {
        return Err(ImportError::new("there is no request that was asked for", "check what was given, and `--only`"));
    };
    let api = options.name.clone().unwrap_or_else(|| host_name(&origin));
    let mut spec = SpecDraft { name: api.replace('_', "-"), api: snake(&api), ..SpecDraft::default() };
    let prefix = if exchanges.len() > 1 {
        common_prefix(exchanges.iter().filter(|it| it.origin == origin))
    } else {
        String::new()
    };
    spec.base_url = format!("{origin}{prefix}");
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen: HashMap<(String, String), String> = HashMap::new();
    for exchange in exchanges {
        if exchange.origin != origin {
            *others.entry(exchange.origin).or_default() += 1;
            continue;
        }
        endpoint(exchange, &prefix, &mut spec, &mut seen, notes);
    }
    for (host, count) in others {
        let requests = if count == 1 { "one request".to_owned() } else { format!("{count} requests") };
        notes.say("", format!("{requests} to {host} left out: another host is another API, with a spec of its own"));
    }
    Ok(spec)
}

/// Names an API by its host: `api.shop.example.com` is `shop`.
fn host_name(origin: &str) -> String {
    let host = origin.rsplit("://").next().unwrap_or(origin);
    let host = host.split(':').next().unwrap_or(host);
    if host.contains("{{") || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') || host == "localhost" {
        return "api".to_owned();
    }
    let parts: Vec<&str> = host.split('.').filter(|part| !matches!(*part, "api" | "www" | "rest")).collect();
    snake(match parts.as_slice() {
        [] => "api",
        [one] => one,
        [.., name, _] => name,
    })
}

/// Returns what all paths begin with, in whole parts that hold no id.
fn common_prefix<'e>(exchanges: impl Iterator<Item = &'e Exchange>) -> String {
    let mut common: Option<Vec<String>> = None;
    for exchange in exchanges {
        let parts: Vec<String> = exchange.path.split('/').skip(1).map(str::to_owned).collect();
        // The last part is what is asked for.
        let parts = parts.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default();
        common = Some(match common {
            None => parts,
            Some(known) => {
                known.into_iter().zip(parts).take_while(|(left, right)| left == right).map(|(left, _)| left).collect()
            }
        });
    }
    let parts = common.unwrap_or_default();
    let parts: Vec<&String> = parts.iter().take_while(|part| !is_id(part) && !part.contains('{')).take(3).collect();
    parts.iter().flat_map(|part| ["/", part.as_str()]).collect()
}

fn is_id(part: &str) -> bool {
    let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let has_digit = part.bytes().any(|byte| byte.is_ascii_digit());
    !part.is_empty()
        && (part.bytes().all(|byte| byte.is_ascii_digit())
            || is_hex && part.len() >= 16
            || has_digit && part.len() >= 18)
}

fn endpoint(
    exchange: Exchange,
    prefix: &str,
    spec: &mut SpecDraft,
    seen: &mut HashMap<(String, String), String>,
    notes: &mut Notes,
) {
    let mut names = Names::default();
    let mut params = Map::new();
    let rest = exchange.path.strip_prefix(prefix).unwrap_or(&exchange.path);
    let mut before = "it".to_owned();
    let mut path = String::new();
    for part in rest.split('/').skip(1) {
        path.push('/');
        let given = part.strip_prefix(':').or_else(|| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')));
        if let Some(name) = given.filter(|name| !name.is_empty() && !name.contains('{')) {
            let name = names.take(&snake(name));
            params.insert(name.clone(), json!({"type": "string", "required": true}));
            _ = write!(path, "{{{name}}}");
        } else if is_id(part) {
            let name = names.take(&format!("{}_id", snake(before.strip_suffix('s').unwrap_or(&before))));
            let kind =
                if part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() < 18 { "integer" } else { "string" };
            params.insert(name.clone(), json!({"type": kind, "required": true}));
            _ = write!(path, "{{{name}}}");
        } else {
            part.clone_into(&mut before);
            path.push_str(part);
        }
    }
    let path = if path.is_empty() { "/".to_owned() } else { path };
    if let Some(name) = seen.get(&(exchange.method.clone(), path.clone())) {
        let what = exchange.name.as_deref().unwrap_or("it");
        notes.say(&exchange.place, format!("{what} is the same request as `{name}`, and left out"));
        return;
    }
    let mut endpoint = EndpointDraft {
        description: exchange.description.clone(),
        request: format!("{} {path}", exchange.method),
        ..EndpointDraft::default()
    };
    let found = auth(&exchange, spec, notes);
    match (&spec.auth, found) {
        (_, None) => {}
        (None, Some(auth)) if spec.endpoints.is_empty() => spec.auth = Some(auth).filter(|auth| *auth != json!("none")),
        (Some(general), Some(auth)) if *general == auth => {}
        (_, Some(auth)) => endpoint.auth = Some(auth),
    }
    for (name, value) in &exchange.query {
        if is_secret(name) {
            continue;
        }
        let param = names.take(&snake(name));
        let mut declared = json!({"type": "string"});
        if !value.is_empty() {
            declared["default"] = literal(&json!(value));
        }
        let instead = if value.is_empty() { " | default(none)" } else { "" };
        endpoint.query.insert(name.clone(), json!(format!("{{{{ params.{param}{instead} }}}}")));
        params.insert(param, declared);
    }
    for (name, value) in &exchange.headers {
        let lower = name.to_ascii_lowercase();
        let is_noise = NOISE.contains(&lower.as_str())
            || lower.starts_with("sec-")
            || lower.starts_with(':')
            || lower == "authorization";
        if lower == "cookie" {
            notes.say(&exchange.place, "cookies were left out: log in with `auth: {type: session, …}`");
        }
        if !(is_noise || is_secret(name) || lower == "accept" && value.contains("*/*")) {
            endpoint.headers.insert(name.clone(), literal(&json!(value)));
        }
    }
    endpoint.body = body(exchange.body, &mut names, &mut params);
    if let Some(answer) = exchange.answer {
        if exchange.method == "GET" {
            (endpoint.records, endpoint.key) = records(&answer);
        }
        if answer.to_string().len() <= 20_000 {
            endpoint.example = Some(answer);
        }
    }
    endpoint.params = params;
    let name = exchange.name.as_deref().map_or_else(|| name(&exchange.method, &path), snake);
    seen.insert((exchange.method, path), name.clone());
    spec.add(&name, endpoint);
}

fn name(method: &str, path: &str) -> String {
    let fixed: Vec<String> =
        path.split('/').filter(|part| !part.is_empty() && !part.starts_with('{')).map(snake).collect();
    let noun = fixed.iter().rev().take(2).rev().cloned().collect::<Vec<_>>().join("_");
    let verb = match (method, path.ends_with('}')) {
        ("GET", false) => "list",
        ("GET", true) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "replace",
        ("PATCH", _) => "update",
        (other, _) => &other.to_ascii_lowercase(),
    };
    if noun.is_empty() { verb.to_owned() } else { format!("{verb}_{noun}") }
}

/// Finds out how a request proved who asked, and declares the secrets.
fn auth(exchange: &Exchange, spec: &mut SpecDraft, notes: &mut Notes) -> Option<Value> {
    let found = exchange.auth.clone().or_else(|| {
        let header = exchange.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some((_, value)) = header {
            let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
            return Some(match scheme.to_ascii_lowercase().as_str() {
                "bearer" => Auth::Bearer,
                "basic" => Auth::Basic,
                "digest" => Auth::Digest,
                _ => Auth::ApiKey {
                    place: "header.Authorization".to_owned(),
                    prefix: (!scheme.is_empty() && !rest.is_empty()).then(|| scheme.to_owned()),
                },
            });
        }
        let header =
            exchange.headers.iter().find(|(name, _)| is_secret(name)).map(|(name, _)| format!("header.{name}"));
        let query = || exchange.query.iter().find(|(name, _)| is_secret(name)).map(|(name, _)| format!("query.{name}"));
        header.or_else(query).map(|place| Auth::ApiKey { place, prefix: None })
    })?;
    Some(match found {
        Auth::None => json!("none"),
        Auth::Bearer => json!({"type": "bearer", "token": spec.secret("token")}),
        Auth::Basic => {
            json!({"type": "basic", "username": spec.secret("username"), "password": spec.secret("password")})
        }
        Auth::Digest => {
            json!({"type": "digest", "username": spec.secret("username"), "password": spec.secret("password")})
        }
        Auth::ApiKey { place, prefix } => {
            let mut auth = json!({"type": "api_key", "value": spec.secret("api_key"), "in": place});
            if let Some(prefix) = prefix {
                auth["prefix"] = json!(prefix);
            }
            auth
        }
        Auth::Other(kind) => {
            notes.say(&exchange.place, format!("auth of the kind `{kind}` was not carried over: write `auth` by hand"));
            return None;
        }
    })
}

fn body(body: Posted, names: &mut Names, params: &mut Map<String, Value>) -> Option<Value> {
    let mut whole = |kind: &str, declared: Value| {
        let name = names.take("body");
        params.insert(name.clone(), declared);
        json!({kind: format!("{{{{ params.{name} }}}}")})
    };
    Some(match body {
        Posted::Nothing => return None,
        Posted::Json(value) if value.is_object() => whole("json", json!({"type": "object", "default": data(&value)})),
        Posted::Json(value) if value.is_array() => whole("json", json!({"type": "list", "default": data(&value)})),
        Posted::Json(value) => json!({"json": value}),
        Posted::Text(text) => whole("text", json!({"type": "string", "default": literal(&json!(text))})),
        Posted::Xml(text) => whole("xml", json!({"type": "string", "default": literal(&json!(text))})),
        Posted::File => {
            let name = names.take("file");
            params.insert(
                name.clone(),
                json!({"type": "string", "required": true, "description": "The path of the file"}),
            );
            json!({"file": format!("{{{{ params.{name} }}}}")})
        }
        Posted::Graphql { query, variables } => {
            let name = names.take("variables");
            let query = if query.contains("{{") || query.contains("{%") {
                "{% raw %}".to_owned() + &query + "{% endraw %}"
            } else {
                query
            };
            let members: Map<String, Value> = variables
                .as_object()
                .into_iter()
                .flatten()
                .map(|(member, _)| (member.clone(), json!(format!("{{{{ params.{name}.{member} | default(none) }}}}"))))
                .collect();
            if members.is_empty() {
                return Some(json!({"graphql": {"query": query}}));
            }
            params.insert(name, json!({"type": "object", "default": data(&variables)}));
            json!({"graphql": {"query": query, "variables": members}})
        }
        Posted::Form(fields) => {
            let mut members = Map::new();
            for (name, value) in fields {
                if is_secret(&name) {
                    let param = names.take(&snake(&name));
                    params.insert(param.clone(), json!({"type": "string", "required": true}));
                    members.insert(name, json!(format!("{{{{ params.{param} }}}}")));
                    continue;
                }
                let param = names.take(&snake(&name));
                params.insert(param.clone(), json!({"type": "string", "default": literal(&json!(value))}));
                members.insert(name, json!(format!("{{{{ params.{param} }}}}")));
            }
            json!({"form": members})
        }
        Posted::Multipart(fields) => {
            let mut members = Map::new();
            for (name, value, is_file) in fields {
                let param = names.take(&snake(&name));
                let template = format!("{{{{ params.{param} }}}}");
                if is_file {
                    params.insert(
                        param,
                        json!({"type": "string", "required": true, "description": "The path of the file"}),
                    );
                    members.insert(name, json!({"file": template}));
                } else {
                    params.insert(param, json!({"type": "string", "default": literal(&json!(value))}));
                    members.insert(name, json!(template));
                }
            }
            json!({"multipart": members})
        }
    })
}

/// Keeps data from being taken for paths and templates; what is secret by its name is left empty.
fn data(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(data).collect()),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let is_hidden = value.is_string() && is_secret(name);
                (name.clone(), if is_hidden { json!("") } else { data(value) })
            })
            .collect(),
        other => literal(other),
    }
}

/// Finds the list of records of an answer, and what identifies one.
fn records(answer: &Value) -> (Option<String>, Option<String>) {
    let is_list = |value: &Value| value.as_array().is_some_and(|items| items.first().is_some_and(Value::is_object));
    let key = |list: &Value| {
        let first = list.as_array()?.first()?;
        ["id", "uuid", "guid", "gid", "key"]
            .iter()
            .find(|name| first.get(**name).is_some())
            .map(|name| (*name).to_owned())
    };
    if is_list(answer) {
        return (Some("$".to_owned()), key(answer));
    }
    let lists: Vec<(&String, &Value)> =
        answer.as_object().into_iter().flatten().filter(|(_, value)| is_list(value)).collect();
    match lists.as_slice() {
        [(name, list)] => (Some(crate::openapi::member("$", name)), key(list)),
        _ => (None, None),
    }
}
