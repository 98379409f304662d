//! Batches that were begun before the run was taken up again: they are made again of the items that they had then, so that what an API
//! has answered, or may have done, is known by the key of then.

use std::collections::{HashMap, HashSet, VecDeque};

use engine_expr::Scope;

use crate::claim::Claim;
use crate::item::Item;
use crate::machine::WrittenUnit;
use crate::written::{mark, marks_of, page_of, text_of, units_of};

/// Batches of which not all items have come again.
#[derive(Default)]
pub(super) struct Begun {
    batches: Vec<Waiting>,
    /// The places that wait for an item, by what it is known by: which batch, and where in it.
    wanted: HashMap<u64, VecDeque<(usize, usize)>>,
    /// The pages that their items were of.
    pages: HashSet<String>,
    /// The first number that none of them has.
    next: u64,
}

/// A batch, as far as it has come again.
#[derive(Default)]
struct Waiting {
    /// The items, in their places of then.
    items: Vec<Option<(Item, Option<Scope>)>>,
    claim: Claim,
    /// How many are still to come.
    left: usize,
}

/// The items of a batch.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) items: Vec<Item>,
    pub(super) scopes: Vec<Scope>,
    pub(super) claim: Claim,
}

/// Writes down what a batch has: `number` tells it from the others of the step.
pub(super) fn written(items: &[Item], turn: &str, number: u64) -> Vec<WrittenUnit> {
    let units = units_of(items.iter(), turn).into_iter();
    units
        .map(|(page, marks)| {
            let numbered: Vec<u8> = number.to_le_bytes().into_iter().chain(marks).collect();
            WrittenUnit { page, items: text_of(&numbered) }
        })
        .collect()
}

impl Begun {
    /// Reads what was written down of batches, but for those of which all is done.
    pub(super) fn read(begun: &[WrittenUnit], done: &[WrittenUnit]) -> Self {
        let mut finished: HashMap<(&str, u64), usize> = HashMap::new();
        for unit in done {
            for mark in marks_of(&unit.items) {
                *finished.entry((&unit.page, mark)).or_default() += 1;
            }
        }
        let mut numbers: Vec<u64> = Vec::new();
        let mut batches: HashMap<u64, Vec<(&str, u64)>> = HashMap::new();
        for unit in begun {
            let mut marks = marks_of(&unit.items).into_iter();
            let Some(number) = marks.next() else { continue };
            let batch = batches.entry(number).or_insert_with(|| {
                numbers.push(number);
                Vec::new()
            });
            batch.extend(marks.map(|mark| (unit.page.as_str(), mark)));
        }
        let mut read = Self { next: numbers.iter().max().map_or(0, |last| last + 1), ..Self::default() };
        for marks in numbers.iter().filter_map(|number| batches.remove(number)) {
            if marks.iter().all(|mark| finished.get(mark).is_some_and(|times| *times > 0)) {
                marks.iter().filter_map(|mark| finished.get_mut(mark).map(|times| *times -= 1)).for_each(drop);
                continue;
            }
            for (place, (page, mark)) in marks.iter().enumerate() {
                read.wanted.entry(*mark).or_default().push_back((read.batches.len(), place));
                read.pages.insert((*page).to_owned());
            }
            let items = marks.iter().map(|_| None).collect();
            read.batches.push(Waiting { items, left: marks.len(), ..Waiting::default() });
        }
        read
    }

    /// Returns the first number that none of them has.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Tells whether none waits for anything.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Tells whether an item is of a page that none of them has items of: those that they had have come, or are not there any more.
    pub(super) fn are_past(&self, item: &Item) -> bool {
        !self.pages.contains(&page_of(item))
    }

    /// Returns the place that an item has.
    pub(super) fn find(&mut self, item: &Item, turn: &str) -> Option<(usize, usize)> {
        let mark = mark(item, turn);
        let waiting = self.wanted.get_mut(&mark)?;
        let found = waiting.pop_front();
        if waiting.is_empty() {
            self.wanted.remove(&mark);
        }
        found
    }

    /// Puts an item to its place, and returns the batch if it is whole.
    pub(super) fn put(
        &mut self,
        (batch, place): (usize, usize),
        item: Item,
        scope: Option<Scope>,
        claim: &Claim,
    ) -> Option<Gathered> {
        let waiting = self.batches.get_mut(batch)?;
        *waiting.items.get_mut(place)? = Some((item, scope));
        waiting.claim.join(claim.clone());
        waiting.left -= 1;
        (waiting.left == 0).then(|| std::mem::take(waiting).gathered())
    }

    /// Returns what has come of batches whose other items did not, and waits for nothing more.
    pub(super) fn rest(&mut self) -> Vec<Gathered> {
        self.wanted.clear();
        let batches = std::mem::take(&mut self.batches).into_iter().map(Waiting::gathered);
        batches.filter(|batch| !batch.items.is_empty()).collect()
    }
}

impl Waiting {
    fn gathered(self) -> Gathered {
        let mut gathered = Gathered { claim: self.claim, ..Gathered::default() };
        for (item, scope) in self.items.into_iter().flatten() {
            gathered.items.push(item);
            gathered.scopes.extend(scope);
        }
        gathered
    }
}
