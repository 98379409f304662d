//! The times of a schedule that passed while nobody was there.

use std::collections::VecDeque;

use engine_spec::trigger::CatchUp;
use jiff::{SignedDuration, Timestamp};

use super::times::Times;

/// How many missed runs are made up for at most: the latest.
pub(super) const MOST: usize = 1000;

/// The times to make up for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missed {
    /// The times, the earliest first.
    pub(crate) ticks: Vec<Timestamp>,
    /// Whether there were more.
    pub(crate) is_bounded: bool,
}

impl Missed {
    /// Finds the times after one, and up to another, that a rule wants to be made up for.
    pub(super) fn of(times: &Times, rule: CatchUp, after: Timestamp, until: Timestamp) -> Self {
        match rule {
            CatchUp::None => Self::default(),
            CatchUp::Last => Self { is_bounded: false, ..Self::latest(times, 1, after, until) },
            CatchUp::All => Self::latest(times, MOST, after, until),
        }
    }

    /// Finds the latest times of a span.
    ///
    /// The span may be years long and the times seconds apart, so it is looked at from its end, in parts that grow.
    fn latest(times: &Times, most: usize, after: Timestamp, until: Timestamp) -> Self {
        let Some(times) = times.steps() else { return Self::default() };
        let mut back = SignedDuration::from_mins(1);
        loop {
            let from = until.checked_sub(back).unwrap_or(Timestamp::MIN).max(after);
            let mut ticks = VecDeque::new();
            let mut is_bounded = false;
            let mut next = times.next_after(from);
            while let Some(tick) = next.filter(|tick| *tick <= until) {
                if ticks.len() == most {
                    ticks.pop_front();
                    is_bounded = true;
                }
                ticks.push_back(tick);
                next = times.next_after(tick);
            }
            if is_bounded || from <= after {
                return Self { ticks: ticks.into(), is_bounded };
            }
            back *= 4;
        }
    }
}
