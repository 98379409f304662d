//! Parameters of an operation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::document::Document;
use super::operation::Operation;
use super::words;
use crate::Notes;
use crate::bodies::{self, Kind};
use crate::name::{Names, snake};
use crate::spec::{EndpointDraft, SpecDraft, literal};

/// How many values an `enum` may have.
const VALUES: usize = 60;

/// The params of an endpoint, and where each goes.
#[derive(Default)]
pub(super) struct Params {
    names: Names,
    declared: Map<String, Value>,
    /// What stands in the path for each of its names.
    in_path: BTreeMap<String, String>,
    /// The param of each member of the query, its name in the document, and the way it is written.
    pub(super) query: Vec<InQuery>,
    headers: Map<String, Value>,
    swagger_form: Vec<(String, String, bool, bool)>,
    swagger_body: Option<Value>,
}

/// A member of the query.
pub(super) struct InQuery {
    /// As the API knows it.
    pub(super) name: String,
    param: String,
    is_required: bool,
    style: Option<&'static str>,
    /// The most that it may be.
    pub(super) maximum: Option<u64>,
    pub(super) default: Option<u64>,
}

/// Headers that the engine sends by itself.
const OWN_HEADERS: [&str; 7] =
    ["accept", "content-type", "authorization", "user-agent", "content-length", "host", "accept-encoding"];

/// Gathers the parameters of an operation: its own, and those of its path.
pub(super) fn params(operation: &Operation<'_>, spec: &SpecDraft, notes: &mut Notes) -> Params {
    let document = operation.document;
    let mut list: Vec<&Value> = Vec::new();
    for of in [operation.own, operation.item] {
        for (number, one) in of.get("parameters").and_then(Value::as_array).into_iter().flatten().enumerate() {
            match document.resolve(one) {
                Ok(one) => {
                    let same =
                        |other: &&Value| other.get("name") == one.get("name") && other.get("in") == one.get("in");
                    if !list.iter().any(same) {
                        list.push(one);
                    }
                }
                Err(reference) => notes.say(
                    format!("{}/parameters/{number}", operation.place),
                    format!("`{reference}` is not in this document: the parameter is left out"),
                ),
            }
        }
    }
    let mut params = Params::default();
    let credentials: Vec<String> = places(spec.auth.as_ref());
    for one in list {
        let name = one.get("name").and_then(Value::as_str).unwrap_or_default();
        let place = one.get("in").and_then(Value::as_str).unwrap_or_default();
        if credentials.iter().any(|known| known.eq_ignore_ascii_case(&format!("{place}.{name}"))) {
            continue;
        }
        // A credential as a parameter of each operation, beside the way that the document knows.
        let is_credential =
            ["token", "access_token", "api_key", "apikey"].contains(&name.to_ascii_lowercase().as_str());
        if is_credential && spec.auth.is_some() && matches!(place, "header" | "query") {
            continue;
        }
        params.take(document, one, name, place, &operation.place, notes);
    }
    // A name in the path that is not declared is one all the same.
    for name in names_in(operation.path) {
        if !params.in_path.contains_key(name) {
            let param = params.declare(&snake(name), json!({"type": "string", "required": true}));
            params.in_path.insert(name.to_owned(), param);
        }
    }
    params
}

/// The places where the auth of an API puts something.
fn places(auth: Option<&Value>) -> Vec<String> {
    let list = match auth {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    list.into_iter().filter_map(|auth| auth.get("in")?.as_str().map(str::to_owned)).collect()
}

fn names_in(path: &str) -> Vec<&str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
        .filter(|it| !it.is_empty())
        .collect()
}

