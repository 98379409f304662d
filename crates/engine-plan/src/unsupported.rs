//! What the language has and this version does not run yet: all of it is in this file, and an issue that makes something run
//! deletes its line.

use engine_source::{Entry, Finding, Findings, Node, Span};

use self::Object::{Api, Endpoint, Incremental, OnError, Step, Top, Validate, Wait};
use self::Sign::There;

/// The objects of a spec in which there is something that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    Top,
    Api,
    Endpoint,
    Incremental,
    Step,
    Validate,
    OnError,
    Wait,
}

/// How it is recognised.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// The key is there, and neither null nor `none`.
    There,
}

/// Something that does not run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsupported {
    what: &'static str,
    instead: &'static str,
}

#[rustfmt::skip]
const TABLE: &[(Object, &str, Sign, &str, &str)] = &[
    (Wait, "event", There, "a `wait` for an event", "wait until a condition holds: `wait: {until: …}`"),
    (Incremental, "concurrency", There, "`concurrency` of windows", "leave it out"),
];

impl Unsupported {
    /// Says so.
    pub(crate) fn finding(self, span: Span) -> Finding {
        Finding::error("not-supported", format!("{} is not supported by this version", self.what))
            .label(span, "does not run yet")
            .help(self.instead)
    }
}

/// All that does not run, each with the place of it as a whole.
type Found = Vec<(Finding, Span)>;

/// Finds all that does not run in a spec. What is inside of such a thing is not looked at, and where something else is wrong
/// with it that is said alone.
pub(crate) fn find(root: &Node, others: &Findings) -> Vec<Finding> {
    let mut found = Vec::new();
    all(root, &mut found);
    let is_within = |inner: Span, outer: Span| {
        inner.source == outer.source && outer.start <= inner.start && inner.start < outer.end.max(outer.start + 1)
    };
    let errors: Vec<Span> = others.iter().filter(|other| other.is_error()).map(Finding::span).collect();
    found.retain(|(_, whole)| !errors.iter().any(|error| is_within(*error, *whole)));
    let wholes: Vec<Span> = found.iter().map(|(_, whole)| *whole).collect();
    let is_inner = |one: Span| wholes.iter().any(|whole| one.start > whole.start && is_within(one, *whole));
    found.into_iter().filter(|(_, whole)| !is_inner(*whole)).map(|(finding, _)| finding).collect()
}

fn all(root: &Node, findings: &mut Found) {
    object(Top, root, findings);
    for entry in members(root, "apis") {
        let api = &entry.value;
        object(Api, api, findings);
        parts(api, findings);
        for entry in members(api, "endpoints") {
            object(Endpoint, &entry.value, findings);
            parts(&entry.value, findings);
            steps(entry.value.get("steps"), findings);
        }
    }
    for key in ["steps", "on_failure", "finally"] {
        steps(root.get(key), findings);
    }
}

fn steps(list: Option<&Node>, findings: &mut Found) {
    for one in list.map(Node::items).unwrap_or_default() {
        step(one, findings);
    }
}

/// Looks at what APIs and endpoints have in common.
fn parts(node: &Node, findings: &mut Found) {
    if let Some(incremental) = node.get("incremental") {
        object(Incremental, incremental, findings);
    }
}

fn step(node: &Node, findings: &mut Found) {
    object(Step, node, findings);
    for (kind, key) in [(Validate, "validate"), (Wait, "wait"), (OnError, "on_error")] {
        if let Some(part) = node.get(key) {
            object(kind, part, findings);
        }
    }
    if let Some(incremental) = node.get("read").and_then(|read| read.get("incremental")) {
        object(Incremental, incremental, findings);
    }
    steps(node.get("steps"), findings);
    steps(node.get("switch"), findings);
    for branch in node.get("parallel").map(Node::items).unwrap_or_default() {
        steps(Some(branch), findings);
    }
    steps(node.get("on_error").and_then(|it| it.get("steps")), findings);
}

/// Looks at an object.
fn object(kind: Object, node: &Node, findings: &mut Found) {
    for (object, key, sign, what, instead) in TABLE {
        if *object != kind {
            continue;
        }
        let Some(entry) = node.entry(key).filter(|entry| !entry.value.is_null() && !entry.value.is_broken()) else {
            continue;
        };
        let text = entry.value.as_str();
        let span = match sign {
            There if text == Some("none") => continue,
            There => entry.key.span,
        };
        let whole = match kind {
            Endpoint | Wait => node.span(),
            _ => entry.key.span.to(entry.value.span()),
        };
        findings.push((Unsupported { what, instead }.finding(span), whole));
    }
}

fn members<'n>(node: &'n Node, key: &str) -> &'n [Entry] {
    node.get(key).map(Node::entries).unwrap_or_default()
}
