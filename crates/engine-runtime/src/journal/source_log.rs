//! The pages of one source, of which those that were delivered are written down in their order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Journal;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::machine::{Event, PageId};
use crate::pending::Keeping;

/// The journal of one source.
///
/// Pages may be delivered in any order: a page counts once all before it were delivered too.
#[derive(Clone)]
pub(crate) struct SourceLog {
    shared: Arc<Shared>,
}

struct Shared {
    journal: Journal,
    source: String,
    step: String,
    parent: Option<PageId>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many pages were given.
    given: u64,
    /// How many were delivered, without a gap.
    delivered: u64,
    /// The pages after those, with what is known of them.
    pages: BTreeMap<u64, Page>,
    has_ended: bool,
}

#[derive(Default)]
struct Page {
    is_delivered: bool,
    /// Where the source goes on after it, and what its pages are known by.
    next: Option<Onward>,
}

/// Where a source goes on after a page.
pub(crate) struct Onward {
    pub(crate) position: String,
    /// What the page and those before it are known by, as far as that was not said yet.
    pub(crate) seen: Vec<u64>,
    /// Whether it goes on from a new beginning, or not at all.
    pub(crate) is_last: bool,
    /// What is kept for the next runs along with the page.
    pub(crate) keep: Option<Keeping>,
}

/// Where a source goes on that was read before.
pub(crate) struct Resumed {
    /// The position after the last page that was delivered.
    pub(crate) position: Option<String>,
    /// What the pages before it are known by.
    pub(crate) seen: Vec<u64>,
    /// Whether there are no more.
    pub(crate) has_ended: bool,
}

impl SourceLog {
    pub(super) fn new(journal: Journal, source: String, step: String, parent: Option<PageId>, from: u64) -> Self {
        let state = State { given: from, delivered: from, ..State::default() };
        Self { shared: Arc::new(Shared { journal, source, step, parent, state: Mutex::new(state) }) }
    }

    /// Makes the first claim on the next page, which holds its part in `under` until it is delivered.
    ///
    /// It must not be settled before [`next`](Self::next) said where the source goes on after the page.
    pub(crate) fn page(&self, under: Claim) -> (Claim, PageId) {
        let ordinal = {
            let mut state = self.state();
            state.given += 1;
            let given = state.given;
            state.pages.insert(given, Page::default());
            given
        };
        let log = self.clone();
        let page = PageId { source: self.shared.source.clone(), step: self.shared.step.clone(), ordinal };
        let claim = Claim::on(move || {
            log.delivered(ordinal);
            under.settle();
        });
        (claim, page)
    }

    /// Says where the source goes on after the page that was given last.
    pub(crate) fn next(&self, next: Onward) {
        let mut state = self.state();
        let given = state.given;
        if let Some(page) = state.pages.get_mut(&given) {
            page.next = Some(next);
        }
    }

    /// Lets nothing be kept along with the pages that were given so far: it was not, and is not, when this returns, but for what was before.
    ///
    /// # Errors
    ///
    /// Fails where the journal can't be written.
    pub(crate) async fn keep_nothing(&self, key: &str) -> Result<(), Failure> {
        for page in self.state().pages.values_mut() {
            if let Some(next) = &mut page.next {
                next.keep = None;
            }
        }
        self.shared.journal.keep_nothing(key).await
    }

    /// Says that there are no more pages, and what is to be kept for the next runs once all was delivered.
    pub(crate) fn end(&self, keep: Vec<String>) {
        if !keep.is_empty() {
            self.shared.journal.event(Event::Kept { keep });
        }
        let mut state = self.state();
        state.has_ended = true;
        self.write(&mut state);
    }

    fn delivered(&self, ordinal: u64) {
        let mut state = self.state();
        if let Some(page) = state.pages.get_mut(&ordinal) {
            page.is_delivered = true;
        }
        self.write(&mut state);
    }

    /// Writes down what is delivered without a gap. The lock is held, so that no page comes before another.
    fn write(&self, state: &mut State) {
        let Shared { journal, source, step, parent, .. } = &*self.shared;
        while let Some(mut first) = state.pages.first_entry() {
            let ordinal = *first.key();
            if ordinal != state.delivered + 1 || !first.get().is_delivered {
                break;
            }
            // A page of which nobody knows what comes after it is read again.
            let Some(Onward { position: next, seen, is_last, keep }) = first.get_mut().next.take() else { break };
            first.remove();
            state.delivered = ordinal;
            let page = PageId { source: source.clone(), step: step.clone(), ordinal };
            journal.delivered(Event::Delivered { page, parent: parent.clone(), next, seen, is_last }, keep);
        }
        if state.delivered == state.given && std::mem::take(&mut state.has_ended) {
            journal.event(Event::SourceEnded {
                source: source.clone(),
                step: step.clone(),
                parent: parent.clone(),
                ordinal: state.delivered,
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
