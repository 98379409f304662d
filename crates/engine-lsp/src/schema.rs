//! The JSON Schema of specs, followed along a tree: which keys and values a place takes, and what they mean.

use std::sync::LazyLock;

use engine_source::{Kind, Node};
use serde_json::{Map, Value, json};

use crate::file::{Part, step};

/// How many references are followed in one place.
const DEEP: usize = 24;

static SPEC: LazyLock<Schema> = LazyLock::new(|| Schema { root: Value::from(engine_spec::schema()) });

static TESTS: LazyLock<Schema> = LazyLock::new(|| {
    let spec = &SPEC.root;
    let member = |name: &str| spec.pointer(&format!("/properties/{name}")).cloned().unwrap_or_default();
    Schema {
        root: json!({
            "type": "object",
            "properties": {
                "version": member("version"),
                "spec": {"type": "string", "description": "The spec that is tested; the path is relative to this file."},
                "tests": member("tests"),
            },
            "required": ["spec"],
            "$defs": spec.get("$defs"),
        }),
    }
});

/// The schema of one kind of file.
#[derive(Debug)]
pub(crate) struct Schema {
    root: Value,
}

/// A key that an object can have.
#[derive(Clone, Debug)]
pub(crate) struct Member<'s> {
    /// Its name.
    pub(crate) name: &'s str,
    /// What it means.
    pub(crate) description: Option<&'s str>,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// What its value is.
    pub(crate) schema: &'s Value,
}

/// A value that a place takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// As it is written.
    pub(crate) text: String,
    /// What it means.
    pub(crate) description: Option<String>,
}

