//! The circuit breaker of an API: whether requests may go, told the time by who asks. Knows nothing about waiting.

use std::time::Duration;

use jiff::Timestamp;

/// How many attempts in a row fail before it opens.
///
/// One request with the usual 5 attempts never opens it, nor do two or three that happen to fail: four whole requests do. And a
/// server that restarts breaks no more than what is in flight, which is rarely as much; where it is, the first probe closes it.
pub(super) const FAILURES: u32 = 20;

/// How long the first probe is put off.
const FIRST: Duration = Duration::from_secs(1);

/// How long a probe is put off at most.
const LONGEST: Duration = Duration::from_mins(1);

/// Lets requests go as long as the API answers; once too many fail in a row, one at a time to see whether it does again.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// How many attempts failed in a row.
    failures: u32,
    /// When the first of them failed.
    since: Option<Timestamp>,
    /// What went wrong last.
    last: String,
    open: Option<Open>,
    /// How many probes went.
    probes: u64,
}

#[derive(Debug)]
struct Open {
    at: Timestamp,
    /// When the next probe may go.
    until: Timestamp,
    /// How long that was put off.
    wait: Duration,
    /// The probe that is under way, by its number.
    probe: Option<u64>,
}

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It may.
    Free,
    /// It may, to see whether the API answers again.
    Probe,
    /// It may not: nobody does for so long.
    Closed(Duration),
    /// It may not before the probe that is under way has come back.
    Probed,
}

/// What an open circuit is like, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// How many attempts failed in a row.
    pub(super) failures: u32,
    /// When the first of them failed.
    pub(super) since: Timestamp,
    /// When it opened.
    pub(super) opened: Timestamp,
    /// How long the next probe is put off.
    pub(super) wait: Duration,
    /// What went wrong last.
    pub(super) last: String,
}

impl Breaker {
    /// Tells whether a request may go now.
    pub(super) fn way(&self, now: Timestamp) -> Way {
        match &self.open {
            None => Way::Free,
            Some(open) if open.probe.is_some() => Way::Probed,
            Some(open) if open.until > now => {
                Way::Closed(Duration::try_from(open.until.duration_since(now)).unwrap_or_default())
            }
            Some(_) => Way::Probe,
        }
    }

    /// Lets a request go, if it may: no other probe goes beside it. Returns the number of a probe.
    pub(super) fn enter(&mut self, now: Timestamp) -> (Way, Option<u64>) {
        let way = self.way(now);
        let (Way::Probe, Some(open)) = (way, &mut self.open) else { return (way, None) };
        self.probes += 1;
        open.probe = Some(self.probes);
        (way, open.probe)
    }

    /// Takes note of an answer that shows that the API is there; returns since when it was not, if it was not.
    pub(super) fn succeeded(&mut self) -> Option<Timestamp> {
        let since = self.since.filter(|_| self.open.is_some());
        *self = Self { probes: self.probes, ..Self::default() };
        since
    }

    /// Takes note of an attempt that failed; tells whether that opens it, or puts the next probe off.
    pub(super) fn failed(&mut self, probe: Option<u64>, why: &str, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        why.clone_into(&mut self.last);
        match &mut self.open {
            Some(open) if probe.is_some() && open.probe == probe => {
                let wait = (open.wait * 2).min(LONGEST);
                *open = Open { at: open.at, until: after(now, wait), wait, probe: None };
                true
            }
            // What was in flight when it opened says nothing new.
            Some(_) => false,
            None if self.failures < FAILURES => false,
            None => {
                self.open = Some(Open { at: now, until: after(now, FIRST), wait: FIRST, probe: None });
                true
            }
        }
    }

    /// Takes note that a probe ended without an outcome: another may go, at once where this one was never sent, and else after the
    /// same time again. One that has an outcome already changes nothing.
    pub(super) fn left(&mut self, probe: u64, was_sent: bool, now: Timestamp) {
        if let Some(open) = self.open.as_mut().filter(|open| open.probe == Some(probe)) {
            open.probe = None;
            if was_sent {
                open.until = after(now, open.wait);
            }
        }
    }

