//! Checks of endpoints made of steps: what they may say, and that none is made of itself.

use engine_request::{Removable, Target};
use engine_source::{Finding, Span};

use super::Checker;
use super::at::At;
use crate::catalog::EndpointEntry;

/// What is about a request, which an endpoint made of steps has not; `request` itself excludes `steps` by its shape.
const OF_REQUESTS: &[&str] = &[
    "base_url",
    "auth",
    "query",
    "headers",
    "body",
    "idempotency",
    "response",
    "records",
    "conditional",
    "paginate",
    "errors",
    "retry",
    "timeout",
    "rate_limit",
    "concurrency",
];

/// An endpoint made of steps uses another one.
#[derive(Clone, Copy)]
pub(super) struct Composition<'a> {
    /// The number of the first.
    by: usize,
    /// The other one.
    of: &'a EndpointEntry<'a>,
    /// Where it is named.
    span: Span,
}

impl<'a> Checker<'a> {
    /// Checks what an endpoint made of steps says beside them.
    pub(super) fn made_of_steps(&mut self, entry: &'a EndpointEntry<'a>) {
        // What has a request, too, is wrong by that alone.
        if entry.at.has("request") {
            return;
        }
        let entries = entry.at.node().map(engine_source::Node::entries).unwrap_or_default();
        for other in entries {
            let key = &*other.key.text;
            if !OF_REQUESTS.contains(&key) || other.value.is_null() {
                continue;
            }
            let help = match key {
                "records" => "remove it: its records are those of its steps that no other of them takes".to_owned(),
                _ => format!("move `{key}` to the endpoint whose request it is about"),
            };
            self.findings.push(
                Finding::error("unknown-field", format!("an endpoint made of `steps` takes no `{key}`"))
                    .label(other.key.span, "it has no request of its own")
                    .help(help),
            );
        }
        let Some(incremental) = entry.model.incremental.as_ref().and_then(Removable::as_set) else { return };
        for place in [&incremental.send, &incremental.send_end].into_iter().flatten() {
            if !matches!(place.target(), Target::Params(_)) {
                self.findings.push(
                    Finding::error("invalid-place", "an endpoint made of `steps` has no request to send a cursor with")
                        .label(place.span(), "not a param")
                        .help("send it to a param, `params.NAME`, or name `window.start` in the steps"),
                );
            }
        }
    }

    /// Checks how an endpoint made of steps is used, which takes none of these; takes note of who uses it.
    pub(super) fn use_of_steps(&mut self, entry: &'a EndpointEntry<'a>, span: Span, at: At<'a>, not: &[&str]) {
        if entry.composite.is_none() {
            return;
        }
        for key in not {
            if at.has(key) && !at.is_null(key) {
                self.findings.push(
                    Finding::error("unknown-field", format!("`{}` is made of steps, and takes no `{key}`", entry.id()))
                        .label(at.key(key).unwrap_or(span), "it has no request of its own")
                        .help("give it a param instead, and use that in its steps"),
                );
            }
        }
        if let Some(by) = self.composite.filter(|_| !self.repeats) {
            self.compositions.push(Composition { by, of: entry, span });
        }
    }

    /// Says which endpoints use themselves without end.
    pub(super) fn endless(&mut self) {
        let compositions = std::mem::take(&mut self.compositions);
        let mut said: Vec<usize> = Vec::new();
        for first in &compositions {
            let Some(ring) = ring(&compositions, first) else { continue };
            if ring.iter().any(|one| said.contains(&one.by)) {
                continue;
            }
            said.extend(ring.iter().map(|one| one.by));
            let names: Vec<String> = ring.iter().map(|one| format!("`{}`", one.of.id())).collect();
            let last = names.last().cloned().unwrap_or_default();
            self.findings.push(
                Finding::error(
                    "endpoint-cycle",
                    format!("{last} uses itself without end: {last} → {}", names.join(" → ")),
                )
                .label(first.span, "leads back")
                .help("read it under `for_each`: then it ends where there is nothing more"),
            );
        }
    }
}

/// Returns the way from an endpoint back to itself, beginning with this use.
fn ring<'c, 'a>(all: &'c [Composition<'a>], first: &'c Composition<'a>) -> Option<Vec<&'c Composition<'a>>> {
    let mut ways = vec![vec![first]];
    let mut seen = vec![first.of.composite];
    while let Some(way) = ways.pop() {
        let last = way.last()?;
        if last.of.composite == Some(first.by) {
            return Some(way);
        }
        for next in all.iter().filter(|next| Some(next.by) == last.of.composite) {
            if next.of.composite == Some(first.by) || !seen.contains(&next.of.composite) {
                seen.push(next.of.composite);
                ways.push(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}
