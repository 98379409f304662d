//! What the language has and this version does not run yet: all of it is in this file, and an issue that makes something run
//! deletes its line.

use engine_source::{Entry, Finding, Findings, Node, Span};

use self::Object::{Api, Endpoint, Incremental, OnError, Read, Sink, Step, Top, Validate};
use self::Sign::{Is, IsOther, There};

/// The objects of a spec in which there is something that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    Top,
    Api,
    Endpoint,
    Incremental,
    Step,
    Read,
    Validate,
    OnError,
    Sink,
}

/// How it is recognised.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// The key is there, and neither null nor `none`.
    There,
    /// The key has this value.
    Is(&'static str),
    /// The key has another value.
    IsOther(&'static str),
}

/// Something that does not run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsupported {
    what: &'static str,
    instead: &'static str,
}

/// A table or a file per value of an item.
pub(crate) const PARTITION: Unsupported =
    Unsupported { what: "a file or a table per item", instead: "name one, or use a step with `where` for each" };

const WRITE_OUT: &str = "write the steps one after another";
const REJECTS: &str = "use `skip`, which counts them, or `fail`";
const OTHER_SINK: &str = "use `sqlite`, `csv` or `jsonl`";

#[rustfmt::skip]
const TABLE: &[(Object, &str, Sign, &str, &str)] = &[
    (Top, "on_failure", There, "`on_failure`", "look at the exit status of the run"),
    (Top, "finally", There, "`finally`", "add the steps to `steps`"),
    (Endpoint, "steps", There, "an endpoint made of `steps`", "write the steps where it is used"),
    (Step, "explode", There, "`explode`", "take the list in `map`, or in `for_each` of a template over `steps.ID.item`"),
    (Step, "batch", There, "`batch`", "send the items one by one"),
    (Step, "switch", There, "`switch`", "write a step with `where` for each case"),
    (Step, "steps", There, "`steps` in a step", WRITE_OUT),
    (Step, "parallel", There, "`parallel`", WRITE_OUT),
    (Step, "flow", There, "`flow`", "run the other spec by itself"),
    (Step, "wait", There, "`wait`", "run the rest of the flow later"),
    (Step, "on_error", Is("dead_letter"), "`dead_letter`", REJECTS),
    (OnError, "action", Is("dead_letter"), "`dead_letter`", REJECTS),
    (OnError, "steps", There, "`steps` in `on_error`", "use `skip` or `fail`"),
    (OnError, "retry", There, "`retry` of a whole item", "use `retry` of the endpoint"),
    (Incremental, "window", There, "`window`", "leave it out to read the whole span at once"),
    (Incremental, "concurrency", There, "`concurrency` of windows", "leave it out"),
    (Read, "sink", There, "a read from a sink", "read the endpoint that the records came from"),
    (Validate, "on_invalid", Is("dead_letter"), "`dead_letter`", REJECTS),
    (Sink, "type", Is("parquet"), "a `parquet` sink", OTHER_SINK),
    (Sink, "type", Is("postgres"), "a `postgres` sink", OTHER_SINK),
    (Sink, "compression", IsOther("none"), "`compression` of a sink", "pack the file afterwards"),
    (Sink, "format", IsOther("jsonl"), "another `format` than `jsonl` of a sink", "leave it out, and choose with `--output`"),
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
    found.into_iter().map(|(finding, _)| finding).collect()
}

fn all(root: &Node, findings: &mut Found) {
    object(Top, root, findings);
    for entry in members(root, "sinks") {
        object(Sink, &entry.value, findings);
    }
    for entry in members(root, "apis") {
        let api = &entry.value;
        object(Api, api, findings);
        parts(api, findings);
        for entry in members(api, "endpoints") {
            if object(Endpoint, &entry.value, findings) {
                continue;
            }
            parts(&entry.value, findings);
        }
    }
    for one in root.get("steps").map(Node::items).unwrap_or_default() {
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
    let within = |kind: Object, key: &str, findings: &mut Found| {
        if let Some(part) = node.get(key) {
            object(kind, part, findings);
        }
    };
    within(Read, "read", findings);
    within(Validate, "validate", findings);
    within(OnError, "on_error", findings);
    if let Some(incremental) = node.get("read").and_then(|read| read.get("incremental")) {
        object(Incremental, incremental, findings);
    }
}

/// Looks at an object; returns whether something in it does not run.
fn object(kind: Object, node: &Node, findings: &mut Found) -> bool {
    let mut found = false;
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
            Is(value) if text == Some(*value) => entry.value.span(),
            IsOther(value) if text != Some(*value) => entry.key.span,
            Is(_) | IsOther(_) => continue,
        };
        findings.push((Unsupported { what, instead }.finding(span), entry.key.span.to(entry.value.span())));
        found = true;
    }
    found
}

fn members<'n>(node: &'n Node, key: &str) -> &'n [Entry] {
    node.get(key).map(Node::entries).unwrap_or_default()
}
