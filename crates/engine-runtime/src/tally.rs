//! The counts of a step, shared by all that work for it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::counted::Counted;
use crate::item::Item;
use crate::machine::PageId;
use crate::report::{Counts, Event, Observer};

/// Counts what becomes of a step's records, and tells the observer.
pub(crate) struct Tally {
    step: Arc<str>,
    counts: Mutex<Counts>,
    /// Of a step that runs for each of many items: what all of them come to.
    total: Option<Arc<Self>>,
    observer: Arc<dyn Observer>,
    /// Where is counted by pages too, where they are written down.
    counted: Option<Arc<Counted>>,
}

impl Tally {
    /// Begins at zero.
    pub(crate) fn new(step: &str, observer: Arc<dyn Observer>) -> Self {
        Self { step: step.into(), counts: Mutex::default(), total: None, observer, counted: None }
    }

    /// Goes on from what was counted before, and counts by pages too.
    pub(crate) fn going_on(self, before: Counts, counted: Option<Arc<Counted>>) -> Self {
        Self { counts: Mutex::new(before), counted, ..self }
    }

    /// Begins at zero with what also counts for this one.
    pub(crate) fn part(self: &Arc<Self>) -> Self {
        Self {
            step: Arc::clone(&self.step),
            counts: Mutex::default(),
            total: Some(Arc::clone(self)),
            observer: Arc::clone(&self.observer),
            counted: self.counted.clone(),
        }
    }

    /// Returns the step's address.
    pub(crate) fn step(&self) -> &Arc<str> {
        &self.step
    }

    /// Changes the counts.
    pub(crate) fn add(&self, change: impl Fn(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(total) = &self.total {
            change(&mut total.counts.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Changes the counts for items; what is counted for those of a page is written down with it.
    pub(crate) fn count(&self, items: &[Item], change: impl Fn(&mut Counts, u64)) {
        if items.is_empty() {
            return;
        }
        self.add(|counts| change(counts, items.len() as u64));
        let Some(counted) = &self.counted else { return };
        for same in items.chunk_by(Item::is_of_page_of) {
            if let Some(page) = same.first().and_then(Item::page) {
                counted.add(Some(page), &self.step, |counts| change(counts, same.len() as u64));
            }
        }
    }

    /// Changes the counts for what belongs to no item: a page, or what was done for whatever it was.
    pub(crate) fn count_of(&self, page: Option<&PageId>, change: impl Fn(&mut Counts)) {
        self.add(&change);
        if let Some(counted) = &self.counted {
            counted.add(page, &self.step, change);
        }
    }

    /// Returns the counts so far.
    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the observer how far the step is.
    pub(crate) fn progress(&self) {
        let counts = self.total.as_ref().map_or_else(|| self.counts(), |total| total.counts());
        self.observer.event(Event::Progress { step: Arc::clone(&self.step), counts });
    }

    /// Tells the observer which rule took an answer.
    pub(crate) fn ruled(&self, rule: engine_source::Span) {
        self.observer.ruled(rule);
    }

    /// Tells the observer what happens.
    pub(crate) fn event(&self, event: Event) {
        self.observer.event(event);
    }
}
