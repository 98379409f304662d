//! Answers of a run, held against the documents of its APIs as they come.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use engine_contract::{Mismatch, Watch};
use engine_expr::Value;
use engine_plan::Plan;
use engine_runtime::{BoxFuture, Found, RecordedExchange, RecordedRun, Recorder};
use engine_source::{Finding, Findings};

use crate::report::Report;

/// Looks at each answer on its way.
#[derive(Debug)]
pub(crate) struct Answers {
    watches: Vec<Watch>,
    seen: Mutex<BTreeMap<String, Seen>>,
}

/// What was seen of an endpoint.
#[derive(Debug, Default)]
struct Seen {
    answers: usize,
    /// Records that were held, and those that do not fit.
    held: usize,
    wrong: usize,
    /// The first that does not: in which answer, its number there, what is wrong with it, the place in the document and the document.
    first: Option<(usize, Mismatch, String)>,
}

impl Answers {
    pub(crate) fn new(watches: Vec<Watch>) -> Self {
        Self { watches, seen: Mutex::default() }
    }

    /// Says what was seen: a finding for each endpoint whose answers do not fit.
    pub(crate) fn report(&self, spec: &Path, plan: &Plan, is_denied: bool) -> Report {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut findings = Findings::new();
        for (id, seen) in seen.iter() {
            let Some((answer, first, document)) = &seen.first else { continue };
            let message = format!(
                "{} of {} that `{id}` gave do not fit the document: in answer {answer}, record {}, {}",
                seen.wrong, seen.held, first.first, first.what
            );
            let finding = if is_denied {
                Finding::error("contract-mismatch", message)
            } else {
                Finding::warning("contract-mismatch", message)
            };
            let span = plan.endpoint(id).map(|endpoint| endpoint.span).unwrap_or_default();
            findings.push(finding.label(span, "").help(format!("see {} in {document}", first.place)));
        }
        Report::of(spec, findings, &plan.sources)
    }

    fn look(&self, endpoint: &str, status: u16, text: &str, redact: &dyn Fn(&str) -> String) {
        let Some(watch) = self.watches.iter().find(|watch| watch.knows(endpoint)) else { return };
        // What is no JSON the run says itself.
        let Ok(body) = Value::from_json(text) else { return };
        let Some(mismatch) = watch.answer(endpoint, status, &body) else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(endpoint.to_owned()).or_default();
        seen.answers += 1;
        seen.held += mismatch.held;
        seen.wrong += mismatch.wrong;
        if mismatch.wrong > 0 && seen.first.is_none() {
            let what = redact(&mismatch.what);
            seen.first = Some((seen.answers, Mismatch { what, ..mismatch }, watch.name().to_owned()));
        }
    }
}

impl Recorder for Answers {
    fn begin(&self, _: &RecordedRun<'_>) {}

    fn found(&self, _: Found<'_>) {}

    fn exchange<'a>(&'a self, exchange: RecordedExchange<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Ok(incoming) = exchange.came else { return };
            if exchange.is_login || exchange.is_redirect || !(200..300).contains(&incoming.status) {
                return;
            }
            if !self.watches.iter().any(|watch| watch.knows(exchange.asked)) {
                return;
            }
            let Ok(bytes) = incoming.body.clone().into_bytes().await else { return };
            let Ok(text) = std::str::from_utf8(&bytes) else { return };
            self.look(exchange.asked, incoming.status, text, &|text| exchange.redactor().redact(text));
        })
    }
}
