//! Findings as JSON: an array with an object of one line for each.

use engine_source::{Sources, Span};
use serde::Serialize;

use crate::report::{Report, Reported};

/// A finding as programs read it. Lines and columns count from 1, columns in characters.
#[derive(Serialize)]
pub(crate) struct Object<'a> {
    path: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    /// After the last character.
    end: Option<Position>,
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    help: Option<&'a str>,
    labels: Vec<Place<'a>>,
    /// What `--fix` would do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Change<'a>>,
}

/// A change that mends a finding.
#[derive(Serialize)]
struct Change<'a> {
    title: &'a str,
    /// The places, each with the text that is to stand there instead.
    edits: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Position {
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    line: usize,
    column: usize,
    end: Position,
    text: &'a str,
}

impl<'a> Object<'a> {
    /// Makes the object of a finding.
    pub(crate) fn new(reported: &'a Reported) -> Self {
        let finding = &reported.finding;
        let start = reported.start();
        Self {
            path: &reported.path,
            line: start.map(|(line, _)| line),
            column: start.map(|(_, column)| column),
            end: reported.end().map(Position::from),
            code: finding.code,
            severity: finding.severity.name(),
            message: &finding.message,
            help: finding.help.as_deref(),
            labels: finding
                .labels
                .iter()
                .filter(|label| !label.span.is_none())
                .map(|label| Place::new(label.span, &label.text, &reported.sources))
                .collect(),
            fix: finding.fix.as_deref().map(|fix| Change {
                title: &fix.title,
                edits: fix.edits.iter().map(|(span, text)| Place::new(*span, text, &reported.sources)).collect(),
            }),
        }
    }
}

impl<'a> Place<'a> {
    fn new(span: Span, text: &'a str, sources: &'a Sources) -> Self {
        let file = sources.get(span.source);
        let (line, column) = file.line_column(span.start);
        Self { path: file.name(), line, column, end: file.line_column(span.end).into(), text }
    }
}

impl From<(usize, usize)> for Position {
    fn from((line, column): (usize, usize)) -> Self {
        Self { line, column }
    }
}

/// Returns the array.
pub(crate) fn render(report: &Report) -> String {
    // Texts and numbers always have a JSON form.
    let objects: Vec<String> =
        report.iter().filter_map(|reported| serde_json::to_string(&Object::new(reported)).ok()).collect();
    if objects.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", objects.join(",\n")) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::path::Path;
    use std::sync::Arc;

    use engine_source::{Finding, Findings};

    use super::*;

    #[test]
    fn writes_an_object_for_each_finding() {
        let mut sources = Sources::new();
        let id = sources.add("specs/x.yaml", "größe: 1\nb: 2\n");
        let findings: Findings = [
            Finding::error("unknown-field", "unknown field `b`")
                .label(Span::new(id, 11..12), "not a field")
                .help("leave it out")
                .meant(Span::new(id, 11..12), Some("c")),
            Finding::warning("unused-secret", "odd"),
        ]
        .into_iter()
        .collect();
        let text = render(&Report::of(Path::new("specs/x.yaml"), findings, &Arc::new(sources)));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            serde_json::json!([
                {"path": "specs/x.yaml", "line": null, "column": null, "end": null, "code": "unused-secret",
                 "severity": "warning", "message": "odd", "help": null, "labels": []},
                {"path": "specs/x.yaml", "line": 2, "column": 1, "end": {"line": 2, "column": 2}, "code": "unknown-field",
                 "severity": "error", "message": "unknown field `b`", "help": "leave it out",
                 "labels": [{"path": "specs/x.yaml", "line": 2, "column": 1, "end": {"line": 2, "column": 2}, "text": "not a field"}],
                 "fix": {"title": "write `c`", "edits": [{"path": "specs/x.yaml", "line": 2, "column": 1, "end": {"line": 2, "column": 2}, "text": "c"}]}},
            ])
        );
        assert_eq!(render(&Report::default()), "[]\n");
    }
}