impl Schema {
    /// Returns the schema of specs.
    pub(crate) fn of_specs() -> &'static Self {
        &SPEC
    }

    /// Returns the schema of files of tests.
    pub(crate) fn of_tests() -> &'static Self {
        &TESTS
    }

    /// Returns all schemas that may hold for the value at a path.
    pub(crate) fn at<'s>(&'s self, root: &Node, path: &[Part]) -> Vec<&'s Value> {
        let mut here = Vec::new();
        self.expand(&self.root, Some(root), DEEP, &mut here);
        let mut node = Some(root);
        for part in path {
            node = node.and_then(|node| step(node, part));
            let mut next = Vec::new();
            for schema in here {
                if let Some(below) = below(schema, part) {
                    self.expand(below, node, DEEP, &mut next);
                }
            }
            here = next;
        }
        here
    }

    /// Returns the description of the member that a path leads to.
    pub(crate) fn describe(&self, root: &Node, path: &[Part]) -> Option<&str> {
        let (last, above) = path.split_last()?;
        self.at(root, above).into_iter().find_map(|schema| {
            let below = below(schema, last)?;
            description(below).or_else(|| {
                let mut all = Vec::new();
                self.expand(below, None, DEEP, &mut all);
                all.into_iter().find_map(description)
            })
        })
    }

    /// Returns the keys that the object at a path may have.
    pub(crate) fn members<'s>(&'s self, root: &Node, path: &[Part], node: Option<&Node>) -> Vec<Member<'s>> {
        let schemas = self.at(root, path);
        let given: Vec<&str> =
            node.map(Node::entries).unwrap_or_default().iter().map(|entry| &*entry.key.text).collect();
        // Of several forms, those that what is there already fits to.
        let fits = |schema: &&Value| {
            let open = schema.get("additionalProperties").is_none_or(|other| *other != Value::Bool(false));
            open || given.iter().all(|name| property(schema, name).is_some())
        };
        let fitting: Vec<&Value> = schemas.iter().copied().filter(fits).collect();
        let schemas = if fitting.is_empty() { schemas } else { fitting };
        let mut members: Vec<Member<'s>> = Vec::new();
        for schema in schemas {
            let Some(Value::Object(properties)) = schema.get("properties") else { continue };
            let required = schema.get("required").and_then(Value::as_array);
            for (name, below) in properties {
                if members.iter().any(|member| member.name == name) {
                    continue;
                }
                let required = required.is_some_and(|names| names.iter().any(|known| known == name));
                members.push(Member { name, description: description(below), required, schema: below });
            }
        }
        members
    }

    /// Returns the values that a place is known to take.
    pub(crate) fn choices(&self, root: &Node, path: &[Part]) -> Vec<Choice> {
        let mut choices: Vec<Choice> = Vec::new();
        // What tells forms apart means what its form does.
        if let Some((last, above)) = path.split_last() {
            for form in self.at(root, above) {
                let text = below(form, last).and_then(|tag| tag.get("const")).and_then(Value::as_str);
                let description = description(form).map(str::to_owned);
                choices.extend(text.map(|text| Choice { text: text.to_owned(), description }));
            }
        }
        for schema in self.at(root, path) {
            let about = description(schema).map(str::to_owned);
            let mut add = |value: &Value| {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Null => return,
                    other => other.to_string(),
                };
                if !choices.iter().any(|choice| choice.text == text) {
                    choices.push(Choice { text, description: about.clone() });
                }
            };
            schema.get("const").into_iter().for_each(&mut add);
            schema.get("enum").and_then(Value::as_array).into_iter().flatten().for_each(&mut add);
            if is_of(schema, "boolean") && !is_of(schema, "string") {
                [json!(true), json!(false)].iter().for_each(&mut add);
            }
        }
        choices
    }

    /// Returns the kinds of value that a schema takes, by JSON's names.
    pub(crate) fn kinds<'s>(&'s self, schema: &'s Value) -> Vec<&'s str> {
        let mut all = Vec::new();
        self.expand(schema, None, DEEP, &mut all);
        let mut kinds = Vec::new();
        for schema in all {
            match schema.get("type") {
                Some(Value::String(kind)) => kinds.push(kind.as_str()),
                Some(Value::Array(several)) => kinds.extend(several.iter().filter_map(Value::as_str)),
                _ if schema.get("const").is_some() => kinds.push("string"),
                _ => kinds.push("any"),
            }
        }
        kinds.retain(|kind| *kind != "null");
        kinds.dedup();
        kinds
    }

    /// Follows references and alternatives to the schemas that say something themselves.
    fn expand<'s>(&'s self, schema: &'s Value, node: Option<&Node>, depth: usize, out: &mut Vec<&'s Value>) {
        if depth == 0 {
            return;
        }
        let Value::Object(members) = schema else { return };
        if let Some(target) = members.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.into_iter().for_each(|target| self.expand(target, node, depth - 1, out));
        }
        if let (Some(condition), Some(node)) = (members.get("if"), node) {
            let branch = if holds(condition, node) { "then" } else { "else" };
            match members.get(branch) {
                Some(branch) => return self.expand(branch, Some(node), depth - 1, out),
                None => return out.push(schema),
            }
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = members.get(name)
                && !members.contains_key("properties")
            {
                let tagged: Vec<&Value> = branches.iter().filter(|branch| is_tagged(branch, node)).collect();
                let chosen = if tagged.is_empty() { branches.iter().collect() } else { tagged };
                return chosen.into_iter().for_each(|branch| self.expand(branch, node, depth - 1, out));
            }
        }
        out.push(schema);
    }
}

/// Returns the schema of a member or an item.
fn below<'s>(schema: &'s Value, part: &Part) -> Option<&'s Value> {
    match part {
        Part::Key(name) => property(schema, name),
        Part::Item(_) => schema.get("items").filter(|items| items.is_object()),
    }
}

fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    let own = schema.get("properties").and_then(Value::as_object).and_then(|members: &Map<_, _>| members.get(name));
    own.or_else(|| schema.get("additionalProperties").filter(|other| other.is_object()))
}

fn description(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str)
}

fn is_of(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    }
}

/// Returns whether a form of a tagged object is the one that the object names.
fn is_tagged(branch: &Value, node: Option<&Node>) -> bool {
    let tag = branch.pointer("/properties/type/const").and_then(Value::as_str);
    let named = node.and_then(|node| node.get("type")).and_then(Node::as_str);
    tag.is_some() && tag == named
}

/// Evaluates the few conditions that the schema has.
fn holds(condition: &Value, node: &Node) -> bool {
    let is_object = matches!(node.kind(), Kind::Map(_));
    let Value::Object(members) = condition else { return true };
    members.iter().all(|(name, value)| match name.as_str() {
        "type" => *value != json!("object") || is_object,
        "required" => {
            let names = value.as_array().map(Vec::as_slice).unwrap_or_default();
            !is_object || names.iter().filter_map(Value::as_str).all(|name| node.get(name).is_some())
        }
        "anyOf" => value.as_array().is_none_or(|several| several.iter().any(|one| holds(one, node))),
        _ => true,
    })
}
