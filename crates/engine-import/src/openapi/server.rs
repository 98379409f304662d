//! Where an API is.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::document::Document;
use super::words;
use crate::Notes;
use crate::name::{snake, variable};
use crate::spec::SpecDraft;

/// Takes the first server for the base of all URLs.
pub(super) fn servers(document: &Document<'_>, spec: &mut SpecDraft, notes: &mut Notes) {
    let url = if document.is_swagger { swagger(document.root, notes) } else { first(document.root, spec, notes) };
    let Some(mut url) = url else {
        return missing(spec, "", "/servers", notes);
    };
    if let Some(rest) = url.strip_prefix("//") {
        url = format!("https://{rest}");
    }
    if url.contains("://") || url.starts_with("{{") {
        url.trim_end_matches('/').clone_into(&mut spec.base_url);
    } else {
        missing(spec, url.trim_end_matches('/'), "/servers/0/url", notes);
    }
}

/// Lets the user say where the API is.
fn missing(spec: &mut SpecDraft, path: &str, place: &str, notes: &mut Notes) {
    let input = format!("{}_url", spec.api);
    spec.inputs.insert(
        input.clone(),
        json!({"type": "string", "required": true, "env": variable(&spec.api, "url"), "description": "Where the API is, such as https://api.example.com"}),
    );
    let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
    spec.base_url = format!("{{{{ inputs.{input} }}}}{slash}{path}");
    notes.say(place, format!("the document does not say on which host the API is: input `{input}` asks for it"));
}

fn swagger(root: &Value, notes: &mut Notes) -> Option<String> {
    let base = root.get("basePath").and_then(Value::as_str).unwrap_or_default();
    let Some(host) = root.get("host").and_then(Value::as_str).filter(|host| !host.is_empty()) else {
        return Some(base.to_owned()).filter(|base| !base.is_empty());
    };
    let schemes: Vec<&str> =
        root.get("schemes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let scheme = if schemes.is_empty() || schemes.contains(&"https") { "https" } else { "http" };
    if scheme == "http" {
        notes.say("/schemes", "the API is asked without encryption: the document knows `http` only");
    }
    let slash = if base.is_empty() || base.starts_with('/') { "" } else { "/" };
    Some(format!("{scheme}://{host}{slash}{base}"))
}

fn first(root: &Value, spec: &mut SpecDraft, notes: &mut Notes) -> Option<String> {
    let servers = root.get("servers").and_then(Value::as_array)?;
    let server = servers.first()?;
    let others: Vec<&str> = servers.iter().skip(1).filter_map(|it| it.get("url")?.as_str()).take(5).collect();
    if !others.is_empty() {
        notes.say("/servers", format!("the first server is taken; others are {}", others.join(", ")));
    }
    let url = server.get("url").and_then(Value::as_str)?;
    Some(filled(url, server.get("variables").and_then(Value::as_object), spec))
}

/// Makes inputs of the variables of a URL.
fn filled(url: &str, variables: Option<&Map<String, Value>>, spec: &mut SpecDraft) -> String {
    let mut out = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        let input = snake(name);
        let known = variables.and_then(|all| all.get(name));
        let mut declared = Map::new();
        declared.insert("type".to_owned(), json!("string"));
        match known.and_then(|it| it.get("default")).and_then(Value::as_str).filter(|it| !it.is_empty()) {
            Some(default) => declared.insert("default".to_owned(), crate::spec::literal(&json!(default))),
            None => declared.insert("required".to_owned(), json!(true)),
        };
        if let Some(values) =
            known.and_then(|it| it.get("enum")).filter(|it| it.as_array().is_some_and(|it| it.len() > 1))
        {
            declared.insert("enum".to_owned(), values.clone());
        }
        declared.insert("env".to_owned(), json!(variable(&spec.api, &input)));
        if let Some(text) = known.and_then(|it| it.get("description")).and_then(Value::as_str) {
            declared.insert("description".to_owned(), json!(words::plain(text)));
        }
        spec.inputs.insert(input.clone(), Value::Object(declared));
        out.push_str(before);
        _ = write!(out, "{{{{ inputs.{input} }}}}");
        rest = after;
    }
    out + rest
}
