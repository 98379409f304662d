//! Collections of Postman, version 2.0 and 2.1 (<https://schema.postman.com>).

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::exchange::{self, Auth, Exchange};
use crate::name::{snake, variable};
use crate::posted::Posted;
use crate::sensitive::{Judgement, is_secret, judge};
use crate::spec::{EndpointDraft, SpecDraft};
use crate::{ImportError, Notes, Options};

/// Makes a spec of all requests of a collection.
pub(crate) fn import(root: &Value, options: &Options, notes: &mut Notes) -> Result<SpecDraft, ImportError> {
    // An export by the API has the collection within.
    let root = root.get("collection").unwrap_or(root);
    if root.get("item").is_none() {
        return Err(ImportError::new("this is no collection of Postman: it has no `item`", "export it as version 2.1"));
    }
    let mut exchanges = Vec::new();
    walk(root, "", auth(root.get("auth")).as_ref(), &mut exchanges, notes);
    let variables: Vec<(String, Option<String>)> = root
        .get("variable")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|it| {
            Some((it.get("key")?.as_str()?.to_owned(), it.get("value").and_then(Value::as_str).map(str::to_owned)))
        })
        .collect();
    // Where the API is may be written into a variable: the same host is one API in either form.
    for exchange in &mut exchanges {
        for (name, value) in &variables {
            if let Some(value) = value.as_ref().filter(|value| value.starts_with("http")) {
                let whole = format!("{}{}", exchange.origin, exchange.path).replace(&format!("{{{{{name}}}}}"), value);
                if whole.contains("://http") || !whole.contains("{{") {
                    let whole = whole.split_once("://http").map_or(whole.clone(), |(_, rest)| format!("http{rest}"));
                    let query = std::mem::take(&mut exchange.query);
                    (exchange.origin, exchange.path, _) = exchange::split(&whole);
                    exchange.query = query;
                }
            }
        }
    }
    let mut options = options.clone();
    if options.name.is_none() {
        options.name = root.pointer("/info/name").and_then(Value::as_str).map(crate::openapi::api_name);
    }
    let mut spec = exchange::spec(exchanges, &options, notes)?;
    let text = root.pointer("/info/description").map(|it| it.get("content").unwrap_or(it)).and_then(Value::as_str);
    spec.description = text.map(crate::openapi::plain).filter(|text| !text.is_empty());
    inputs(&mut spec, &variables);
    Ok(spec)
}

fn walk(folder: &Value, above: &str, inherited: Option<&Auth>, exchanges: &mut Vec<Exchange>, notes: &mut Notes) {
    for item in folder.get("item").and_then(Value::as_array).into_iter().flatten() {
        let name = item.get("name").and_then(Value::as_str).unwrap_or("request");
        let place = if above.is_empty() { name.to_owned() } else { format!("{above} / {name}") };
        let own = auth(item.get("auth")).or_else(|| inherited.cloned());
        if item.get("item").is_some() {
            walk(item, &place, own.as_ref(), exchanges, notes);
            continue;
        }
        let Some(request) = item.get("request") else { continue };
        if item.get("event").is_some() {
            notes.say(&place, "scripts before and after the request were left out");
        }
        exchanges.push(exchange(item, request, name, place, own));
    }
}

fn exchange(item: &Value, request: &Value, name: &str, place: String, inherited: Option<Auth>) -> Exchange {
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_on = |it: &&Value| it.get("disabled") != Some(&Value::Bool(true));
    let pairs = |list: Option<&Value>| -> Vec<(String, String)> {
        let list = list.and_then(Value::as_array).into_iter().flatten().filter(is_on);
        list.map(|it| (text(it, "key"), text(it, "value"))).filter(|(key, _)| !key.is_empty()).collect()
    };
    let url = request.get("url").unwrap_or(&Value::Null);
    let raw = url.as_str().map_or_else(|| text(url, "raw"), str::to_owned);
    let raw = if raw.is_empty() { request.as_str().unwrap_or_default().to_owned() } else { raw };
    let (origin, path, query) = exchange::split(&raw);
    let query = url.get("query").map_or(query, |list| pairs(Some(list)));
    let headers = pairs(request.get("header"));
    let media =
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type")).map(|(_, value)| value.clone());
    let body = request.get("body").filter(is_on).map_or(Posted::Nothing, |body| match text(body, "mode").as_str() {
        "raw" => {
            let is_json = body.pointer("/options/raw/language").is_some_and(|it| it == "json");
            Posted::of(media.as_deref().or(is_json.then_some("application/json")), &text(body, "raw"))
        }
        "urlencoded" => Posted::Form(pairs(body.get("urlencoded"))),
        "formdata" => {
            let list = body.get("formdata").and_then(Value::as_array).into_iter().flatten().filter(is_on);
            Posted::Multipart(list.map(|it| (text(it, "key"), text(it, "value"), text(it, "type") == "file")).collect())
        }
        "graphql" => {
            let graphql = body.get("graphql").unwrap_or(&Value::Null);
            let variables = serde_json::from_str(&text(graphql, "variables")).unwrap_or(Value::Null);
            Posted::Graphql { query: text(graphql, "query"), variables }
        }
        "file" => Posted::File,
        _ => Posted::Nothing,
    });
    let answer = item
        .get("response")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|it| it.get("code").and_then(Value::as_u64).is_none_or(|code| (200..300).contains(&code)))
        .find_map(|it| serde_json::from_str(it.get("body")?.as_str()?).ok());
    let description = request.get("description").map(|it| it.get("content").unwrap_or(it)).and_then(Value::as_str);
    let method = text(request, "method").to_uppercase();
    Exchange {
        place,
        name: Some(name.to_owned()),
        description: description.map(crate::openapi::plain).filter(|text| !text.is_empty()),
        method: if method.is_empty() { "GET".to_owned() } else { method },
        origin,
        path,
        query,
        headers,
        body,
        auth: auth(request.get("auth")).or(inherited),
        answer,
    }
}

