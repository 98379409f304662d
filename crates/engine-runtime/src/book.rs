//! What a run has to tell of its steps: the counts of each, those of steps that ran for many items added up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::report::{Counts, Event, Status, StepReport};
use crate::run::RunContext;
use crate::tally::Tally;

/// Where a step stands among all of a run: its number, after those of the steps that use its flow or endpoint.
pub(crate) type Rank = Vec<usize>;

/// The steps that began.
#[derive(Default)]
pub(crate) struct Book {
    entries: Mutex<BTreeMap<Rank, Entry>>,
    rejected: AtomicU64,
    /// What was counted before the run was taken up again, by the addresses of steps.
    before: Mutex<BTreeMap<String, Counts>>,
}

struct Entry {
    tally: Arc<Tally>,
    status: Option<Status>,
    is_started: bool,
    is_told: bool,
}

impl Book {
    /// Goes on from what was counted before the run was taken up again.
    pub(crate) fn go_on(&self, before: BTreeMap<String, Counts>) {
        self.reject(before.values().map(Counts::rejected).sum());
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = before;
    }

    /// Returns the counts of a step, from its beginning on.
    pub(crate) fn tally(&self, rank: &Rank, address: &str, context: &RunContext) -> Arc<Tally> {
        let (observer, counted) = (Arc::clone(&context.observer), context.journal.counted());
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).get(address).copied();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(rank.clone()).or_insert_with(|| Entry {
            tally: Arc::new(Tally::new(address, observer).going_on(before.unwrap_or_default(), counted)),
            status: None,
            is_started: false,
            is_told: false,
        });
        Arc::clone(&entry.tally)
    }

    /// Takes note that a step has something to do; tells so the first time.
    pub(crate) fn started(&self, rank: &Rank) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get_mut(rank).filter(|entry| !entry.is_started) else { return };
        entry.is_started = true;
        let tally = Arc::clone(&entry.tally);
        drop(entries);
        tally.event(Event::StepStarted { step: Arc::clone(tally.step()) });
    }

    /// Takes note that a step has ended, for one item or for good. The end for good is told, and that of all steps within.
    pub(crate) fn ended(&self, rank: &Rank, status: Status, is_last: bool) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get_mut(rank) else { return };
        // A step is skipped if it was for every item.
        entry.status = match (entry.status, status) {
            (Some(known), Status::Skipped) => Some(known),
            // What becomes of an item that failed is told by the step around.
            (_, Status::Failed) if !is_last => Some(Status::Ok),
            (_, status) => Some(status),
        };
        if !is_last {
            return;
        }
        let address = Arc::clone(entry.tally.step());
        let is_within =
            |step: &str| step.strip_prefix(&*address).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let told: Vec<StepReport> = entries
            .values_mut()
            .filter(|entry| !entry.is_told && is_within(entry.tally.step()))
            .map(|entry| {
                entry.is_told = true;
                entry.report()
            })
            .collect();
        let tally = entries.get(rank).map(|entry| Arc::clone(&entry.tally));
        drop(entries);
        for StepReport { id, status, counts } in told {
            if let Some(tally) = &tally {
                tally.event(Event::StepFinished { step: id, status, counts });
            }
        }
    }

    /// Takes note of a step that ended before the run was taken up again.
    pub(crate) fn restored(&self, rank: &Rank, address: &str, context: &RunContext, status: Status, counts: Counts) {
        self.tally(rank, address, context).add(|known| *known = counts);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(rank) {
            entry.status = Some(status);
            (entry.is_started, entry.is_told) = (true, true);
        }
    }

    /// Counts records that were left out for an error.
    pub(crate) fn reject(&self, records: u64) {
        self.rejected.fetch_add(records, Ordering::Relaxed);
    }

    /// Takes back records that come again.
    pub(crate) fn take_back(&self, records: u64) {
        self.rejected.fetch_sub(records, Ordering::Relaxed);
    }

    /// Returns how many records were left out for an error.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Returns what became of each step; `failed` is the one that failed the run.
    pub(crate) fn reports(&self, failed: Option<&str>) -> Vec<StepReport> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reports: Vec<StepReport> = entries.values().map(Entry::report).collect();
        for report in &mut reports {
            if Some(&*report.id) == failed {
                report.status = Status::Failed;
            }
        }
        reports
    }
}

impl Entry {
    fn report(&self) -> StepReport {
        let status = self.status.unwrap_or(Status::Interrupted);
        StepReport { id: Arc::clone(self.tally.step()), status, counts: self.tally.counts() }
    }
}
