//! How long an answer asks to wait: seconds, an epoch or a date, told apart by what they are.

use std::time::Duration;

use engine_expr::{Number, Value, parse_moment};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::Answer;

/// From this number on it is a time since 1970, not a length of time: it stands for 31 years.
const EPOCH: f64 = 1_000_000_000.0;

/// Reads how long to wait from now; a time that has passed is no wait. `None` for what says nothing.
///
/// Takes seconds (`120`, `1.5`), times since 1970 in seconds or milliseconds, HTTP dates in all three forms (RFC 9110 §5.6.7)
/// and RFC 3339.
pub fn wait_of(value: &Value, now: Timestamp) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::parse(text),
        _ => return None,
    };
    match number.map(|number| number.as_f64()) {
        Some(seconds) if seconds < EPOCH => Duration::try_from_secs_f64(seconds.max(0.0)).ok(),
        _ => Some(until(date(value)?, now)),
    }
}

/// Returns how long an answer asks to wait in the headers that everybody knows.
///
/// The headers of rate limits count only where the limit was reached: others have them in every answer.
pub fn asked_wait(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let header = |name: &str| answer.header(name).and_then(|text| wait_of(&Value::from(text), now));
    if let Some(wait) = header("retry-after") {
        return Some(wait);
    }
    let is_empty = |name: &str| answer.header(name).is_some_and(|left| left.trim() == "0");
    let is_reached = answer.status == 429 || is_empty("ratelimit-remaining") || is_empty("x-ratelimit-remaining");
    if !is_reached {
        return None;
    }
    header("ratelimit-reset").or_else(|| header("x-ratelimit-reset"))
}

/// Returns how long it is until then.
pub(crate) fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// Reads a date, the obsolete forms of HTTP too.
fn date(value: &Value) -> Option<Timestamp> {
    if let Some(moment) = parse_moment(value) {
        return moment.timestamp();
    }
    let text = value.as_str()?.trim();
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S UTC"].iter().find_map(|format| {
        let broken = strtime::parse(format, text).ok()?;
        broken.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use engine_expr::Value;

    use super::wait_of;

    #[test]
    fn tells_seconds_epochs_and_dates_apart() {
        let now = "2025-03-01T10:00:00Z".parse().unwrap();
        let cases = [
            ("120", Some(120.0)),
            (" 120 ", Some(120.0)),
            ("0", Some(0.0)),
            ("1.5", Some(1.5)),
            ("-5", Some(0.0)),
            ("1740823260", Some(60.0)),
            ("1740823260000", Some(60.0)),
            ("1740823260.500", Some(60.5)),
            ("1740823200", Some(0.0)),
            ("1640823200", Some(0.0)),
            ("Sat, 01 Mar 2025 10:01:00 GMT", Some(60.0)),
            ("Saturday, 01-Mar-25 10:01:00 GMT", Some(60.0)),
            ("Sat Mar  1 10:01:00 2025", Some(60.0)),
            ("2025-03-01T10:01:00Z", Some(60.0)),
            ("Sat, 01 Mar 2025 09:00:00 GMT", Some(0.0)),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(wait_of(&Value::from(text), now), expected.map(Duration::from_secs_f64), "{text}");
        }
        assert_eq!(wait_of(&Value::from(30_i64), now), Some(Duration::from_secs(30)));
        assert_eq!(wait_of(&Value::Null, now), None);
    }
}
