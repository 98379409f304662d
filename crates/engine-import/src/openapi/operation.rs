//! An operation becomes an endpoint.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::document::Document;
use super::param::{self, Params};
use super::security::Schemes;
use super::{example, paging, words};
use crate::name::snake;
use crate::spec::{EndpointDraft, SpecDraft};
use crate::{Notes, Options, bodies};

/// An operation of a document.
pub(super) struct Operation<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) path: &'d str,
    pub(super) method: &'static str,
    /// What holds for all operations of the path.
    pub(super) item: &'d Value,
    pub(super) own: &'d Value,
    pub(super) place: String,
}

impl<'d> Operation<'d> {
    pub(super) fn is_deprecated(&self) -> bool {
        self.own.get("deprecated") == Some(&Value::Bool(true))
    }

    /// Tells whether it is among those that were asked for.
    pub(super) fn is_wanted(&self, only: &[String]) -> bool {
        let tags = || self.own.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        only.is_empty()
            || only.iter().any(|wanted| match wanted.split_once(':') {
                Some(("tag", tag)) => tags().any(|known| known.eq_ignore_ascii_case(tag)),
                Some(("path", pattern)) => matches(pattern, self.path),
                _ if wanted.starts_with('/') => matches(wanted, self.path),
                _ => self.name(false).contains(wanted.as_str()) || self.name(true).contains(wanted.as_str()),
            })
    }

    /// Names it; where the document does not, by what it does.
    fn name(&self, is_list: bool) -> String {
        if let Some(id) = self.own.get("operationId").and_then(Value::as_str).filter(|id| !id.trim().is_empty()) {
            return snake(id);
        }
        let fixed = || self.path.split('/').filter(|part| !part.is_empty() && !part.starts_with('{'));
        let noun = fixed().map(snake).filter(|part| part != "api" && !is_version(part)).collect::<Vec<_>>().join("_");
        let verb = match (self.method, is_list) {
            ("get", false) => "get",
            ("get", true) => "list",
            ("post", _) => "create",
            ("put", _) => "replace",
            ("patch", _) => "update",
            (other, _) => other,
        };
        if noun.is_empty() { verb.to_owned() } else { format!("{verb}_{noun}") }
    }

    /// Adds the endpoint.
    pub(super) fn add(&self, spec: &mut SpecDraft, auth: &Schemes, options: &Options, notes: &mut Notes) {
        let mut params = param::params(self, spec, notes);
        let mut endpoint = EndpointDraft {
            description: self.description(),
            base_url: self.base_url(),
            auth: auth.of_operation(self.own, spec, &self.place, notes),
            ..EndpointDraft::default()
        };
        endpoint.body = self.body(&mut params, notes);
        let answer = Answer::of(self, &params, notes);
        endpoint.response = answer.response();
        if answer.is_file() {
            let declared = json!({"type": "string", "required": true, "description": "The path of the file that the answer is written to"});
            let param = params.declare("save_as", declared);
            endpoint.response = Some(json!({"format": "binary", "to": format!("{{{{ params.{param} }}}}")}));
        }
        if self.method == "get" {
            endpoint.records.clone_from(&answer.records);
            endpoint.key.clone_from(&answer.key);
            if answer.records.is_some() {
                endpoint.paginate = paging::recognise(&answer, &mut params);
            }
        }
        if !options.no_examples {
            endpoint.example = example::of(&answer);
        }
        let path = params.path(self.path);
        endpoint.request = format!("{} {path}", self.method.to_uppercase());
        params.finish(&mut endpoint);
        spec.add(&self.name(endpoint.records.is_some()), endpoint);
    }

    fn description(&self) -> Option<String> {
        let text = words::description(self.own, "");
        let link = self.own.pointer("/externalDocs/url").and_then(Value::as_str).filter(|url| url.contains("://"));
        match (text, link) {
            (Some(text), Some(link)) => {
                let stop = if text.ends_with(['.', '…', '!', '?']) { "" } else { "." };
                Some(format!("{text}{stop} See {link}"))
            }
            (text, _) => text,
        }
    }

