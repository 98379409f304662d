//! What is sent with a request, and the `body` that becomes of it.

use serde_json::{Map, Value, json};

use crate::bodies::Kind;
use crate::name::{Names, snake};
use crate::sensitive::{Judgement, is_within, judge, judge_member};
use crate::spec::{SpecDraft, literal};

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

    /// Makes the `body` of an endpoint, with the params and the secrets that it takes.
    pub(crate) fn body(
        self,
        names: &mut Names,
        params: &mut Map<String, Value>,
        spec: &mut SpecDraft,
    ) -> Option<Value> {
        let mut writer = Writer { names, params, spec };
        Some(match self {
            Self::Nothing => return None,
            Self::Json(Value::Object(members)) if holds_secret(&Value::Object(members.clone())) => {
                let members: Map<String, Value> =
                    members.into_iter().map(|(name, value)| (name.clone(), writer.member(&name, &value))).collect();
                json!({"json": members})
            }
            Self::Json(value @ Value::Array(_)) if holds_secret(&value) => json!({"json": writer.inline("", &value)}),
            Self::Json(value) if value.is_object() => {
                writer.whole("json", json!({"type": "object", "default": data(&value)}))
            }
            Self::Json(value) if value.is_array() => {
                writer.whole("json", json!({"type": "list", "default": data(&value)}))
            }
            Self::Json(value) => json!({"json": value}),
            Self::Text(text) => writer.text("text", &text),
            Self::Xml(text) => writer.text("xml", &text),
            Self::File => {
                let name = writer.names.take("file");
                writer.params.insert(name.clone(), file());
                json!({"file": format!("{{{{ params.{name} }}}}")})
            }
            Self::Graphql { query, variables } => writer.graphql(&query, &variables),
            Self::Form(fields) => {
                let members: Map<String, Value> =
                    fields.into_iter().map(|(name, value)| (name.clone(), writer.field(&name, &value))).collect();
                json!({"form": members})
            }
            Self::Multipart(fields) => {
                let mut members = Map::new();
                for (name, value, is_file) in fields {
                    let member = if is_file {
                        let param = writer.names.take(&snake(&name));
                        writer.params.insert(param.clone(), file());
                        json!({"file": format!("{{{{ params.{param} }}}}")})
                    } else {
                        writer.field(&name, &value)
                    };
                    members.insert(name, member);
                }
                json!({"multipart": members})
            }
        })
    }
}

/// Writes a body, and declares what it takes.
struct Writer<'w> {
    names: &'w mut Names,
    params: &'w mut Map<String, Value>,
    spec: &'w mut SpecDraft,
}

impl Writer<'_> {
    /// Declares a param, and returns the template that gives it.
    fn param(&mut self, name: &str, declared: Value) -> Value {
        let param = self.names.take(&snake(name));
        self.params.insert(param.clone(), declared);
        json!(format!("{{{{ params.{param} }}}}"))
    }

    fn whole(&mut self, kind: &str, declared: Value) -> Value {
        let param = self.param("body", declared);
        json!({kind: param})
    }

    /// Writes a text as the default of a param; one with a secret is given at each call.
    fn text(&mut self, kind: &str, text: &str) -> Value {
        let declared = if is_within(text) {
            json!({"type": "string", "required": true})
        } else {
            json!({"type": "string", "default": literal(&json!(text))})
        };
        self.whole(kind, declared)
    }

    fn field(&mut self, name: &str, value: &str) -> Value {
        match judge(name, value) {
            Judgement::Secret => json!(self.spec.sent("body", name)),
            Judgement::Own => self.param(name, json!({"type": "string", "required": true})),
            Judgement::Plain => self.param(name, json!({"type": "string", "default": literal(&json!(value))})),
        }
    }

    /// Writes a member of a body that holds a secret somewhere.
    fn member(&mut self, name: &str, value: &Value) -> Value {
        let kind = match value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            _ => return self.inline(name, value),
        };
        match judge_member(name, value) {
            Judgement::Secret => json!(self.spec.sent("body", name)),
            Judgement::Own => self.param(name, json!({"type": kind, "required": true})),
            Judgement::Plain => self.param(name, json!({"type": kind, "default": literal(value)})),
        }
    }

    fn inline(&mut self, name: &str, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.inline(name, item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.inline(name, value))).collect()
            }
            other => match judge_member(name, other) {
                Judgement::Secret => json!(self.spec.sent("body", name)),
                Judgement::Own => self.param(name, json!({"type": "string", "required": true})),
                Judgement::Plain => literal(other),
            },
        }
    }

    fn graphql(&mut self, query: &str, variables: &Value) -> Value {
        let query = if is_within(query) {
            self.param("query", json!({"type": "string", "required": true}))
        } else if query.contains("{{") || query.contains("{%") {
            json!("{% raw %}".to_owned() + query + "{% endraw %}")
        } else {
            json!(query)
        };
        let Some(members) = variables.as_object().filter(|members| !members.is_empty()) else {
            return json!({"graphql": {"query": query}});
        };
        if holds_secret(variables) {
            let members: Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), self.member(name, value))).collect();
            return json!({"graphql": {"query": query, "variables": members}});
        }
        let name = self.names.take("variables");
        let given: Map<String, Value> = members
            .keys()
            .map(|member| (member.clone(), json!(format!("{{{{ params.{name}.{member} | default(none) }}}}"))))
            .collect();
        self.params.insert(name, json!({"type": "object", "default": data(variables)}));
        json!({"graphql": {"query": query, "variables": given}})
    }
}

fn file() -> Value {
    json!({"type": "string", "required": true, "description": "The path of the file"})
}

/// Tells whether something in a body must not be written down.
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(members) => members.iter().any(|(name, value)| {
            // A list bears the name for its items: `tokens: [{…}]`, but also `secret: ["…"]`.
            let items = value.as_array().into_iter().flatten();
            judge_member(name, value) != Judgement::Plain
                || items.clone().any(|item| judge_member(name, item) != Judgement::Plain)
                || holds_secret(value)
        }),
        other => judge_member("", other) != Judgement::Plain,
    }
}

/// Keeps data from being taken for paths and templates.
fn data(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(data).collect()),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), data(value))).collect(),
        other => literal(other),
    }
}
