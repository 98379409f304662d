//! What in a request is only of its moment: times near that of the run, and identifiers that it made itself.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use crate::exchange::Outcome;
use crate::recording::Recording;

/// How much longer than the recording a replay may take.
const SLACK: SignedDuration = SignedDuration::from_mins(1);
/// How far from the run a number of seconds may be that is taken for a time.
const NEAR: SignedDuration = SignedDuration::from_hours(31 * 24);
/// How large a body is that is looked through.
const LARGE: usize = 16 << 20;

/// A UUID, a time (RFC 3339), or a number of seconds or milliseconds since 1970.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?|\b\d{10}(?:\d{3})?\b",
    )
    .expect("the pattern is one")
});

/// Knows the moment of a recording.
#[derive(Debug)]
pub(crate) struct Moments {
    began: Timestamp,
    slack: SignedDuration,
    /// The UUIDs of all answers, each with the first exchange that has it: those were not made by the run.
    given: HashMap<String, usize>,
}

impl Moments {
    /// Looks through a recording.
    pub(crate) fn of(recording: &Recording) -> Self {
        let mut given = HashMap::new();
        let mut gather = |text: &str, at: usize| {
            for token in TOKEN.find_iter(text).map(|token| token.as_str()).filter(|token| is_uuid(token)) {
                given.entry(token.to_ascii_lowercase()).or_insert(at);
            }
        };
        if let Some(index) = &recording.index {
            index.inputs.values().for_each(|input| gather(&input.to_json(), 0));
        }
        for (at, exchange) in recording.exchanges.iter().enumerate() {
            let Outcome::Answer { headers, body, .. } = &exchange.outcome else { continue };
            for (_, value) in headers {
                gather(value, at);
            }
            if let Ok(engine_runtime::Body::Bytes(bytes)) = recording.body(body, LARGE) {
                gather(&String::from_utf8_lossy(&bytes), at);
            }
        }
        let slack = recording.length().saturating_add(SLACK);
        Self { began: recording.started_at().unwrap_or(Timestamp::UNIX_EPOCH), slack, given }
    }

    /// Tells whether two texts are the same but for what is of the moment; `at` is the exchange that has the first one.
    pub(crate) fn same(&self, recorded: &str, asked: &str, at: usize) -> bool {
        let (one, other) = (tokens(recorded), tokens(asked));
        one.1.len() == other.1.len()
            && one.0 == other.0
            && one.1.iter().zip(&other.1).all(|(one, other)| one == other || self.is_moment(one, other, at))
    }

    fn is_moment(&self, recorded: &str, asked: &str, at: usize) -> bool {
        if is_uuid(recorded) || is_uuid(asked) {
            let was_given = self.given.get(&recorded.to_ascii_lowercase()).is_some_and(|first| *first < at);
            return is_uuid(recorded)
                && is_uuid(asked)
                && !was_given
                && !self.given.contains_key(&asked.to_ascii_lowercase());
        }
        let (Some(recorded), Some(asked)) = (self.time(recorded), self.time(asked)) else { return false };
        recorded.duration_since(asked).abs() <= self.slack
    }

    fn time(&self, text: &str) -> Option<Timestamp> {
        if let Ok(number) = text.parse::<i64>() {
            let time =
                if text.len() > 10 { Timestamp::from_millisecond(number) } else { Timestamp::from_second(number) };
            return time.ok().filter(|time| time.duration_since(self.began).abs() <= NEAR);
        }
        let text = text.replacen(' ', "T", 1);
        text.parse().ok().or_else(|| {
            let local: DateTime = text.parse().ok()?;
            Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
        })
    }
}

/// Takes a text apart: what stands around, and what may be of the moment.
fn tokens(text: &str) -> (Vec<&str>, Vec<&str>) {
    (TOKEN.split(text).collect(), TOKEN.find_iter(text).map(|token| token.as_str()).collect())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.split('-').count() == 5
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn knows_what_is_of_the_moment() {
        let given = HashMap::from([("11111111-1111-4111-8111-111111111111".to_owned(), 2)]);
        let began = "2026-05-01T10:00:00Z".parse().unwrap();
        let moments = Moments { began, slack: SLACK, given };
        let new = ("22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333");
        let given = "11111111-1111-4111-8111-111111111111";
        for (recorded, asked, is_same) in [
            ("2026-05-01T10:00:00Z", "2026-05-01T10:00:59.5Z", true),
            ("until 2026-05-01T10:00:00Z!", "until 2026-05-01T12:00:10+02:00!", true),
            ("2026-05-01T10:00:00Z", "2026-05-01T10:02:00Z", false),
            ("2026-05-01 10:00:00", "2026-05-01 10:00:01", true),
            ("2026-05-01", "2026-05-02", false),
            ("1777629600", "1777629601", true),
            ("1777629600123", "1777629601456", true),
            ("1234567890", "1234567891", false),
            (new.0, new.1, true),
            (given, new.0, false),
            (new.0, given, false),
            ("a1", "a2", false),
        ] {
            assert_eq!(moments.same(recorded, asked, 5), is_same, "{recorded} {asked}");
        }
        assert!(moments.same(given, new.0, 1), "what an answer gives later was made by the run");
    }
}
