//! Findings as SARIF 2.1.0 (OASIS), which code scanning services read.

use std::path::{Component, Path};

use engine_source::{Label, Sources};
use serde_json::{Map, Value, json};

use crate::report::{Report, Reported};

/// Returns the log, with the rules that its results name.
pub(crate) fn render(report: &Report) -> String {
    let mut codes: Vec<&'static str> = report.iter().map(|reported| reported.finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code)).collect();
    let results: Vec<Value> = report
        .iter()
        .map(|reported| result(reported, codes.binary_search(&reported.finding.code).unwrap_or_default()))
        .collect();
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "engine", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: &str) -> Value {
    let mut rule = Map::from_iter([("id".to_owned(), json!(code))]);
    if let Some(known) = engine_plan::explain(code) {
        rule.insert("shortDescription".to_owned(), json!({"text": known.summary}));
        rule.insert("help".to_owned(), json!({"text": known.page, "markdown": known.page}));
        rule.insert("defaultConfiguration".to_owned(), json!({"level": known.severity.name()}));
    }
    Value::Object(rule)
}

fn result(reported: &Reported, rule: usize) -> Value {
    let finding = &reported.finding;
    let text = match &finding.help {
        Some(help) => format!("{}\nhelp: {help}", finding.message),
        None => finding.message.clone(),
    };
    let mut places = finding.labels.iter().filter(|label| !label.span.is_none());
    let location = match places.next() {
        Some(label) => json!({"physicalLocation": physical(label, &reported.sources)}),
        None => json!({"physicalLocation": {"artifactLocation": {"uri": uri(&reported.path)}}}),
    };
    let mut result = json!({
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity.name(),
        "message": {"text": text},
        "locations": [location],
    });
    let related: Vec<Value> = places
        .enumerate()
        .map(|(at, label)| json!({"id": at + 1, "physicalLocation": physical(label, &reported.sources), "message": {"text": label.text}}))
        .collect();
    if let (Some(result), false) = (result.as_object_mut(), related.is_empty()) {
        result.insert("relatedLocations".to_owned(), Value::Array(related));
    }
    result
}

fn physical(label: &Label, sources: &Sources) -> Value {
    let file = sources.get(label.span.source);
    let (start_line, start_column) = file.line_column(label.span.start);
    let (end_line, end_column) = file.line_column(label.span.end);
    json!({
        "artifactLocation": {"uri": uri(file.name())},
        "region": {"startLine": start_line, "startColumn": start_column, "endLine": end_line, "endColumn": end_column},
    })
}

/// Returns a path as a URI reference (RFC 3986): relative as it is, absolute with `file:`.
fn uri(path: &str) -> String {
    let parts: Vec<String> = Path::new(path)
        .components()
        .filter_map(|component| match component {
            Component::Normal(part) => Some(encode(&part.to_string_lossy())),
            Component::ParentDir => Some("..".to_owned()),
            Component::Prefix(prefix) => Some(prefix.as_os_str().to_string_lossy().into_owned()),
            Component::RootDir | Component::CurDir => None,
        })
        .collect();
    let start = if Path::new(path).is_absolute() { "file:///" } else { "" };
    format!("{start}{}", parts.join("/"))
}

/// Encodes a part of a path: a colon too, since it would make the first part a scheme.
fn encode(part: &str) -> String {
    let encoded = part.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use engine_source::{Finding, Findings, Span};

    use super::*;

    #[test]
    fn writes_a_log_with_its_rules() {
        let mut sources = Sources::new();
        let id = sources.add("specs/größe 1.yaml", "größe: 1\nb: 2\n");
        let findings: Findings = [
            Finding::error("unknown-field", "unknown field `b`")
                .label(Span::new(id, 11..12), "not a field")
                .help("leave it out"),
            Finding::warning("unused-secret", "odd")
                .label(Span::new(id, 0..7), "here")
                .label(Span::new(id, 11..12), "there"),
        ]
        .into_iter()
        .collect();
        let text = render(&Report::of(Path::new("x.yaml"), findings, &Arc::new(sources)));
        let log: Value = serde_json::from_str(&text).unwrap();
        let run = log.pointer("/runs/0").unwrap();
        let place = json!({"uri": "specs/gr%C3%B6%C3%9Fe%201.yaml"});
        let there = json!({"artifactLocation": place, "region": {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 2}});
        assert_eq!(log.get("version").unwrap(), "2.1.0");
        assert_eq!(
            run.get("results").unwrap(),
            &json!([
                {"ruleId": "unused-secret", "ruleIndex": 1, "level": "warning", "message": {"text": "odd"},
                 "locations": [{"physicalLocation": {"artifactLocation": place,
                    "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 6}}}],
                 "relatedLocations": [{"id": 1, "physicalLocation": there, "message": {"text": "there"}}]},
                {"ruleId": "unknown-field", "ruleIndex": 0, "level": "error",
                 "message": {"text": "unknown field `b`\nhelp: leave it out"}, "locations": [{"physicalLocation": there}]},
            ])
        );
        for (index, rule) in run.pointer("/tool/driver/rules").unwrap().as_array().unwrap().iter().enumerate() {
            assert_eq!(rule.get("id").unwrap(), ["unknown-field", "unused-secret"][index]);
            assert!(rule.pointer("/shortDescription/text").is_some_and(Value::is_string), "{rule}");
            assert!(rule.pointer("/help/markdown").is_some_and(Value::is_string), "{rule}");
        }
    }

    #[test]
    fn names_files_by_uri() {
        assert_eq!(uri("../specs/a b.yaml"), "../specs/a%20b.yaml");
        assert_eq!(uri("./c:d.yaml"), "c%3Ad.yaml");
        assert_eq!(uri("/tmp/x.yaml"), "file:///tmp/x.yaml");
    }
}
