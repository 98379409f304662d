//! Whether a value is what a schema says. Lenient: of several ways any will do, for the whole and for each member by itself.

use std::fmt::Write;

use engine_expr::Value;
use serde_json::Value as Json;

use crate::schema::{Look, Node, Schemas, kinds};

/// How many misfits of one value are told.
const MOST: usize = 8;

/// How deep parts of a schema are looked through.
const DEPTH: usize = 24;

/// How a value is held against a schema.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Whether it is sent as a text: in a query, a path or a form.
    pub(crate) as_text: bool,
    /// Whether it came from the API: what must be there is told where it is not, and what is new is let be.
    pub(crate) is_answer: bool,
}

/// What does not fit.
#[derive(Clone, Debug)]
pub(crate) struct Misfit<'d> {
    /// Where in the value: a JSON pointer.
    pub(crate) pointer: String,
    /// What is wrong with what is there.
    pub(crate) what: String,
    /// Whether it is a member that the document doesn't know.
    pub(crate) is_unknown: bool,
    /// What the document says.
    pub(crate) schema: &'d Json,
}

impl Misfit<'_> {
    /// Returns where it is, as it is said: `lines[1].sku`.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for part in self.pointer.split('/').skip(1) {
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                _ = write!(path, "[{part}]");
            } else {
                path.push_str(if path.is_empty() { "" } else { "." });
                path.push_str(&part.replace("~1", "/").replace("~0", "~"));
            }
        }
        path
    }
}

impl<'d> Schemas<'d> {
    /// Tells what of a value does not fit.
    pub(crate) fn fit(&self, value: &Value, node: &Node<'d>, manner: Manner) -> Vec<Misfit<'d>> {
        let mut found = Vec::new();
        self.hold(value, node, manner, String::new(), &mut found);
        found
    }

    fn hold(&self, value: &Value, node: &Node<'d>, manner: Manner, pointer: String, found: &mut Vec<Misfit<'d>>) {
        if node.is_unknown() || found.len() >= MOST {
            return;
        }
        if !node.0.iter().any(|schema| self.allows(value, schema, manner, 0)) {
            let what = format!("is {}, where the document has {}", shown(value), self.expected(node));
            found.push(Misfit { pointer, what, is_unknown: false, schema: node.first() });
            return;
        }
        match value {
            Value::List(list) => {
                let Look::Has(items) = self.items(node) else { return };
                for (index, item) in list.items().iter().enumerate() {
                    self.hold(item, &items, manner, format!("{pointer}/{index}"), found);
                }
            }
            Value::Object(members) => {
                for (name, member) in members.iter() {
                    let below = || format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                    match self.member(node, name) {
                        Look::Has(schemas) => self.hold(member, &schemas, manner, below(), found),
                        Look::Open => {}
                        Look::Lacks if manner.is_answer => {}
                        Look::Lacks => {
                            let close = engine_source::suggest(name, self.names(node));
                            let close = close.filter(|it| it.starts_with("did")).unwrap_or_default();
                            let what =
                                format!("is not in the document: {close}").trim_end_matches([':', ' ']).to_owned();
                            found.push(Misfit { pointer: below(), what, is_unknown: true, schema: node.first() });
                        }
                    }
                }
                for name in if manner.is_answer { self.required(node, "writeOnly") } else { Vec::new() } {
                    if !members.contains(name) && found.len() < MOST {
                        let what = format!("lacks `{name}`, which the document says is always there");
                        found.push(Misfit { pointer: pointer.clone(), what, is_unknown: false, schema: node.first() });
                    }
                }
            }
            _ => {}
        }
    }

    /// Tells whether a value may be of a schema, without its members.
    fn allows(&self, value: &Value, schema: &'d Json, manner: Manner, depth: usize) -> bool {
        let is_true = |schema: &Json, name: &str| schema.get(name) == Some(&Json::Bool(true));
        let may_be_null = |schema: &Json| is_true(schema, "nullable") || is_true(schema, "x-nullable");
        if value.is_null() && may_be_null(schema) {
            return true;
        }
        let Ok(schema) = self.document.resolve(schema) else { return true };
        if depth > DEPTH || !schema.is_object() || (value.is_null() && may_be_null(schema)) {
            return true;
        }
        let parts = |name: &str| schema.get(name).and_then(Json::as_array).filter(|parts| !parts.is_empty());
        let allowed = |part: &'d Json| self.allows(value, part, manner, depth + 1);
        allows_itself(value, schema, manner)
            && parts("allOf").is_none_or(|all| all.iter().all(allowed))
            && parts("anyOf").is_none_or(|any| any.iter().any(allowed))
            && parts("oneOf").is_none_or(|any| any.iter().any(allowed))
    }

    /// Says what a schema wants.
    pub(crate) fn expected(&self, node: &Node<'d>) -> String {
        let mut wanted: Vec<String> = Vec::new();
        node.0.iter().for_each(|schema| self.wants(schema, 0, &mut wanted));
        match wanted.len() {
            0 => "something else".to_owned(),
            1..=4 => wanted.join(" or "),
            more => format!("{} or {} others", wanted.get(..3).unwrap_or_default().join(", "), more - 3),
        }
    }

    fn wants(&self, schema: &'d Json, depth: usize, wanted: &mut Vec<String>) {
        let schema = self.document.look(schema);
        let mut add = |text: String| {
            if !wanted.contains(&text) {
                wanted.push(text);
            }
        };
        if let Some(values) = schema.get("enum").and_then(Json::as_array) {
            let listed: Vec<String> = values.iter().take(8).map(|it| format!("`{}`", text_of(it))).collect();
            let more = if values.len() > 8 { ", …" } else { "" };
            add(format!("one of {}{more}", listed.join(", ")));
            return;
        }
        if let Some(value) = schema.get("const") {
            add(format!("`{}`", text_of(value)));
            return;
        }
        for kind in kinds(schema) {
            let bound =
                |name: &str, word: &str| schema.get(name).filter(|it| it.is_number()).map(|it| format!(" {word} {it}"));
            let bounds = [bound("minimum", "from"), bound("maximum", "to")].into_iter().flatten().collect::<String>();
            add(match kind {
                "string" => "a text".to_owned(),
                "integer" => format!("a whole number{bounds}"),
                "number" => format!("a number{bounds}"),
                "boolean" => "true or false".to_owned(),
                "array" => "a list".to_owned(),
                "object" => "an object".to_owned(),
                other => other.to_owned(),
            });
        }
        if kinds(schema).is_empty() && schema.get("properties").is_some() {
            add("an object".to_owned());
        }
        if depth <= DEPTH {
            for part in
                ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|name| schema.get(name)?.as_array()).flatten()
            {
                self.wants(part, depth + 1, wanted);
            }
        }
    }
}

