//! Checks of what happens twice when a whole item is tried again.

use engine_request::Retry;
use engine_source::{Finding, Span};
use engine_spec::{Call, Step};

use super::Checker;
use super::api::is_undone;
use crate::catalog::EndpointEntry;

/// How deep endpoints made of steps are looked into; they may be made of each other.
const DEPTH: usize = 32;

impl<'a> Checker<'a> {
    /// Warns where trying an item again sends a request again that makes something.
    pub(super) fn tried_again(&mut self, step: &'a Step, retry: Option<&Retry>, key: Option<Span>) {
        let Some(retry) = retry else { return };
        if retry.attempts.as_ref().is_some_and(|attempts| attempts.as_value().is_some_and(|it| *it < 2)) {
            return;
        }
        let mut calls = Vec::new();
        self.calls(step, DEPTH, &mut calls);
        // A single call is only made again where it failed, and may have done nothing.
        let is_alone = calls.len() == 1;
        let only_undone = retry
            .on
            .as_ref()
            .is_some_and(|on| !on.is_empty() && on.iter().all(|on| on.as_value().is_none_or(|on| is_undone(*on))));
        if is_alone && only_undone {
            return;
        }
        let Some((entry, span)) = calls.into_iter().find(|(entry, _)| entry.makes_anew()) else { return };
        let method = entry.effective.as_ref().map_or("", |it| it.request.method().as_str());
        let what =
            if is_alone { "may have been done though it failed" } else { "may have succeeded when another fails" };
        self.findings.push(
            Finding::warning("retry-without-key", format!("`{}` is sent again without an idempotency key", entry.id()))
                .label(key.unwrap_or(span), "tries the whole item again")
                .label(span, format!("this {method} {what}"))
                .help(format!(
                    "if the API knows such keys, add `idempotency: {{in: header.Idempotency-Key}}` to `{}`, or `idempotency: natural` if done twice is the same as done once; else retry only steps that may happen twice",
                    entry.id()
                )),
        );
    }

    /// Lists the calls that an item makes, each with its place in the step.
    fn calls(&self, step: &'a Step, depth: usize, found: &mut Vec<(&'a EndpointEntry<'a>, Span)>) {
        if let Some(Call { endpoint, .. }) = &step.call
            && let Some(entry) = self.catalog.api(&endpoint.api).and_then(|api| api.endpoint(&endpoint.endpoint))
        {
            match &entry.model.steps {
                Some(steps) if depth > 0 => {
                    let mut within = Vec::new();
                    for step in steps {
                        self.calls(step, depth - 1, &mut within);
                    }
                    found.extend(within.into_iter().map(|(entry, _)| (entry, endpoint.span)));
                }
                Some(_) => {}
                None => found.push((entry, endpoint.span)),
            }
        }
        let blocks = step.steps.iter().chain(step.parallel.iter().flatten());
        blocks.flatten().for_each(|step| self.calls(step, depth, found));
        for case in step.switch.iter().flatten() {
            self.calls(&case.step, depth, found);
        }
    }
}
