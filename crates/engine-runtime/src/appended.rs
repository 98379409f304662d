//! What the work on an item has appended: it is not appended again when the item is tried again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use engine_plan::Target;
use engine_spec::ItemAction;
use sha2::{Digest, Sha256};

use crate::item::Item;
use crate::run::RunContext;
use crate::site::Site;
use crate::written::text_of;

/// How many rows are remembered of an item. What comes after them is appended again.
const MOST: usize = 100_000;

/// The rows that steps have appended for an item.
///
/// A row is known by what is in it: one that is another in a later attempt is appended too, so that nothing is lost.
pub(crate) struct Appended {
    /// Those of the item around.
    around: Option<Arc<Self>>,
    /// The flow whose steps these are.
    context: Arc<RunContext>,
    /// Whether there are rows of a dead letter among these, or those around.
    has_letter: bool,
    rows: Mutex<Rows>,
}

/// Rows by what they are known by, with how many of them there are.
#[derive(Default)]
struct Rows {
    /// Those that were appended.
    all: HashMap<u64, u32>,
    /// How many they are.
    count: usize,
    /// Those of them that are gone if a step around fails.
    passing: HashSet<u64>,
    /// Those of earlier attempts that did not come again in this one.
    left: HashMap<u64, u32>,
    /// Those of the item's own dead letter, where that of an item around has them too.
    kept: BTreeMap<u64, u32>,
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
}

impl Place<'_> {
    /// Returns what a row is known by, in every version.
    fn mark(&self, row: &str) -> u64 {
        mark([self.step, self.turn, self.sink, &self.name, row])
    }
}

fn mark(parts: [&str; 5]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    u64::from_le_bytes(hasher.finalize().first_chunk().copied().unwrap_or_default())
}

impl Appended {
    /// Begins with an item; nothing where it is not tried again, by this run or by whoever sends its dead letter.
    pub(crate) fn of(site: &Site, item: &Item) -> Option<Arc<Self>> {
        let has_steps =
            matches!(site.step.target, Target::Steps(_) | Target::Parallel(_) | Target::Flow(_) | Target::Composite(_));
        if !has_steps || site.context().options.dry_run {
            return None;
        }
        let letter = site.letter(item);
        let around = site.frame.appended().cloned();
        if site.on_error.retry.is_none() && site.on_error.action != ItemAction::DeadLetter && letter.is_none() {
            return None;
        }
        let is_around = around.as_ref().is_some_and(|around| around.has_letter);
        let mut rows = Rows::default();
        let before = letter.map(|letter| letter.content().appended.as_str()).unwrap_or_default();
        for mark in BASE64_STANDARD_NO_PAD.decode(before).unwrap_or_default().as_chunks::<8>().0 {
            let mark = u64::from_le_bytes(*mark);
            // The letter of an item around has the rows of all within it, and tells them first.
            if is_around {
                *rows.kept.entry(mark).or_default() += 1;
            } else {
                rows.add(mark, true);
            }
        }
        rows.again();
        let has_letter = letter.is_some() || is_around;
        Some(Arc::new(Self { around, context: Arc::clone(site.context()), has_letter, rows: Mutex::new(rows) }))
    }

    /// Begins another attempt.
    pub(crate) fn again(&self) {
        self.with(Rows::again);
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
            self.with(|rows| rows.add(mark, place.stays));
        }
        is_known
    }

    /// Takes note of a row that was appended.
    pub(crate) fn add(&self, place: &Place<'_>, row: &str) {
        self.add_mark(place, place.mark(row));
    }

    fn add_mark(&self, place: &Place<'_>, mark: u64) {
        if self.is_told_of(place) {
            self.with(|rows| rows.add(mark, place.stays));
        }
        if let Some(around) = &self.around {
            around.add_mark(place, mark);
        }
    }

    /// Writes those that stay as text, for the dead letter of the item.
    pub(crate) fn text(&self) -> String {
        self.with(|rows| {
            let stay = rows.all.iter().filter(|(mark, _)| !rows.passing.contains(mark));
            let mut marks: BTreeMap<u64, u32> = stay.map(|(mark, times)| (*mark, *times)).collect();
            for (mark, times) in &rows.kept {
                let known = marks.entry(*mark).or_default();
                *known = (*times).max(*known);
            }
            let marks = marks.into_iter().flat_map(|(mark, times)| std::iter::repeat_n(mark, times as usize));
            text_of(&marks.flat_map(u64::to_le_bytes).collect::<Vec<_>>())
        })
    }

    /// Tells whether what is written there is still there when the item is tried again: a flow that failed takes back what it replaced.
    fn is_told_of(&self, place: &Place<'_>) -> bool {
        place.stays || Arc::ptr_eq(place.context, &self.context)
    }

    fn with<T>(&self, run: impl FnOnce(&mut Rows) -> T) -> T {
        run(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rows {
    fn add(&mut self, mark: u64, stays: bool) {
        if self.count == MOST {
            return;
        }
        *self.all.entry(mark).or_default() += 1;
        self.count += 1;
        if !stays {
            self.passing.insert(mark);
        }
    }

    fn take(&mut self, mark: u64) -> bool {
        match self.left.get_mut(&mark) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    fn again(&mut self) {
        self.left.clone_from(&self.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_known_in_each_attempt_as_often_as_they_were_appended() {
        let mut rows = Rows::default();
        assert!(!rows.take(1));
        for mark in [1, 1, 2] {
            rows.add(mark, true);
        }
        for _ in 0..2 {
            rows.again();
            assert_eq!([1, 3, 1, 1, 2, 2].map(|mark| rows.take(mark)), [true, false, true, false, true, false]);
        }
        // What comes in a later attempt is known in those after it.
        rows.add(3, true);
        rows.again();
        assert!(rows.take(3));
    }

    #[test]
    fn a_row_is_known_by_the_same_in_every_version() {
        // Dead letters have it.
        assert_eq!(mark(["orders/steps/kept", "", "db", "orders", r#"{"id":1}"#]), 5_460_649_538_932_212_092);
    }

    #[test]
    fn a_bounded_number_of_rows_is_remembered() {
        let mut rows = Rows::default();
        (0..MOST as u64 + 10).for_each(|mark| rows.add(mark, true));
        assert_eq!(rows.all.len(), MOST);
    }
}
