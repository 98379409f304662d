//! The rows that were appended for an item. Knows them by what they are known by, and no place.

use std::collections::{BTreeMap, HashMap, HashSet};

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use sha2::{Digest, Sha256};

use crate::written::text_of;

/// How many rows are remembered of an item. What comes after them is appended again.
const MOST: usize = 100_000;

/// Rows by what they are known by, with how many of them there are.
#[derive(Default)]
pub(super) struct Rows {
    /// Those that were appended.
    all: HashMap<u64, u32>,
    /// How many they are.
    count: usize,
    /// Those of them that are not there for whoever sends a dead letter.
    passing: HashSet<u64>,
    /// Those of earlier attempts that did not come again in this one.
    left: HashMap<u64, u32>,
    /// Those of the item's own dead letter, where that of an item around has them too.
    kept: BTreeMap<u64, u32>,
}

/// Returns what a row is known by, in every version.
pub(super) fn mark(parts: [&str; 5]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    u64::from_le_bytes(hasher.finalize().first_chunk().copied().unwrap_or_default())
}

impl Rows {
    /// Reads those of a dead letter, whose item is tried again; they may be told by another.
    pub(super) fn of_letter(text: &str, is_told_elsewhere: bool) -> Self {
        let mut rows = Self::default();
        for mark in BASE64_STANDARD_NO_PAD.decode(text).unwrap_or_default().as_chunks::<8>().0 {
            let mark = u64::from_le_bytes(*mark);
            if is_told_elsewhere {
                *rows.kept.entry(mark).or_default() += 1;
            } else {
                rows.add(mark, true);
            }
        }
        rows.again();
        rows
    }

    /// Writes those that last as text, for a dead letter.
    pub(super) fn text(&self) -> String {
        let stay = self.all.iter().filter(|(mark, _)| !self.passing.contains(mark));
        let mut marks: BTreeMap<u64, u32> = stay.map(|(mark, times)| (*mark, *times)).collect();
        for (mark, times) in &self.kept {
            let known = marks.entry(*mark).or_default();
            *known = (*times).max(*known);
        }
        let marks = marks.into_iter().flat_map(|(mark, times)| std::iter::repeat_n(mark, times as usize));
        text_of(&marks.flat_map(u64::to_le_bytes).collect::<Vec<_>>())
    }

    pub(super) fn has_room(&self) -> bool {
        self.count < MOST
    }

    pub(super) fn add(&mut self, mark: u64, lasts: bool) {
        if !self.has_room() {
            return;
        }
        *self.all.entry(mark).or_default() += 1;
        self.count += 1;
        if !lasts {
            self.passing.insert(mark);
        }
    }

    /// Tells whether any is left of an attempt before.
    pub(super) fn knows_any(&self) -> bool {
        !self.left.is_empty()
    }

    pub(super) fn take(&mut self, mark: u64) -> bool {
        let Some(left) = self.left.get_mut(&mark) else { return false };
        *left -= 1;
        if *left == 0 {
            self.left.remove(&mark);
        }
        true
    }

    /// Begins another attempt.
    pub(super) fn again(&mut self) {
        self.left.clone_from(&self.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_known_in_each_attempt_as_often_as_they_were_appended() {
        let mut rows = Rows::default();
        assert!(!rows.take(1) && !rows.knows_any());
        for mark in [1, 1, 2] {
            rows.add(mark, true);
        }
        assert!(!rows.knows_any());
        for _ in 0..2 {
            rows.again();
            assert!(rows.knows_any());
            assert_eq!([1, 3, 1, 1, 2, 2].map(|mark| rows.take(mark)), [true, false, true, false, true, false]);
            assert!(!rows.knows_any());
        }
        // What comes in a later attempt is known in those after it.
        rows.add(3, true);
        rows.again();
        assert!(rows.take(3));
    }

    #[test]
    fn a_letter_has_the_rows_that_last() {
        let mut rows = Rows::default();
        for (mark, lasts) in [(1, true), (2, false), (1, true)] {
            rows.add(mark, lasts);
        }
        let mut again = Rows::of_letter(&rows.text(), false);
        assert_eq!([1, 1, 1, 2].map(|mark| again.take(mark)), [true, true, false, false]);
        let mut elsewhere = Rows::of_letter(&rows.text(), true);
        assert!(!elsewhere.take(1));
        assert_eq!(elsewhere.text(), rows.text());
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
