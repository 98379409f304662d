//! What steps count for the pages that are not written down as delivered yet: it is written down with them, so that who goes on with a run
//! goes on counting.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::machine::PageId;
use crate::report::Counts;

/// What the steps of a run count.
#[derive(Default)]
pub(crate) struct Counted {
    kept: Mutex<Kept>,
}

/// The counts of steps, by their addresses.
type ByStep = BTreeMap<Arc<str>, Counts>;

#[derive(Default)]
struct Kept {
    pages: HashMap<PageId, ByStep>,
    /// What belongs to no page, as requests that were sent.
    others: ByStep,
}

impl Counted {
    /// Counts for a page, or for none.
    pub(crate) fn add(&self, page: Option<&PageId>, step: &Arc<str>, change: impl FnOnce(&mut Counts)) {
        let kept = &mut *self.kept();
        let by_step = match page {
            None => &mut kept.others,
            Some(page) => {
                if !kept.pages.contains_key(page) {
                    kept.pages.insert(page.clone(), ByStep::new());
                }
                match kept.pages.get_mut(page) {
                    Some(by_step) => by_step,
                    None => return,
                }
            }
        };
        change(by_step.entry(Arc::clone(step)).or_default());
    }

    /// Takes what was counted for a page that is delivered, and what belongs to none.
    pub(crate) fn take(&self, page: &PageId) -> BTreeMap<String, Counts> {
        let mut kept = self.kept();
        let of_page = kept.pages.remove(page).unwrap_or_default();
        let mut taken: BTreeMap<String, Counts> = BTreeMap::new();
        for (step, counts) in of_page.into_iter().chain(std::mem::take(&mut kept.others)) {
            taken.entry(step.to_string()).or_default().add(&counts);
        }
        taken
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
