//! YAML files as values.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine_expr::{Members, Number, Scanner, Value};
use engine_source::{Finding, Findings, Kind, Node, Sources, Tree};

use crate::failure::RecordingError;

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Value, RecordingError> {
    let text = fs::read_to_string(path).map_err(|error| RecordingError::reading(path, &error))?;
    parse(&path.to_string_lossy(), &text)
}

/// Reads a text.
pub(crate) fn parse(name: &str, text: &str) -> Result<Value, RecordingError> {
    let mut sources = Sources::new();
    let mut findings = Findings::new();
    let id = sources.add(name, text);
    let tree = Tree::parse(&sources, id, &mut findings);
    if let Some(finding) = findings.iter().find(|finding| Finding::is_error(finding)) {
        let place = finding.labels.first().map_or_else(|| name.to_owned(), |label| sources.place(label.span));
        let error = RecordingError::new(format!("{place}: {}", finding.message));
        return Err(match &finding.help {
            Some(help) => error.help(help.clone()),
            None => error,
        });
    }
    match tree {
        Some(tree) => Ok(value(&tree.root)),
        None => Err(RecordingError::new(format!("`{name}` cannot be read as YAML"))),
    }
}

/// Makes a value of a node; numbers keep their digits.
fn value(node: &Node) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Bool(it) => (*it).into(),
        Kind::Number(text) => number(text),
        Kind::String(text) => Value::String(Arc::clone(text)),
        Kind::Seq(items) => Value::list(items.iter().map(value).collect()),
        Kind::Map(entries) => {
            let mut members = Members::with_capacity(entries.len());
            for entry in entries {
                members.insert(Arc::clone(&entry.key.text), value(&entry.value));
            }
            Value::Object(Arc::new(members))
        }
    }
}

fn number(text: &Arc<str>) -> Value {
    let mut scanner = Scanner::new(text);
    if scanner.skip().is_ok() && scanner.end().is_ok() {
        return Value::Number(Number::from_json_text(text));
    }
    Number::parse(text).map_or_else(|| Value::String(Arc::clone(text)), Value::Number)
}
