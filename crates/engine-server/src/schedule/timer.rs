//! Which of many comes next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::Timestamp;

/// Numbers, each with its time.
#[derive(Debug, Default)]
pub(super) struct Timer {
    heap: BinaryHeap<Reverse<(Timestamp, usize)>>,
}

impl Timer {
    /// Sets the time of a number. It has none yet.
    pub(super) fn set(&mut self, number: usize, time: Timestamp) {
        self.heap.push(Reverse((time, number)));
    }

    /// Returns when the next one is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((time, _))| *time)
    }

    /// Takes out the next one, if its time has come.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(Timestamp, usize)> {
        self.next().filter(|time| *time <= now)?;
        self.heap.pop().map(|Reverse(next)| next)
    }
}
