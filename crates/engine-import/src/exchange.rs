//! Requests as somebody sent them: what curl, Postman and HAR have in common.

use std::fmt::Write;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::name::{Names, snake};
use crate::posted::Posted;
use crate::sensitive::{Judgement, is_hidden_in_answer, is_random, is_secret, judge};
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
const NOISE: [&str; 34] = [
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
    "x-request-id",
    "x-correlation-id",
    "x-amzn-trace-id",
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
            || has_digit && part.len() >= 18
            || is_random(part))
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
        } else if is_id(part) && !(path == "/" && part.len() <= 2) {
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
    // What `auth` puts there is sent once.
    let of_auth = endpoint.auth.as_ref().or(spec.auth.as_ref()).and_then(|auth| auth.get("in")?.as_str());
    let of_auth = of_auth.unwrap_or_default().to_owned();
    for (name, value) in &exchange.query {
        if of_auth.strip_prefix("query.") == Some(name) {
            continue;
        }
        let judgement = judge(name, value);
        if judgement == Judgement::Secret {
            endpoint.query.insert(name.clone(), json!(spec.sent("query", name)));
            continue;
        }
        let param = names.take(&snake(name));
        let mut declared = json!({"type": "string"});
        if judgement == Judgement::Own {
            declared["required"] = json!(true);
        } else if !value.is_empty() {
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
            || lower == "authorization"
            || lower == "accept" && value.contains("*/*");
        match lower.as_str() {
            "cookie" => notes.say(&exchange.place, "cookies were left out: log in with `auth: {type: session, …}`"),
            "idempotency-key" => {
                let message = format!("`{name}` was left out: write `idempotency: {{in: header.{name}}}`");
                notes.say(&exchange.place, message);
                continue;
            }
            _ => {}
        }
        if is_noise || of_auth.strip_prefix("header.").is_some_and(|of_auth| of_auth.eq_ignore_ascii_case(name)) {
            continue;
        }
        let value = match judge(name, value) {
            Judgement::Plain => literal(&json!(value)),
            Judgement::Secret => json!(spec.sent("header", name)),
            Judgement::Own => {
                let param = names.take(&snake(name));
                let template = json!(format!("{{{{ params.{param} }}}}"));
                params.insert(param, json!({"type": "string", "required": true}));
                template
            }
        };
        endpoint.headers.insert(name.clone(), value);
    }
    endpoint.body = exchange.body.body(&mut names, &mut params, spec);
    if let Some(answer) = exchange.answer {
        if exchange.method == "GET" {
            (endpoint.records, endpoint.key) = records(&answer);
        }
        if answer.to_string().len() <= 20_000 {
            endpoint.example = Some(example("", &answer));
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
        let proves =
            |name: &str, value: &str| judge(name, value) == Judgement::Secret || value.is_empty() && is_secret(name);
        let header = exchange
            .headers
            .iter()
            .find(|(name, value)| proves(name, value) && !NOISE.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, _)| format!("header.{name}"));
        let query =
            || exchange.query.iter().find(|(name, value)| proves(name, value)).map(|(name, _)| format!("query.{name}"));
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
            // Another place has another key.
            let general = spec.auth.as_ref().and_then(|auth| auth.get("in")?.as_str());
            let what = match place.split_once('.') {
                Some((_, name)) if general.is_some_and(|general| general != place) => snake(name),
                _ => "api_key".to_owned(),
            };
            let mut auth = json!({"type": "api_key", "value": spec.secret(&what), "in": place});
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

/// Keeps the secrets of a recorded answer, such as that of a login, out of its example.
fn example(name: &str, value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| example(name, item)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), example(name, value))).collect(),
        Value::String(text) if is_hidden_in_answer(name, text) => json!("example"),
        other => other.clone(),
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