impl Params {
    fn take<'d>(
        &mut self,
        document: &Document<'d>,
        one: &'d Value,
        name: &str,
        place: &str,
        at: &str,
        notes: &mut Notes,
    ) {
        let schema = match one.get("schema") {
            Some(schema) => document.look(schema),
            None => one
                .get("content")
                .and_then(Value::as_object)
                .and_then(|content| content.values().next())
                .map_or(one, |media| document.member(media, "schema")),
        };
        let is_required = one.get("required") == Some(&Value::Bool(true));
        if place == "header" && !is_header(name) {
            notes.say(at, format!("the header `{name}` is left out: that is no name of one"));
            return;
        }
        match place {
            "path" => {
                let declared = declaration(document, schema, one, true);
                let param = self.declare(&snake(name), declared);
                self.in_path.insert(name.to_owned(), param);
            }
            "query" => {
                let param = self.declare(&snake(name), declaration(document, schema, one, is_required));
                let number = |key: &str| schema.get(key).and_then(Value::as_u64);
                self.query.push(InQuery {
                    name: name.to_owned(),
                    param,
                    is_required,
                    style: style(document, one, schema),
                    maximum: number("maximum"),
                    default: number("default"),
                });
            }
            "header" if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) => {}
            "header" => {
                let param = self.declare(&snake(name), declaration(document, schema, one, is_required));
                let value = self.value(&param, is_required);
                self.headers.insert(name.to_owned(), value);
            }
            "formData" => {
                let is_file = one.get("type").is_some_and(|kind| kind == "file");
                let param = self.declare_field(document, name, one, is_required, is_file);
                self.swagger_form.push((name.to_owned(), param, is_required, is_file));
            }
            "body" => self.swagger_body = Some(one.clone()),
            "cookie" => notes.say(at, format!("the cookie `{name}` is left out: send it as `headers: {{Cookie: …}}`")),
            other => notes.say(at, format!("the parameter `{name}` in `{other}` is left out")),
        }
    }

    /// Declares a param, and returns its name.
    pub(super) fn declare(&mut self, wanted: &str, declared: Value) -> String {
        let name = self.names.take(wanted);
        self.declared.insert(name.clone(), declared);
        name
    }

    /// Declares a param for a field of a form.
    pub(super) fn declare_field<'d>(
        &mut self,
        document: &Document<'d>,
        name: &str,
        schema: &'d Value,
        is_required: bool,
        is_file: bool,
    ) -> String {
        if !is_file {
            return self.declare(&snake(name), declaration(document, schema, schema, is_required));
        }
        let text = words::description(schema, "")
            .map_or_else(|| "The path of the file".to_owned(), |text| format!("The path of a file: {text}"));
        // A file that is not there can't be left out, so it has to be named.
        self.declare(&snake(name), json!({"type": "string", "required": true, "description": text}))
    }

    /// Returns the template that gives a param; null where it is not given.
    pub(super) fn value(&self, param: &str, is_required: bool) -> Value {
        let has_default = self.declared.get(param).is_some_and(|declared| declared.get("default").is_some());
        let instead = if is_required || has_default { "" } else { " | default(none)" };
        json!(format!("{{{{ params.{param}{instead} }}}}"))
    }

    /// Declares the whole body.
    pub(super) fn body(&mut self, kind: Kind, is_required: bool, described: &str) -> Value {
        let (wanted, what) = match kind {
            Kind::Json | Kind::Form | Kind::Multipart => ("body", "object"),
            Kind::Xml | Kind::Text => ("body", "string"),
            Kind::File => ("file", "string"),
        };
        let mut declared = json!({"type": what});
        if is_required || kind != Kind::Json {
            declared["required"] = json!(true);
        } else {
            declared["default"] = json!({});
        }
        if !described.is_empty() {
            declared["description"] = json!(described);
        }
        let param = self.declare(wanted, declared);
        json!({kind.key(): format!("{{{{ params.{param} }}}}")})
    }

    /// The body as Swagger 2.0 has it: one parameter for all of it, or one for each field.
    pub(super) fn swagger_body(&mut self, operation: &Operation<'_>) -> Option<Value> {
        let consumes = operation.own.get("consumes").or_else(|| operation.document.root.get("consumes"));
        let media: Vec<&str> =
            consumes.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(body) = self.swagger_body.take() {
            let (kind, _) = bodies::best(&media).unwrap_or((Kind::Json, ""));
            let kind = if matches!(kind, Kind::Form | Kind::Multipart) { Kind::Json } else { kind };
            let schema = body.get("schema").cloned().unwrap_or_default();
            let schema = match schema
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|it| operation.document.root.pointer(it.trim_start_matches('#')))
            {
                Some(schema) => schema.clone(),
                None => schema,
            };
            let described = Operation::described_owned(&schema);
            return Some(self.body(kind, body.get("required") == Some(&Value::Bool(true)), &described));
        }
        let fields = std::mem::take(&mut self.swagger_form);
        if fields.is_empty() {
            return None;
        }
        let has_file = fields.iter().any(|(_, _, _, is_file)| *is_file);
        let kind = if has_file || media.first().is_some_and(|it| it.starts_with("multipart/")) {
            Kind::Multipart
        } else {
            Kind::Form
        };
        let written: Map<String, Value> = fields
            .into_iter()
            .map(|(name, param, is_required, is_file)| {
                let value = self.value(&param, is_required);
                (name, if is_file { json!({"file": value}) } else { value })
            })
            .collect();
        Some(json!({kind.key(): written}))
    }

    /// Takes a member of the query away: something else puts it in.
    pub(super) fn remove_query(&mut self, name: &str) {
        if let Some(at) = self.query.iter().position(|it| it.name == name) {
            let removed = self.query.remove(at);
            self.declared.shift_remove(&removed.param);
        }
    }

    /// Writes the path with the names of params.
    pub(super) fn path(&self, path: &str) -> String {
        let path = path.split('#').next().unwrap_or(path);
        // A query in the path is sent as it is written.
        let mut out = path.to_owned();
        for (name, param) in &self.in_path {
            out = out.replace(&format!("{{{name}}}"), &format!("{{{param}}}"));
        }
        out = out.replace(' ', "%20");
        if out.starts_with('/') { out } else { format!("/{out}") }
    }

    /// Gives all of it to the endpoint.
    pub(super) fn finish(self, endpoint: &mut EndpointDraft) {
        for member in &self.query {
            let value = self.value(&member.param, member.is_required);
            let value = match member.style {
                Some(style) => json!({"value": value, "style": style}),
                None => value,
            };
            endpoint.query.insert(member.name.clone(), value);
        }
        endpoint.headers = self.headers;
        // Those that must be given stand first.
        let (must, may): (Vec<_>, Vec<_>) =
            self.declared.into_iter().partition(|(_, declared)| declared.get("required").is_some());
        endpoint.params = must.into_iter().chain(may).collect();
    }
}

