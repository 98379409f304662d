//! A spec that is being written: its parts in the order in which people read them.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::name::{Names, snake};
use crate::yaml;

/// A spec of one API.
#[derive(Debug, Default)]
pub(crate) struct SpecDraft {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) secrets: Map<String, Value>,
    /// The name of the API.
    pub(crate) api: String,
    pub(crate) base_url: String,
    pub(crate) auth: Option<Value>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) endpoints: Vec<(String, EndpointDraft)>,
    pub(crate) names: Names,
}

/// An endpoint.
#[derive(Debug, Default)]
pub(crate) struct EndpointDraft {
    pub(crate) description: Option<String>,
    pub(crate) request: String,
    pub(crate) base_url: Option<String>,
    pub(crate) auth: Option<Value>,
    pub(crate) params: Map<String, Value>,
    pub(crate) query: Map<String, Value>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) body: Option<Value>,
    pub(crate) response: Option<Value>,
    pub(crate) records: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) paginate: Option<Value>,
    pub(crate) example: Option<Value>,
}

impl SpecDraft {
    /// Adds an endpoint; its name is changed where it is taken.
    pub(crate) fn add(&mut self, name: &str, endpoint: EndpointDraft) {
        let name = self.names.take(name);
        self.endpoints.push((name, endpoint));
    }

    /// Declares a secret, and returns the template that gives it.
    pub(crate) fn secret(&mut self, what: &str) -> String {
        let variable = crate::name::variable(&self.api, what);
        self.secrets.insert(what.to_owned(), json!({"env": variable}));
        format!("{{{{ secrets.{what} }}}}")
    }

    /// Declares the secret that a request has at a place beside `auth`, and returns the template that gives it.
    pub(crate) fn sent(&mut self, place: &str, name: &str) -> String {
        let name = snake(name);
        // These are what `auth` itself declares, and may be others.
        let is_of_auth = ["token", "username", "password", "api_key"].contains(&name.as_str());
        self.secret(&if is_of_auth { format!("{place}_{name}") } else { name })
    }

    /// Writes it.
    pub(crate) fn write(&self) -> String {
        let mut out = "version: 1\n".to_owned();
        let text = |value: &str| Value::from(value);
        yaml::member(&mut out, "name", &text(&self.name), 0);
        if let Some(description) = &self.description {
            yaml::member(&mut out, "description", &text(description), 0);
        }
        for (name, section) in [("inputs", &self.inputs), ("secrets", &self.secrets)] {
            if !section.is_empty() {
                _ = write!(out, "\n{name}:\n");
                yaml::members(&mut out, section, 2);
            }
        }
        _ = write!(out, "\napis:\n  {}:\n", self.api);
        yaml::member(&mut out, "base_url", &text(&self.base_url), 4);
        if let Some(auth) = &self.auth {
            yaml::member(&mut out, "auth", auth, 4);
        }
        if !self.headers.is_empty() {
            yaml::member(&mut out, "headers", &Value::Object(self.headers.clone()), 4);
        }
        if self.endpoints.is_empty() {
            out.push_str("    endpoints: {}\n");
            return out;
        }
        out.push_str("    endpoints:\n");
        for (number, (name, endpoint)) in self.endpoints.iter().enumerate() {
            if number > 0 {
                out.push('\n');
            }
            _ = writeln!(out, "      {name}:");
            yaml::members(&mut out, &endpoint.members(), 8);
        }
        out
    }
}

impl EndpointDraft {
    fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut text = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), Value::from(value.as_str()));
            }
        };
        text("description", &self.description);
        text("request", &Some(self.request.clone()));
        text("base_url", &self.base_url);
        let object = |map: &Map<String, Value>| (!map.is_empty()).then(|| Value::Object(map.clone()));
        for (name, value) in [
            ("auth", self.auth.clone()),
            ("params", object(&self.params)),
            ("query", object(&self.query)),
            ("headers", object(&self.headers)),
            ("body", self.body.clone()),
            ("response", self.response.clone()),
            ("records", self.records.clone().map(Value::from)),
            ("key", self.key.clone().map(|key| json!([key]))),
            ("paginate", self.paginate.clone()),
            ("example", self.example.clone()),
        ] {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        }
        members
    }
}

/// Writes what is data where a path or a template would be taken for one.
pub(crate) fn literal(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('$') || text.contains("{{") || text.contains("{%") => {
            json!({"value": text})
        }
        other => other.clone(),
    }
}
