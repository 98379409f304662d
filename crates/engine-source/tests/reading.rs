//! What is said about text that is no YAML, or is YAML that means something else than its author did.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;

use engine_source::{Findings, MAX_BYTES, Sources, Tree};

fn said(text: &str) -> String {
    let mut sources = Sources::new();
    let id = sources.add("x.yaml", text);
    let mut findings = Findings::new();
    Tree::parse(&sources, id, &mut findings);
    findings.sort();
    let mut said = String::new();
    for finding in &findings {
        let (line, column) = sources.get(id).line_column(finding.span().start);
        let at = sources.text_of(finding.span());
        let help = finding.help.as_deref().unwrap_or("-");
        writeln!(said, "{line}:{column} {}: {} [{at}] {help}", finding.code, finding.message).unwrap();
    }
    said
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let said = said(text);
    assert_eq!(said.trim(), expected.trim(), "\n{text}\n{said}");
}

#[test]
fn dump() {
    for text in std::fs::read_to_string("/tmp/probe/in2.txt").unwrap().split("\n====\n") {
        println!("--- {text}\n    => {}", said(text));
    }
}
