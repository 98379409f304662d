//! What a run says while it goes, kept for the test to look at.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine_expr::Value;
use engine_runtime::{Event, Observer, Record};
use engine_source::Span;

/// Looks on while a run goes.
#[derive(Default)]
pub(crate) struct Watch(Mutex<Seen>);

/// What was seen.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// What each step handed on, by its address.
    pub(crate) items: BTreeMap<String, Vec<Value>>,
    /// How long requests and steps waited, in order.
    pub(crate) waits: Vec<Duration>,
    /// The rules that took an answer.
    pub(crate) rules: HashSet<Span>,
    /// Why records were left out.
    pub(crate) rejected: Vec<engine_source::Finding>,
}

impl Watch {
    /// Returns what was seen so far.
    pub(crate) fn seen(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Watch {
    fn event(&self, event: Event) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Retrying { wait, .. } | Event::Waiting { wait, .. } if !wait.is_zero() => seen.waits.push(wait),
            Event::Rejected { finding, .. } => seen.rejected.push(*finding),
            _ => {}
        }
    }

    fn records(&self, _: Option<&str>, _: &[Record]) -> io::Result<()> {
        Ok(())
    }

    fn watches(&self) -> bool {
        true
    }

    fn handed_on(&self, step: &str, records: &[Record]) {
        let values = records.iter().filter_map(|record| record.to_value().ok());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.items.entry(step.to_owned()).or_default().extend(values);
    }

    fn ruled(&self, rule: Span) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rules.insert(rule);
    }
}
