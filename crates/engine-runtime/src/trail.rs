//! What the work on an item leaves behind, for when the item is tried again, by this run or by whoever sends its dead letter.

mod rows;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine_plan::Target;
use engine_spec::ItemAction;

use self::rows::Rows;
use crate::item::Item;
use crate::machine::PageId;
use crate::run::RunContext;
use crate::site::Site;
use crate::tally::Tally;

/// What the steps within a step have done for an item.
///
/// A row is known by what is in it: one that is another in a later attempt is appended too, so that nothing is lost.
pub(crate) struct Trail {
    /// That of the item around.
    around: Option<Arc<Self>>,
    /// The flow whose steps these are.
    context: Arc<RunContext>,
    /// Whether what a dead letter tells is in this, or in one around.
    has_letter: bool,
    rows: Mutex<Rows>,
    /// How often what had been done for items within this one was undone before its letter was kept, by their keys.
    undone_before: BTreeMap<String, u32>,
    /// The same until now.
    undone: Mutex<BTreeMap<String, u32>>,
    /// The dead letters that were kept of items within this one since it was tried last.
    letters: Mutex<Vec<KeptWithin>>,
}

/// A dead letter of an item within another one.
pub(crate) struct KeptWithin {
    pub(crate) key: String,
    /// What has counted it, and the page of its item.
    pub(crate) decides: Arc<Tally>,
    pub(crate) page: Option<PageId>,
}

/// Where rows are to be appended.
pub(crate) struct Place<'a> {
    /// The address of the step that appends them.
    pub(crate) step: &'a str,
    /// What tells what it writes from what it writes in other runs of its block.
    pub(crate) turn: &'a str,
    pub(crate) sink: &'a str,
    /// The table or file, and the database.
    pub(crate) name: String,
    /// The flow whose step it is.
    pub(crate) context: &'a Arc<RunContext>,
    /// Whether rows are there as soon as they are written, and stay though the step, or the flow, fails.
    pub(crate) stays: bool,
    /// Whether they are there for whoever sends a dead letter.
    pub(crate) lasts: bool,
}

impl Place<'_> {
    fn mark(&self, row: &str) -> u64 {
        rows::mark([self.step, self.turn, self.sink, &self.name, row])
    }
}

impl Trail {
    /// Begins with an item; nothing where it is not tried again.
    pub(crate) fn of(site: &Site, item: &Item) -> Option<Arc<Self>> {
        let has_steps =
            matches!(site.step.target, Target::Steps(_) | Target::Parallel(_) | Target::Flow(_) | Target::Composite(_));
        if !has_steps || site.context().options.dry_run {
            return None;
        }
        let letter = site.letter(item);
        let around = site.frame.trail().cloned();
        if site.on_error.retry.is_none() && site.on_error.action != ItemAction::DeadLetter && letter.is_none() {
            return None;
        }
        let is_around = around.as_ref().is_some_and(|around| around.has_letter);
        let content = letter.map(crate::letter::Letter::content);
        let before = content.map(|content| content.appended.as_str()).unwrap_or_default();
        let undone_before = content.map(|content| content.undone_within.clone()).unwrap_or_default();
        Some(Arc::new(Self {
            around,
            context: Arc::clone(site.context()),
            has_letter: letter.is_some() || is_around,
            // The letter of an item around has the rows of all within it, and tells them first.
            rows: Mutex::new(Rows::of_letter(before, is_around)),
            undone: Mutex::new(undone_before.clone()),
            undone_before,
            letters: Mutex::default(),
        }))
    }

    /// Begins another attempt, and returns the dead letters of the last one: their items come again.
    pub(crate) fn again(&self) -> Vec<KeptWithin> {
        self.with(Rows::again);
        std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of the dead letter of an item within this one.
    pub(crate) fn kept(&self, letter: KeptWithin) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
    }

    /// Ends the work on the item: its dead letters are those of the item around.
    pub(crate) fn end(&self) {
        let Some(around) = &self.around else { return };
        let mut letters = std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner));
        around.letters.lock().unwrap_or_else(PoisonError::into_inner).append(&mut letters);
    }

    /// Returns how often what had been done for an item within this one was undone before a letter was kept.
    pub(crate) fn times_before(&self, key: &str) -> u32 {
        let own = self.undone_before.get(key).copied().unwrap_or_default();
        own.max(self.around.as_ref().map_or(0, |around| around.times_before(key)))
    }

    /// Takes note of how often what was done for an item within this one was undone.
    pub(crate) fn undone(&self, key: &str, times: u32) {
        self.undone.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), times);
        if let Some(around) = &self.around {
            around.undone(key, times);
        }
    }

    /// Returns what was undone, for the dead letter of the item.
    pub(crate) fn undone_within(&self) -> BTreeMap<String, u32> {
        self.undone.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells whether any row is known of an attempt before.
    pub(crate) fn knows_rows(&self) -> bool {
        self.with(|rows| rows.knows_any()) || self.around.as_ref().is_some_and(|around| around.knows_rows())
    }

    /// Tells whether a row was appended in an attempt before, once for each time that it was.
    pub(crate) fn take(&self, place: &Place<'_>, row: &str) -> bool {
        self.take_mark(place, place.mark(row))
    }

    fn take_mark(&self, place: &Place<'_>, mark: u64) -> bool {
        if self.is_told_of(place) && self.with(|rows| rows.take(mark)) {
            return true;
        }
        let is_known = self.around.as_ref().is_some_and(|around| around.take_mark(place, mark));
        if is_known && self.is_told_of(place) {
            self.with(|rows| rows.add(mark, place.lasts));
        }
        is_known
    }

    /// Takes note of a row that was appended.
    pub(crate) fn add(&self, place: &Place<'_>, row: &str) {
        if self.has_room() {
            self.add_mark(place, place.mark(row));
        }
    }

    fn add_mark(&self, place: &Place<'_>, mark: u64) {
        if self.is_told_of(place) {
            self.with(|rows| rows.add(mark, place.lasts));
        }
        if let Some(around) = &self.around {
            around.add_mark(place, mark);
        }
    }

    fn has_room(&self) -> bool {
        self.with(|rows| rows.has_room()) || self.around.as_ref().is_some_and(|around| around.has_room())
    }

    /// Writes the rows that last as text, for the dead letter of the item.
    pub(crate) fn rows(&self) -> String {
        self.with(|rows| rows.text())
    }

    /// Tells whether what is written there is still there when the item is tried again: a flow that failed takes back what it replaced.
    fn is_told_of(&self, place: &Place<'_>) -> bool {
        place.stays || Arc::ptr_eq(place.context, &self.context)
    }

    fn with<T>(&self, run: impl FnOnce(&mut Rows) -> T) -> T {
        run(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