fn auth(auth: Option<&Value>) -> Option<Auth> {
    let auth = auth.filter(|auth| !auth.is_null())?;
    let kind = auth.get("type").and_then(Value::as_str).unwrap_or_default();
    // Version 2.1 has lists of pairs where 2.0 has objects.
    let given = |name: &str| {
        let of = auth.get(kind)?;
        match of {
            Value::Array(list) => {
                list.iter().find(|it| it.get("key").is_some_and(|key| key == name))?.get("value")?.as_str()
            }
            other => other.get(name)?.as_str(),
        }
    };
    Some(match kind {
        "noauth" => Auth::None,
        "bearer" => Auth::Bearer,
        "basic" => Auth::Basic,
        "digest" => Auth::Digest,
        "apikey" => {
            let place = if given("in") == Some("query") { "query" } else { "header" };
            Auth::ApiKey { place: format!("{place}.{}", given("key").unwrap_or("X-API-Key")), prefix: None }
        }
        other => Auth::Other(other.to_owned()),
    })
}

/// Makes inputs of the variables that are used, secrets of those that are, and writes them as templates.
fn inputs(spec: &mut SpecDraft, variables: &[(String, Option<String>)]) {
    let (mut used, mut secrets) = (Map::new(), Map::new());
    let api = spec.api.clone();
    let mut put = |text: &str, is_url: bool| -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else { break };
            let bare = name.trim();
            out.push_str(before);
            let is_own = ["params.", "secrets.", "inputs."].iter().any(|own| bare.starts_with(own));
            if is_own || bare.is_empty() {
                _ = write!(out, "{{{{{name}}}}}");
            } else {
                let input = snake(bare.trim_start_matches('$'));
                let value = variables.iter().find(|(known, _)| known == bare).and_then(|(_, value)| value.clone());
                let value = value.filter(|value| !value.is_empty());
                let is_secret =
                    is_secret(bare) || value.as_ref().is_some_and(|it| judge(bare, it) == Judgement::Secret);
                // Where the API is, everybody may see.
                if is_secret && !is_url {
                    secrets.insert(input.clone(), json!({"env": variable(&api, &input)}));
                    _ = write!(out, "{{{{ secrets.{input} }}}}");
                    rest = after;
                    continue;
                }
                let mut declared = json!({"type": "string", "env": variable(&api, &input)});
                match value.filter(|value| judge(bare, value) == Judgement::Plain) {
                    Some(value) => declared["default"] = crate::spec::literal(&json!(value)),
                    None => declared["required"] = json!(true),
                }
                used.insert(input.clone(), declared);
                _ = write!(out, "{{{{ inputs.{input} }}}}");
            }
            rest = after;
        }
        out + rest
    };
    let base_url = std::mem::take(&mut spec.base_url);
    spec.base_url = put(&base_url, true);
    if let Some(rest) = spec.base_url.strip_prefix("https://{{").or_else(|| spec.base_url.strip_prefix("http://{{")) {
        spec.base_url = format!("{{{{{rest}");
    }
    for (_, endpoint) in &mut spec.endpoints {
        for value in
            endpoint.query.values_mut().chain(endpoint.headers.values_mut()).chain(endpoint.params.values_mut())
        {
            each(value, &mut |text| put(text, false));
        }
        inline(endpoint);
    }
    spec.inputs.extend(used);
    spec.secrets.extend(secrets);
}

/// Puts defaults that need an input or a secret where they are used: a param's default is the same for all runs.
fn inline(endpoint: &mut EndpointDraft) {
    let needs_input = |declared: &Value| {
        let default = declared.get("default").map(ToString::to_string).unwrap_or_default();
        default.contains("{{ inputs.") || default.contains("{{ secrets.")
    };
    let names: Vec<String> =
        endpoint.params.iter().filter(|(_, it)| needs_input(it)).map(|(name, _)| name.clone()).collect();
    for name in names {
        let default = endpoint
            .params
            .shift_remove(&name)
            .and_then(|mut it| it.get_mut("default").map(Value::take))
            .unwrap_or_default();
        let used = format!("{{{{ params.{name} }}}}");
        for value in endpoint.query.values_mut().chain(endpoint.body.as_mut()) {
            replace(value, &used, &default);
        }
    }
}

fn replace(value: &mut Value, used: &str, by: &Value) {
    match value {
        Value::String(text) if text == used => value.clone_from(by),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, used, by)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, used, by)),
        _ => {}
    }
}

/// Goes over all texts that hold a variable; as data they were written so that nothing takes them for a template.
fn each(value: &mut Value, put: &mut dyn FnMut(&str) -> String) {
    let literal = value
        .as_object()
        .filter(|it| it.len() == 1)
        .and_then(|it| it.get("value")?.as_str())
        .filter(|it| it.contains("{{"));
    if let Some(text) = literal {
        *value = Value::from(put(text));
        return;
    }
    match value {
        Value::String(text) if text.contains("{{") => *text = put(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, put)),
        Value::Object(members) => members.values_mut().for_each(|member| each(member, put)),
        _ => {}
    }
}
