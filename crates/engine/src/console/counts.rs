//! Counts in words.

use std::time::Duration;

use engine_runtime::{Counts, WaitingFor};

use crate::report::counted;

/// Returns what became of records: `250 read, 3 dropped, 247 out`.
pub(super) fn records(counts: &Counts) -> String {
    let named = [
        (counts.read, "read"),
        (counts.dropped, "dropped"),
        (counts.invalid, "invalid"),
        (counts.sent, "sent"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
        (counts.dead_lettered, "dead-lettered"),
        (counts.out, "out"),
    ];
    let words: Vec<String> =
        named.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if words.is_empty() { "no records".to_owned() } else { words.join(", ") }
}

/// Returns what was asked of servers: `3 pages, 4 requests, 1 retry`; nothing where nothing was.
pub(super) fn exchanges(counts: &Counts) -> Option<String> {
    let named = [
        (counts.pages, "page", "pages"),
        (counts.requests, "request", "requests"),
        (counts.retries, "retry", "retries"),
    ];
    let words: Vec<String> = named
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Returns how many records were rejected in words.
pub(super) fn rejected(count: u64) -> String {
    let records = counted(usize::try_from(count).unwrap_or(usize::MAX), "record");
    format!("{records} {} rejected", if count == 1 { "was" } else { "were" })
}

/// Returns what a request waits for, after `waits 2.0 s for`.
pub(super) fn waiting_for(why: WaitingFor) -> &'static str {
    match why {
        WaitingFor::RateLimit => "the rate limit",
        WaitingFor::Api => "the API",
        WaitingFor::Until => "`until`",
        WaitingFor::Step => "`wait`",
    }
}

/// Returns a time as people say it: `28 ms`, `1.2 s`, `12 s`, `3 min 5 s`, `2 h 4 min`.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_there_is() {
        let counts = Counts { read: 250, dropped: 3, out: 247, pages: 3, requests: 4, retries: 1, ..Counts::default() };
        assert_eq!(records(&counts), "250 read, 3 dropped, 247 out");
        assert_eq!(exchanges(&counts).as_deref(), Some("3 pages, 4 requests, 1 retry"));
        assert_eq!(records(&Counts::default()), "no records");
        assert_eq!(exchanges(&Counts::default()), None);
        assert_eq!(rejected(1), "1 record was rejected");
    }

    #[test]
    fn says_times_as_people_do() {
        let said: Vec<String> =
            [840, 1_200, 12_900, 185_000, 7_440_000].map(|millis| time(Duration::from_millis(millis))).into();
        assert_eq!(said, ["840 ms", "1.2 s", "12 s", "3 min 5 s", "2 h 4 min"]);
    }
}
