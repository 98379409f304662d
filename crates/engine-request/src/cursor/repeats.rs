//! Records that may come again when a read begins anew: by what they are known, no longer than they may come.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};

use engine_expr::Value;

use super::watermark::Watermark;

/// The keys of the records at the edge of a read that goes up: of those only that what is asked for next has again.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// The value of the cursor that each key came with last.
    known: HashMap<String, Watermark>,
    /// The same in the order in which they came, which is that of the values.
    order: VecDeque<(String, Watermark)>,
}

/// What is known of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is new.
    No,
    /// It came before, and has changed since.
    Changed,
    /// It came before as it is.
    Same,
}

impl Repeats {
    /// Says whether a record came before, and remembers it.
    pub(super) fn take(&mut self, key: String, mark: &Watermark) -> Known {
        let known = match self.known.get(&key) {
            None => Known::No,
            Some(before) if before.compare(mark) == Some(Ordering::Equal) => return Known::Same,
            Some(_) => Known::Changed,
        };
        self.known.insert(key.clone(), mark.clone());
        self.order.push_back((key, mark.clone()));
        known
    }

    /// Forgets the records that do not come again, from the first one on until one does.
    pub(super) fn forget_until(&mut self, comes_again: impl Fn(&Watermark) -> bool) {
        while let Some((key, mark)) = self.order.front() {
            if comes_again(mark) {
                break;
            }
            // A record that came again with another value is known by that one.
            if self.known.get(key).is_some_and(|known| known.compare(mark) == Some(Ordering::Equal)) {
                self.known.remove(key);
            }
            self.order.pop_front();
        }
    }

    /// Tells whether nothing is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns what is remembered as a value: keys and the values of the cursor, in their order.
    pub(super) fn position(&self) -> Value {
        let pair =
            |(key, mark): &(String, Watermark)| Value::list(vec![Value::from(key.as_str()), mark.value().clone()]);
        Value::list(self.order.iter().map(pair).collect())
    }

    /// Remembers what a value says; nothing where it says something else.
    pub(super) fn at(position: &Value, mark: impl Fn(&Value) -> Option<Watermark>) -> Option<Self> {
        let mut repeats = Self::default();
        for pair in position.as_list()? {
            let [key, value] = pair.as_list()? else { return None };
            let (key, mark) = (key.as_str()?.to_owned(), mark(value)?);
            repeats.known.insert(key.clone(), mark.clone());
            repeats.order.push_back((key, mark));
        }
        Some(repeats)
    }

    /// Returns how many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
