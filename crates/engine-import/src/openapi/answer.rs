//! What an operation answers: where its records are, and what they are known by.

use serde_json::{Value, json};

use super::document::Document;
use super::listing::{self, Found, Listing};
use super::operation::Operation;
use super::param::Params;
use crate::Notes;
use crate::bodies::Kind;

/// The answer of success.
pub(super) struct Answer<'d> {
    pub(super) document: &'d Document<'d>,
    /// The whole answer, with its headers.
    pub(super) whole: &'d Value,
    /// What is said of its body.
    pub(super) media: &'d Value,
    pub(super) schema: &'d Value,
    /// Where the records are.
    pub(super) records: Option<String>,
    /// What identifies a record.
    pub(super) key: Option<String>,
    format: Option<&'static str>,
}

impl<'d> Answer<'d> {
    pub(super) fn of(operation: &Operation<'d>, params: &Params, notes: &mut Notes) -> Self {
        let document = operation.document;
        let responses = operation.own.get("responses").and_then(Value::as_object);
        let is_success = |status: &&String| status.starts_with('2') || status.as_str() == "default";
        let mut statuses: Vec<&String> = responses.into_iter().flat_map(|it| it.keys()).filter(is_success).collect();
        statuses.sort();
        let whole =
            statuses.first().and_then(|status| responses?.get(*status)).map_or(&Value::Null, |it| document.look(it));
        let mut answer =
            Self { document, whole, media: &Value::Null, schema: &Value::Null, records: None, key: None, format: None };
        let media = if document.is_swagger {
            answer.media = whole;
            let produces = operation.own.get("produces").or_else(|| document.root.get("produces"));
            let list: Vec<&str> =
                produces.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            crate::bodies::best(&list).map_or("application/json", |(_, media)| media)
        } else {
            let content = whole.get("content").and_then(Value::as_object);
            let list: Vec<&str> = content.into_iter().flatten().map(|(media, _)| media.as_str()).collect();
            let Some(media) = crate::bodies::best(&list).map(|(_, media)| media).or(list.first().copied()) else {
                return answer;
            };
            answer.media = content.and_then(|content| content.get(media)).unwrap_or(&Value::Null);
            media
        };
        answer.schema = document.member(answer.media, "schema");
        match Kind::of(media) {
            Some(Kind::Json) => {}
            Some(Kind::File | Kind::Multipart) => answer.format = Some("binary"),
            _ => {}
        }
        if Kind::of(media) == Some(Kind::Json) && operation.method == "get" {
            match listing::find(operation, params, whole, answer.schema) {
                Found::List(Listing { path, item }) => answer.found(path, item),
                Found::Several => {
                    notes.say(&operation.place, "the answer has several lists: write `records: $.NAME` to read one");
                }
                Found::Nothing => {}
            }
        }
        answer
    }

    /// Tells whether the answer is a file, not data.
    pub(super) fn is_file(&self) -> bool {
        self.format == Some("binary")
    }

    /// What the endpoint says of its answers.
    pub(super) fn response(&self) -> Option<Value> {
        self.format.map(|format| json!({"format": format}))
    }

    fn found(&mut self, records: String, item: Option<&'d Value>) {
        self.records = Some(records);
        let known = |name: &&&str| {
            item.is_some_and(|item| self.document.property(item, name).is_some_and(|it| self.is_scalar(it)))
        };
        self.key = ["id", "uuid", "guid", "gid", "key"].iter().find(known).map(|name| (*name).to_owned());
    }

    fn is_scalar(&self, schema: &'d Value) -> bool {
        matches!(self.document.kind(schema), Some("string" | "integer" | "number"))
    }
}

/// Writes the path of a member.
pub(crate) fn member(path: &str, name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain {
        format!("{path}.{name}")
    } else {
        format!("{path}['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}