    /// Says what is wrong, while it is open.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let open = self.open.as_ref()?;
        Some(Trouble {
            failures: self.failures,
            since: self.since.unwrap_or(open.at),
            opened: open.at,
            wait: open.wait,
            last: self.last.clone(),
        })
    }

    /// Tells whether it is as it was in the beginning.
    pub(super) fn is_idle(&self) -> bool {
        self.failures == 0
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        after("2025-03-01T10:00:00Z".parse().unwrap(), Duration::from_secs(seconds))
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for second in 1..u64::from(FAILURES) {
            assert_eq!(breaker.enter(at(second)).0, Way::Free);
            assert!(!breaker.failed(None, "connection refused", at(second)));
        }
        assert!(breaker.failed(None, "connection refused", at(20)));
        breaker
    }

    #[test]
    fn opens_after_so_many_failures_in_a_row() {
        let mut breaker = opened();
        assert_eq!(breaker.enter(at(20)).0, Way::Closed(Duration::from_secs(1)));
        let trouble = breaker.trouble().unwrap();
        assert_eq!((trouble.failures, trouble.since, trouble.opened), (20, at(1), at(20)));
        assert_eq!(trouble.last, "connection refused");
    }

    #[test]
    fn one_success_begins_the_row_anew() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            (1..FAILURES).for_each(|_| assert!(!breaker.failed(None, "status 500", at(0))));
            assert_eq!(breaker.succeeded(), None);
            assert!(breaker.is_idle());
        }
        assert_eq!(breaker.trouble(), None);
    }

    #[test]
    fn one_probe_goes_at_a_time_and_each_that_fails_puts_off_the_next() {
        let mut breaker = opened();
        let mut now = 20;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(breaker.enter(at(now)).0, Way::Closed(Duration::from_secs(wait)));
            now += wait;
            assert_eq!(breaker.way(at(now)), Way::Probe);
            let (way, probe) = breaker.enter(at(now));
            assert_eq!(way, Way::Probe);
            assert_eq!(breaker.enter(at(now + 1000)).0, Way::Probed);
            assert!(breaker.failed(probe, "status 503", at(now)));
        }
        assert_eq!(breaker.trouble().unwrap().failures, 29);
        assert_eq!(breaker.trouble().unwrap().last, "status 503");
    }

    #[test]
    fn a_success_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.enter(at(21)).0, Way::Probe);
        assert_eq!(breaker.succeeded(), Some(at(1)));
        assert_eq!(breaker.enter(at(21)).0, Way::Free);
        // So does one that was in flight when it opened.
        let mut breaker = opened();
        assert_eq!(breaker.succeeded(), Some(at(1)));
        assert_eq!(breaker.enter(at(20)).0, Way::Free);
    }

    #[test]
    fn what_was_in_flight_does_not_put_off_the_probe() {
        let mut breaker = opened();
        assert!(!breaker.failed(None, "timeout", at(20)));
        assert_eq!(breaker.way(at(21)), Way::Probe);
    }

    #[test]
    fn a_probe_without_an_outcome_makes_room_for_another() {
        let mut breaker = opened();
        let (way, probe) = breaker.enter(at(21));
        assert_eq!(way, Way::Probe);
        breaker.left(probe.unwrap(), false, at(21));
        let (way, probe) = breaker.enter(at(21));
        assert_eq!(way, Way::Probe);
        // What was sent, and nobody knows with what success, is not sent again and again without a break.
        breaker.left(probe.unwrap(), true, at(25));
        assert_eq!(breaker.enter(at(25)).0, Way::Closed(Duration::from_secs(1)));
        assert_eq!(breaker.enter(at(26)).0, Way::Probe);
    }

    #[test]
    fn a_probe_of_earlier_does_not_end_another() {
        let mut breaker = opened();
        let (_, old) = breaker.enter(at(21));
        // One that was in flight when it opened succeeds, and it opens once more.
        breaker.succeeded();
        (0..FAILURES).for_each(|_| _ = breaker.failed(None, "status 500", at(30)));
        let (way, new) = breaker.enter(at(31));
        assert_eq!(way, Way::Probe);
        breaker.left(old.unwrap(), true, at(31));
        assert_eq!(breaker.way(at(31)), Way::Probed);
        assert!(!breaker.failed(old, "status 500", at(31)));
        assert_eq!(breaker.way(at(31)), Way::Probed);
        // A probe that has failed changes nothing when it is dropped.
        assert!(breaker.failed(new, "status 500", at(31)));
        breaker.left(new.unwrap(), true, at(32));
        assert_eq!(breaker.way(at(32)), Way::Closed(Duration::from_secs(1)));
    }
}
