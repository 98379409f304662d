//! What steps of a run have written already, by which whoever goes on with it leaves that out.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use foldhash::quality::FixedState;

use crate::item::Item;
use crate::machine::{PageId, WrittenUnit};
use crate::sink::Unit;

/// The items that were written, by the pages that they came from.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pages: HashMap<String, HashMap<u64, u32>>,
}

impl Known {
    /// Takes what a sink has kept.
    pub(crate) fn of_sink(units: &[Unit]) -> Self {
        let mut known = Self::default();
        for unit in units {
            known.add(&unit.page, &unit.items);
        }
        known
    }

    /// Takes what was written down of a file.
    pub(crate) fn of_journal(units: &[WrittenUnit]) -> Self {
        let mut known = Self::default();
        for unit in units {
            known.add(&unit.page, &BASE64_STANDARD_NO_PAD.decode(&unit.items).unwrap_or_default());
        }
        known
    }

    fn add(&mut self, page: &str, items: &[u8]) {
        let known = self.pages.entry(page.to_owned()).or_default();
        for mark in items.as_chunks::<8>().0 {
            *known.entry(u64::from_le_bytes(*mark)).or_default() += 1;
        }
    }

    /// Tells whether an item was written, once for each time that it was.
    pub(crate) fn take(&mut self, item: &Item, turn: &str) -> bool {
        if self.pages.is_empty() {
            return false;
        }
        let Some(known) = self.pages.get_mut(&name_of(item.page())) else { return false };
        match known.get_mut(&mark(item, turn)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

/// Returns the pages of items, each with what its items are known by.
///
/// `turn` tells what is written in one run of a block from what it writes in others: that of a flow for another item, and of steps that
/// were undone.
pub(crate) fn units_of<'a>(items: impl Iterator<Item = &'a Item>, turn: &str) -> Vec<(String, Vec<u8>)> {
    let mut units: Vec<(String, Vec<u8>)> = Vec::new();
    let mut latest: Option<&Item> = None;
    for item in items {
        let mark = mark(item, turn).to_le_bytes();
        match units.last_mut() {
            Some((_, marks)) if latest.is_some_and(|latest| latest.is_of_page_of(item)) => marks.extend(mark),
            _ => units.push((name_of(item.page()), mark.to_vec())),
        }
        latest = Some(item);
    }
    units
}

/// Writes what items are known by as text.
pub(crate) fn text_of(items: &[u8]) -> String {
    BASE64_STANDARD_NO_PAD.encode(items)
}

/// Reads what was written as text.
pub(crate) fn marks_of(text: &str) -> Vec<u64> {
    let bytes = BASE64_STANDARD_NO_PAD.decode(text).unwrap_or_default();
    bytes.as_chunks::<8>().0.iter().map(|mark| u64::from_le_bytes(*mark)).collect()
}

/// The page of what belongs to none.
const NONE: &str = "*";

/// Names the page that an item came from.
pub(crate) fn page_of(item: &Item) -> String {
    name_of(item.page())
}

fn name_of(page: Option<&PageId>) -> String {
    page.map_or_else(|| NONE.to_owned(), ToString::to_string)
}

/// Returns what an item is known by: what it was, and the items that it is under.
pub(crate) fn mark(item: &Item, turn: &str) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(turn.as_bytes());
    let mut next = Some(item);
    while let Some(item) = next {
        hasher.write(item.original.text().as_bytes());
        if item.origin.is_part {
            hasher.write_u64(item.number);
        }
        // What the page is known by need not be said again.
        if item.origin.page.is_some() {
            break;
        }
        next = item.parent.as_deref().or(item.origin.under.as_deref());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::item::{Json, Origin};

    fn item(json: &str, ordinal: u64) -> Item {
        let page = PageId { source: "orders/0".to_owned(), step: "orders".to_owned(), ordinal };
        let origin = Origin { page: Some(Arc::new(page)), ..Origin::default() };
        Item::new(Json::copy(json), None, Arc::new(origin), 1)
    }

    #[test]
    fn what_was_written_is_known_as_often_as_it_was() {
        let written = [item("{}", 1), item("{}", 1), item(r#"{"id": 1}"#, 2)];
        let units: Vec<Unit> = units_of(written.iter(), "")
            .into_iter()
            .map(|(page, items)| Unit { page, items, ..Unit::default() })
            .collect();
        let journal: Vec<WrittenUnit> =
            units.iter().map(|unit| WrittenUnit { page: unit.page.clone(), items: text_of(&unit.items) }).collect();
        for mut known in [Known::of_sink(&units), Known::of_journal(&journal)] {
            let found = [item("{}", 1), item("{}", 2), item("{}", 1), item("{}", 1), item(r#"{"id": 1}"#, 2)]
                .map(|item| known.take(&item, ""));
            assert_eq!(found, [true, false, true, false, true]);
        }
    }
}
