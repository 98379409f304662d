//! Examples of answers: those of the document, or what its schemas describe.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::document::Document;

/// How long an example may be, as JSON.
const LENGTH: usize = 6_000;

/// How deep one is made of schemas.
const DEPTH: usize = 4;

/// How many members an object has that is made of a schema.
const MEMBERS: usize = 12;

/// How many of them one has in a list where the example ends.
const ENDING_MEMBERS: usize = 6;

/// Returns an example of a body.
pub(super) fn of(answer: &Answer<'_>) -> Option<Value> {
    let document = answer.document;
    let media = answer.media;
    let given = media.get("example").or_else(|| {
        let examples = media.get("examples").and_then(Value::as_object)?;
        let first = examples.values().next()?;
        // Swagger 2.0 has the value itself under its media type.
        if document.is_swagger { Some(first) } else { document.look(first).get("value") }
    });
    let fits = |value: &&Value| {
        value.to_string().len() <= LENGTH
            && is_like(document, answer.schema, value)
            && answer.records.as_deref().is_none_or(|records| has(value, records))
    };
    if let Some(given) = given.filter(|value| value.is_object() || value.is_array()).filter(fits) {
        return Some(given.clone());
    }
    if answer.schema.is_null() || answer.response().is_some() {
        return None;
    }
    let made = |ending| made(document, answer.schema, Depth { at: 0, in_list: false, ending });
    let is_one = |made: &Value| (made.is_object() || made.is_array()) && fits(&made);
    // One that is too long with the members of all that is in lists may do without them.
    made(Ending::Members).filter(is_one).or_else(|| made(Ending::Empty).filter(is_one))
}

/// How deep an example is, and how it ends.
#[derive(Clone, Copy)]
struct Depth {
    at: usize,
    in_list: bool,
    ending: Ending,
}

/// What an object in a list has where an example ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The members that have no members themselves.
    Members,
    /// Nothing.
    Empty,
}

impl Depth {
    fn below(self) -> Self {
        Self { at: self.at + 1, in_list: false, ..self }
    }

    fn of_items(self) -> Self {
        Self { in_list: true, ..self.below() }
    }
}

fn is_like<'d>(document: &Document<'d>, schema: &'d Value, value: &Value) -> bool {
    match document.kind(schema) {
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    }
}

/// Tells whether the records of a path of members are there.
fn has(value: &Value, path: &str) -> bool {
    let mut at = value;
    for part in path.trim_start_matches('$').split(['.', '[']).filter(|part| !part.is_empty()) {
        let name = part.trim_end_matches(']').trim_matches('\'');
        match at.get(name) {
            Some(inner) => at = inner,
            None => return false,
        }
    }
    at.is_array()
}

/// Makes an example of a schema.
fn made<'d>(document: &Document<'d>, schema: &'d Value, depth: Depth) -> Option<Value> {
    let schema = document.look(schema);
    for name in ["example", "default", "const"] {
        if let Some(value) = schema.get(name).filter(|value| !value.is_null() && value.to_string().len() < 400) {
            return Some(value.clone());
        }
    }
    if let Some(value) = schema.get("examples").and_then(Value::as_array).and_then(|list| list.first()) {
        return Some(value.clone());
    }
    if let Some(value) =
        schema.get("enum").and_then(Value::as_array).and_then(|list| list.iter().find(|it| !it.is_null()))
    {
        return Some(value.clone());
    }
    let text = |name: &str| schema.get(name).and_then(Value::as_str).unwrap_or_default();
    match document.kind(schema)? {
        "object" if depth.at >= DEPTH && depth.in_list && depth.ending == Ending::Members => {
            let is_plain = |property| !matches!(document.kind(property), Some("object" | "array"));
            Some(object(document, schema, depth, ENDING_MEMBERS, is_plain))
        }
        "object" if depth.at >= DEPTH => Some(json!({})),
        "object" => Some(object(document, schema, depth, MEMBERS, |_| true)),
        "array" if depth.at >= DEPTH => Some(json!([])),
        "array" => Some(Value::Array(
            document.items(schema).and_then(|items| made(document, items, depth.of_items())).into_iter().collect(),
        )),
        "integer" => {
            Some(schema.get("minimum").and_then(Value::as_i64).filter(|it| *it > 1).map_or(json!(1), |it| json!(it)))
        }
        "number" => Some(json!(1.5)),
        "boolean" => Some(json!(false)),
        "string" => Some(json!(match text("format") {
            "date-time" => "2025-01-31T10:00:00Z",
            "date" => "2025-01-31",
            "email" => "someone@example.com",
            "uuid" => "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
            "uri" | "url" => "https://example.com",
            "byte" => "dGV4dA==",
            _ => "text",
        })),
        _ => None,
    }
}

/// Makes an object with the first members of a schema that are wanted.
fn object<'d>(
    document: &Document<'d>,
    schema: &'d Value,
    depth: Depth,
    most: usize,
    is_wanted: impl Fn(&'d Value) -> bool,
) -> Value {
    let mut members = Map::new();
    let properties = document.properties(schema).into_iter().filter(|(_, property)| is_wanted(property));
    for (name, property) in properties.take(most) {
        let value = named(name, document.kind(property)).or_else(|| made(document, property, depth.below()));
        members.extend(value.map(|value| (name.to_owned(), value)));
    }
    Value::Object(members)
}

/// What speaks of a next page speaks of none, or the mock would go on for ever.
fn named(name: &str, kind: Option<&str>) -> Option<Value> {
    let is_number = matches!(kind, Some("integer" | "number"));
    match name {
        "has_more" | "hasMore" | "has_next" | "hasNext" => Some(json!(false)),
        _ if name.starts_with("next") || name == "@odata.nextLink" || name == "after" || name == "cursor" => {
            Some(Value::Null)
        }
        "total_pages" | "totalPages" | "page_count" | "pageCount" | "last_page" if is_number => Some(json!(1)),
        "total" | "total_count" | "totalCount" | "totalResults" | "total_results" if is_number => Some(json!(1)),
        _ => None,
    }
}
