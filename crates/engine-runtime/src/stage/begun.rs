//! Batches that were begun before the run was taken up again: they are made again of the items that they had then, so that what an API
//! has answered, or may have done, is known by the key of then.

use std::collections::{HashMap, VecDeque};

use engine_expr::Scope;

use crate::claim::Claim;
use crate::item::Item;
use crate::machine::WrittenUnit;
use crate::written::{mark, marks_of, text_of, units_of};

/// Batches of which not all items have come again.
#[derive(Default)]
pub(super) struct Begun {
    batches: Vec<Gathered>,
    /// The batches that wait for an item, by what it is known by.
    wanted: HashMap<u64, VecDeque<usize>>,
}

/// A batch, as far as it has come again.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) items: Vec<Item>,
    pub(super) scopes: Vec<Scope>,
    pub(super) claim: Claim,
    /// How many items are still to come.
    left: usize,
}

/// Writes down what a batch has: `number` tells it from others, of this attempt and those before.
pub(super) fn written(items: &[Item], turn: &str, number: u64) -> Vec<WrittenUnit> {
    let units = units_of(items.iter(), turn).into_iter();
    units
        .map(|(page, marks)| {
            let numbered: Vec<u8> = number.to_le_bytes().into_iter().chain(marks).collect();
            WrittenUnit { page, items: text_of(&numbered) }
        })
        .collect()
}

impl Gathered {
    /// Makes one that is whole.
    pub(super) fn new(items: Vec<Item>, scopes: Vec<Scope>, claim: Claim) -> Self {
        Self { items, scopes, claim, left: 0 }
    }
}

impl Begun {
    /// Reads what was written down of batches, but for those of which all is done.
    pub(super) fn read(begun: &[WrittenUnit], done: &[WrittenUnit]) -> Self {
        let mut finished: HashMap<u64, usize> = HashMap::new();
        for mark in done.iter().flat_map(|unit| marks_of(&unit.items)) {
            *finished.entry(mark).or_default() += 1;
        }
        let mut numbers: Vec<u64> = Vec::new();
        let mut batches: HashMap<u64, Vec<u64>> = HashMap::new();
        for unit in begun {
            let mut marks = marks_of(&unit.items).into_iter();
            let Some(number) = marks.next() else { continue };
            let batch = batches.entry(number).or_insert_with(|| {
                numbers.push(number);
                Vec::new()
            });
            batch.extend(marks);
        }
        let mut read = Self::default();
        for marks in numbers.iter().filter_map(|number| batches.remove(number)) {
            if marks.iter().all(|mark| finished.get(mark).is_some_and(|times| *times > 0)) {
                marks.iter().filter_map(|mark| finished.get_mut(mark).map(|times| *times -= 1)).for_each(drop);
                continue;
            }
            for mark in &marks {
                read.wanted.entry(*mark).or_default().push_back(read.batches.len());
            }
            read.batches.push(Gathered { left: marks.len(), ..Gathered::default() });
        }
        read
    }

    /// Tells whether none waits for anything.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Returns the batch that an item belongs to.
    pub(super) fn find(&mut self, item: &Item, turn: &str) -> Option<usize> {
        let mark = mark(item, turn);
        let waiting = self.wanted.get_mut(&mark)?;
        let found = waiting.pop_front();
        if waiting.is_empty() {
            self.wanted.remove(&mark);
        }
        found
    }

    /// Puts an item to its batch, and returns that if it is whole.
    pub(super) fn put(&mut self, batch: usize, item: Item, scope: Option<Scope>, claim: &Claim) -> Option<Gathered> {
        let gathered = self.batches.get_mut(batch)?;
        gathered.items.push(item);
        gathered.scopes.extend(scope);
        gathered.claim.join(claim.clone());
        gathered.left -= 1;
        (gathered.left == 0).then(|| std::mem::take(gathered))
    }

    /// Returns what has come of batches whose other items did not.
    pub(super) fn rest(&mut self) -> Vec<Gathered> {
        self.wanted.clear();
        std::mem::take(&mut self.batches).into_iter().filter(|batch| !batch.items.is_empty()).collect()
    }
}
