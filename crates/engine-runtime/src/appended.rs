//! What the work on an item has appended: it is not appended again when the item is tried again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use engine_plan::Target;
use engine_spec::ItemAction;

use crate::item::{Item, Origin};
use crate::run::RunContext;
use crate::site::Site;
use crate::written::{mark, text_of};

/// How many rows are remembered of an item. What comes after them is appended again.
const MOST: usize = 100_000;

/// The rows that steps have appended for an item.
pub(crate) struct Appended {
    /// Those of the item around.
    around: Option<Arc<Self>>,
    /// The flow whose steps these are.
    context: Arc<RunContext>,
    /// The item, by what it came from and its number there.
    origin: Arc<Origin>,
    number: u64,
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
}

/// A row that is to be appended.
pub(crate) struct Row<'a> {
    pub(crate) item: &'a Item,
    /// The address of the step that appends it.
    pub(crate) step: &'a str,
    /// What tells it from what the step writes in other runs of its block.
    pub(crate) turn: &'a str,
    /// The flow whose step it is.
    pub(crate) context: &'a Arc<RunContext>,
    /// Whether it is there as soon as it is written, and stays though the step, or the flow, fails.
    pub(crate) stays: bool,
}

impl Appended {
    /// Begins with an item; nothing where it is not tried again, by this run or by whoever sends its dead letter.
    pub(crate) fn of(site: &Site, item: &Item) -> Option<Arc<Self>> {
        let has_steps =
            matches!(site.step.target, Target::Steps(_) | Target::Parallel(_) | Target::Flow(_) | Target::Composite(_));
        let letter = site.letter(item);
        let is_tried_again =
            site.on_error.retry.is_some() || site.on_error.action == ItemAction::DeadLetter || letter.is_some();
        if !has_steps || !is_tried_again || site.context().options.dry_run {
            return None;
        }
        let mut rows = Rows::default();
        let before = letter.map(|letter| letter.content().appended.as_str()).unwrap_or_default();
        for mark in BASE64_STANDARD_NO_PAD.decode(before).unwrap_or_default().as_chunks::<8>().0 {
            rows.add(u64::from_le_bytes(*mark));
        }
        rows.again();
        Some(Arc::new(Self {
            around: site.frame.appended().cloned(),
            context: Arc::clone(site.context()),
            origin: Arc::clone(&item.origin),
            number: item.number,
            rows: Mutex::new(rows),
        }))
    }

    /// Begins another attempt.
    pub(crate) fn again(&self) {
        self.with(Rows::again);
    }

    /// Tells whether a row was appended in an attempt before, once for each time that it was.
    pub(crate) fn take(&self, row: &Row<'_>) -> bool {
        let mark = self.mark(row);
        if mark.is_some_and(|mark| self.with(|rows| rows.take(mark))) {
            return true;
        }
        let is_known = self.around.as_ref().is_some_and(|around| around.take(row));
        if let Some(mark) = mark.filter(|_| is_known) {
            self.with(|rows| rows.note(mark, row.stays));
        }
        is_known
    }

    /// Takes note of a row that was appended.
    pub(crate) fn add(&self, row: &Row<'_>) {
        if let Some(mark) = self.mark(row) {
            self.with(|rows| rows.note(mark, row.stays));
        }
        if let Some(around) = &self.around {
            around.add(row);
        }
    }

    /// Writes those that stay as text, for the dead letter of the item.
    pub(crate) fn text(&self) -> String {
        self.with(|rows| {
            let stay = rows.all.iter().filter(|(mark, _)| !rows.passing.contains(mark));
            let mut marks: Vec<u64> =
                stay.flat_map(|(mark, times)| std::iter::repeat_n(*mark, *times as usize)).collect();
            marks.sort_unstable();
            text_of(&marks.iter().flat_map(|mark| mark.to_le_bytes()).collect::<Vec<_>>())
        })
    }

    /// Returns what a row is known by; nothing where it is gone if the item fails.
    fn mark(&self, row: &Row<'_>) -> Option<u64> {
        let is_own = |item: &Item| Arc::ptr_eq(&item.origin, &self.origin) && item.number == self.number;
        (row.stays || Arc::ptr_eq(row.context, &self.context))
            .then(|| mark(row.item, &format!("{}\n{}", row.step, row.turn), is_own))
    }

    fn with<T>(&self, run: impl FnOnce(&mut Rows) -> T) -> T {
        run(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rows {
    fn add(&mut self, mark: u64) {
        if self.count < MOST {
            *self.all.entry(mark).or_default() += 1;
            self.count += 1;
        }
    }

    fn note(&mut self, mark: u64, stays: bool) {
        self.add(mark);
        if !stays && self.all.contains_key(&mark) {
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
            rows.add(mark);
        }
        for _ in 0..2 {
            rows.again();
            assert_eq!([1, 3, 1, 1, 2, 2].map(|mark| rows.take(mark)), [true, false, true, false, true, false]);
        }
        // What comes in a later attempt is known in those after it.
        rows.add(3);
        rows.again();
        assert!(rows.take(3));
    }

    #[test]
    fn a_bounded_number_of_rows_is_remembered() {
        let mut rows = Rows::default();
        (0..MOST as u64 + 10).for_each(|mark| rows.add(mark));
        assert_eq!(rows.all.len(), MOST);
    }
}