    /// Where it is asked instead of where the others are.
    fn base_url(&self) -> Option<String> {
        let servers = self.own.get("servers").or_else(|| self.item.get("servers"))?;
        let url = servers.as_array()?.first()?.get("url")?.as_str()?;
        (url.contains("://") && !url.contains('{')).then(|| url.trim_end_matches('/').to_owned())
    }

    fn body(&self, params: &mut Params, notes: &mut Notes) -> Option<Value> {
        if self.document.is_swagger {
            return params.swagger_body(self);
        }
        let body = self.document.member(self.own, "requestBody");
        let content = body.get("content").and_then(Value::as_object).filter(|content| !content.is_empty())?;
        let is_required = body.get("required") == Some(&Value::Bool(true));
        let kinds: Vec<&str> = content.keys().map(String::as_str).collect();
        let Some((kind, media)) = bodies::best(&kinds) else {
            notes.say(
                format!("{}/requestBody", self.place),
                format!("a body of {} can't be written: write `body` by hand", kinds.join(", ")),
            );
            return None;
        };
        let schema = content.get(media).map_or(&Value::Null, |it| self.document.member(it, "schema"));
        if matches!(self.method, "get" | "head" | "delete")
            && !is_required
            && self.document.properties(schema).is_empty()
        {
            return None;
        }
        if kind == bodies::Kind::Multipart {
            return Some(self.multipart(schema, params));
        }
        let described = self.described(schema);
        Some(params.body(kind, is_required, &described))
    }

    fn multipart(&self, schema: &'d Value, params: &mut Params) -> Value {
        let required = required(self.document, schema);
        let mut fields = Map::new();
        for (name, property) in self.document.properties(schema) {
            let is_file = property.get("format").is_some_and(|it| it == "binary" || it == "byte")
                || property.get("contentMediaType").is_some();
            let is_required = required.contains(&name);
            let param = params.declare_field(self.document, name, property, is_required, is_file);
            let value = if is_file {
                json!({"file": format!("{{{{ params.{param} }}}}")})
            } else {
                params.value(&param, is_required)
            };
            fields.insert(name.to_owned(), value);
        }
        if fields.is_empty() {
            let param = params
                .declare("file", json!({"type": "string", "required": true, "description": "The path of the file"}));
            fields.insert("file".to_owned(), json!({"file": format!("{{{{ params.{param} }}}}")}));
        }
        json!({"multipart": fields})
    }

    /// Says what a body has, by a schema that is no part of the document itself.
    pub(super) fn described_owned(schema: &Value) -> String {
        let names: Vec<&str> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        members_of(&names, &required).unwrap_or_else(|| words::description(schema, "").unwrap_or_default())
    }

    /// Says what a body has.
    fn described(&self, schema: &'d Value) -> String {
        let required = required(self.document, schema);
        let names: Vec<&str> = self
            .document
            .properties(schema)
            .into_iter()
            .filter(|(_, property)| property.get("readOnly") != Some(&Value::Bool(true)))
            .map(|(name, _)| name)
            .collect();
        members_of(&names, &required).unwrap_or_else(|| words::description(schema, "").unwrap_or_default())
    }
}

/// Lists the members of a body.
fn members_of(names: &[&str], required: &[&str]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let mark = |name: &&str| if required.contains(name) { format!("{name}*") } else { (*name).to_owned() };
    let shown = names.iter().take(12).map(mark).collect::<Vec<_>>().join(", ");
    let rest = if names.len() > 12 { format!(", and {} more", names.len() - 12) } else { String::new() };
    let star = if names.iter().any(|name| required.contains(name)) { " (* must be given)" } else { "" };
    Some(format!("{shown}{rest}{star}"))
}

fn required<'d>(document: &Document<'d>, schema: &'d Value) -> Vec<&'d str> {
    let schema = document.look(schema);
    let own = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    own.chain(parts.flat_map(|part| {
        document.look(part).get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }))
    .collect()
}

fn is_version(part: &str) -> bool {
    part.strip_prefix('v')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_'))
}

/// Matches a path with a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| rest.get(at..).is_some_and(|rest| matches(after, rest)))
        }),
    }
}
