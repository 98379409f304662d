//! Documents that are right are read without a finding.

mod corpus;

use engine_source::Findings;
use engine_spec::{Spec, read};

/// Returns what is said about a document.
fn said(name: &str, text: &str) -> Vec<String> {
    let mut findings = Findings::default();
    let spec = match corpus::tree(name, text) {
        Ok(tree) => read::<Spec>(&tree, &mut findings),
        Err(said) => {
            findings = said;
            None
        }
    };
    assert!(spec.is_some() || findings.has_errors(), "{name}: nothing is said");
    findings.iter().map(|it| format!("{name}: {}: {} {:?}", it.code, it.message, it.span().range())).collect()
}

#[test]
fn every_document_of_the_repository() {
    let folders = ["specs", "examples", "tests/specs/valid", "tests/specs/valid/specs"];
    let all: Vec<String> =
        folders.into_iter().flat_map(corpus::folder).flat_map(|(name, text)| said(&name, &text)).collect();
    assert!(all.is_empty(), "{all:#?}");
}

/// A step for each form of what a step may hold.
#[test]
fn every_form_of_a_step() {
    for step in [
        "for_each: [1, 2]",
        "for_each: $.items",
        "for_each: \"{{ inputs.list }}\"",
        "for_each: {a: [1], b: $.b}",
        "read: {endpoint: a.b, incremental: none, limit: \"{{ inputs.n }}\"}",
        "read: {sink: s, table: t}",
        "read: {sink: s, query: select 1}",
        "batch: 100",
        "batch: \"{{ inputs.n }}\"",
        "batch: {size: all, within: 5s}",
        "call: a.b",
        "call: {endpoint: a.b, until: response.body.done, every: 5s, timeout: 1h}",
        "write: s",
        "write: {sink: s, key: id, mode: replace, create: false}",
        "wait: 5m",
        "wait: {event: {}}",
        "on_error: {action: skip, retry: {attempts: 2}}",
        "map: m",
        "map: {\"*\": $, a: {each: [1, 2], key: \"{{ item }}\", map: {b: $}}}",
        "expect: {status: [200, 2xx], schema: true}",
    ] {
        let all = said(step, &format!("version: 1\nsteps:\n  - {step}\n"));
        assert!(all.is_empty(), "{all:#?}");
    }
}