/// Tells whether a text may be the name of a header (RFC 9110 §5.6.2).
pub(super) fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// How a list or an object is written, where it is not the usual way.
fn style<'d>(document: &Document<'d>, one: &Value, schema: &'d Value) -> Option<&'static str> {
    let kind = document.kind(schema)?;
    if document.is_swagger {
        let format = one.get("collectionFormat").and_then(Value::as_str).unwrap_or("csv");
        return match (kind, format) {
            ("array", "pipes") => Some("pipes"),
            ("array", "ssv") => Some("spaces"),
            ("array", "multi") => None,
            ("array", _) => Some("comma"),
            _ => None,
        };
    }
    let explodes = one.get("explode").and_then(Value::as_bool);
    let style = one.get("style").and_then(Value::as_str).unwrap_or("form");
    match (kind, style) {
        ("object", "deepObject") => Some("deep_object"),
        ("array", "spaceDelimited") => Some("spaces"),
        ("array", "pipeDelimited") => Some("pipes"),
        ("array", "form") if explodes == Some(false) => Some("comma"),
        // PHP and Rails know a list by the brackets, and documents write it in both ways.
        ("array", "deepObject") => Some("brackets"),
        _ => None,
    }
}

/// Declares a param by its schema.
fn declaration<'d>(document: &Document<'d>, schema: &'d Value, described: &Value, is_required: bool) -> Value {
    let mut declared = Map::new();
    let kind = kind(document, schema);
    declared.insert("type".to_owned(), json!(kind));
    let fits = |value: &Value| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    let values: Vec<Value> = schema
        .get("enum")
        .and_then(Value::as_array)
        .map(|values| values.iter().filter(|value| fits(value)).cloned().collect())
        .unwrap_or_default();
    let values = if values.len() > VALUES { Vec::new() } else { values };
    let default =
        schema.get("default").filter(|default| fits(default) && (values.is_empty() || values.contains(default)));
    // An empty text is how documents say that there is none.
    match default.filter(|default| !is_required && **default != json!("") && **default != json!({})) {
        Some(default) => _ = declared.insert("default".to_owned(), plain(default)),
        None if is_required => _ = declared.insert("required".to_owned(), json!(true)),
        None => {}
    }
    if values.len() > 1 {
        declared.insert("enum".to_owned(), Value::Array(values));
    }
    if let Some(text) = words::description(described, "").or_else(|| words::description(schema, "")) {
        declared.insert("description".to_owned(), json!(text));
    }
    Value::Object(declared)
}

/// Keeps what looks like a path or a template in a default from being one.
fn plain(default: &Value) -> Value {
    match default {
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        other => literal(other),
    }
}

/// Names the type of a param.
fn kind<'d>(document: &Document<'d>, schema: &'d Value) -> &'static str {
    match document.kind(schema) {
        Some("integer") => "integer",
        Some("number") => "number",
        Some("boolean") => "boolean",
        Some("array") => "list",
        Some("object") => "object",
        // Dates are sent as they are given: what the API takes, it says in words.
        _ => "string",
    }
}