/// Tells whether a value may be of a schema, without the schema's parts.
fn allows_itself(value: &Value, schema: &Json, manner: Manner) -> bool {
    if matches!(value, Value::Secret(_)) {
        return true;
    }
    let kinds = kinds(schema);
    let is_object = kinds.is_empty() && schema.get("properties").is_some_and(Json::is_object);
    let has_kind = kinds.iter().any(|kind| is_of(value, kind, manner)) || (kinds.is_empty() && !is_object);
    let has_kind = has_kind || (is_object && matches!(value, Value::Object(_) | Value::Null));
    if !has_kind {
        return false;
    }
    let is_scalar = !matches!(value, Value::List(_) | Value::Object(_));
    let same = |known: &Json| match (known, value) {
        (Json::Null, Value::Null) => true,
        (Json::Null, _) | (_, Value::Null) => false,
        _ => value.text().is_some_and(|text| text == text_of(known)),
    };
    let is_list_as_text = manner.as_text && kinds.contains(&"array");
    if is_scalar && !is_list_as_text {
        let values = schema.get("enum").and_then(Json::as_array);
        if values.is_some_and(|values| !values.iter().any(same)) || schema.get("const").is_some_and(|it| !same(it)) {
            return false;
        }
    }
    let number = match value {
        Value::Number(number) => Some(number.as_f64()),
        Value::String(text) if manner.as_text && kinds.iter().any(|it| matches!(*it, "integer" | "number")) => {
            text.parse().ok()
        }
        _ => None,
    };
    let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
    number.is_none_or(|number| {
        bound("minimum").is_none_or(|least| number >= least) && bound("maximum").is_none_or(|most| number <= most)
    })
}

/// Tells whether a value is of a type.
fn is_of(value: &Value, kind: &str, manner: Manner) -> bool {
    // What is sent as a text: a list as its members with commas, an object in any way that an API may have thought of.
    if manner.as_text && !value.is_null() {
        let text = value.text();
        return match (kind, text) {
            ("integer", Some(text)) => text.parse::<i64>().is_ok(),
            ("number", Some(text)) => text.parse::<f64>().is_ok(),
            ("boolean", Some(text)) => matches!(&*text, "true" | "false" | "0" | "1"),
            ("integer" | "number" | "boolean", None) => matches!(value, Value::List(_)),
            _ => true,
        };
    }
    match (kind, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("number", Value::Number(_))
        | ("string", Value::String(_))
        | ("array", Value::List(_))
        | ("object", Value::Object(_)) => true,
        ("integer", Value::Number(number)) => number.is_integer(),
        // A type that JSON has not, such as Swagger's `file`.
        (kind, _) => !["null", "boolean", "number", "string", "array", "object", "integer"].contains(&kind),
    }
}

/// Shows a value in a few characters.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("`{text}`"),
        Value::Number(_) | Value::Bool(_) | Value::Null => format!("`{}`", value.to_json()),
        _ => return value.a_kind().to_owned(),
    };
    if text.chars().count() <= 40 { text } else { format!("{}…`", text.chars().take(38).collect::<String>()) }
}

fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
