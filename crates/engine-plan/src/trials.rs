//! Tests of a spec: those with steps of their own, and what they name of the flows that it runs.

use std::collections::HashMap;
use std::sync::Arc;

use engine_source::{Entry, Finding, Key, Kind, Node, Span};
use engine_spec::{Spec, Test};

use crate::catalog::Catalog;
use crate::plan::Plan;

/// Returns a spec whose steps are those of a test.
pub(crate) fn with_steps(spec: &Spec, root: &Node, test: &Test, node: &Node) -> (Spec, Node) {
    const LEFT_OUT: [&str; 5] = ["steps", "on_failure", "finally", "triggers", "tests"];
    let own = Spec {
        steps: test.steps.clone(),
        on_failure: Vec::new(),
        finally: Vec::new(),
        triggers: Vec::new(),
        tests: Vec::new(),
        ..spec.clone()
    };
    let kept = root.entries().iter().filter(|entry| !LEFT_OUT.contains(&&*entry.key.text));
    let steps = node.entry("steps").cloned();
    let steps = steps.map(|steps| Entry { key: Key { text: Arc::from("steps"), ..steps.key }, ..steps });
    let entries = kept.cloned().chain(steps).collect();
    (own, Node::new(root.span(), Kind::Map(entries), root.style()))
}

/// Tells whether a place is within another.
pub(crate) fn is_within(inner: Span, outer: Span) -> bool {
    inner.source == outer.source && outer.start <= inner.start && inner.end <= outer.end
}

/// Says which endpoints that tests name are neither the spec's own nor those of a flow that it runs.
pub(crate) fn undefined(spec: &Spec, catalog: &Catalog<'_>, flows: &HashMap<Span, Arc<Plan>>) -> Vec<Finding> {
    if flows.is_empty() {
        return Vec::new();
    }
    let is_known = |text: &str| match text.split_once('.') {
        Some((api, "auth" | "*")) => {
            catalog.api(api).is_some() || flows.values().any(|flow| flow.endpoints.iter().any(|it| it.api == api))
        }
        Some((api, name)) => {
            catalog.api(api).is_some_and(|entry| entry.endpoint(name).is_some())
                || flows.values().any(|flow| flow.endpoint(text).is_some())
        }
        None => false,
    };
    let mut findings = Vec::new();
    for test in &spec.tests {
        let expected = test.expect.iter().filter_map(|expect| expect.requests.as_ref());
        let keys = test.mock.endpoints.iter().map(|(name, _)| name);
        for name in keys.chain(expected.flat_map(|requests| requests.endpoints.iter().map(|(name, _)| name))) {
            if !is_known(&name.value) {
                findings.push(
                    Finding::error("undefined-endpoint", format!("undefined endpoint `{}`", name.value))
                        .label(name.span, "not an endpoint")
                        .help("name one of this spec, or of a flow that it runs: `API.ENDPOINT`"),
                );
            }
        }
    }
    findings
}
