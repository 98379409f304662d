//! How long an answer asks to wait: seconds, an epoch or a date, told apart by what they are.

use std::time::Duration;

use engine_expr::{Number, Value, parse_moment};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::Answer;
use crate::quota::quotas;

/// From this number on it is a time since 1970, not a length of time: it stands for 31 years.
const EPOCH: f64 = 1_000_000_000.0;

/// By how much the clock of an answer must differ from ours to count: below that, ours is the more exact one.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

/// Reads how long to wait from now; a time that has passed is no wait. `None` for what says nothing.
///
/// Takes seconds (`120`, `1.5`), times since 1970 in seconds or milliseconds, HTTP dates in all three forms (RFC 9110 §5.6.7),
/// RFC 3339, and numbers with units (`6m0s`, `20ms`).
pub fn wait_of(value: &Value, now: Timestamp) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::parse(text),
        _ => return None,
    };
    match number.map(|number| number.as_f64()) {
        Some(seconds) if seconds < EPOCH => Duration::try_from_secs_f64(seconds.max(0.0)).ok(),
        _ => date(value).map(|then| until(then, now)).or_else(|| length(value.as_str()?.trim())),
    }
}

/// Returns how long an answer asks to wait in the headers that everybody knows.
///
/// The headers of rate limits count only where the limit was reached: others have them in every answer. Of several
/// limits the one that is used up counts, of several such the longest wait.
pub fn asked_wait(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let header = |name: &str| answer.header(name).map(Value::from);
    if let Some(wait) = header("retry-after").and_then(|value| wait_of(&value, told_at(answer, now))) {
        return Some(wait);
    }
    let millis = header("retry-after-ms").or_else(|| header("x-ms-retry-after-ms"));
    if let Some(wait) = millis.and_then(|millis| wait_of(&millis, now)) {
        return Some(wait / 1000);
    }
    let quotas = quotas(answer, now);
    let used_up = quotas.iter().filter(|quota| quota.left == Some(0)).filter_map(|quota| quota.reset).max();
    let refused = || quotas.iter().filter_map(|quota| quota.reset).min().filter(|_| answer.status == 429);
    used_up.or_else(refused)
}

/// Returns what time it was where the answer was made: times of day in it are told by that clock.
pub(crate) fn told_at(answer: &Answer, now: Timestamp) -> Timestamp {
    let told = || {
        // What a cache has kept for a while was told long ago.
        let is_fresh = answer.header("age").is_none_or(|age| age.trim() == "0");
        let then = date(&Value::from(answer.header("date").filter(|_| is_fresh)?))?;
        (then.duration_since(now).unsigned_abs() > CLOCKS_DIFFER).then_some(then)
    };
    told().unwrap_or(now)
}

/// Reads numbers with units, as Go writes lengths of time.
fn length(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        sum = sum.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
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
            ("6m0s", Some(360.0)),
            ("1h0m1.5s", Some(3601.5)),
            ("20ms", Some(0.02)),
            ("1740823260000000", None),
            ("-1740823260", Some(0.0)),
            ("soon", None),
            ("5 minutes", None),
            ("1s2", None),
            ("1e", None),
            ("NaN", None),
            ("inf", None),
            ("1e999", None),
            ("99999999999999999999999999", None),
            ("-1e999", Some(0.0)),
            ("99999999999999999999h", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(wait_of(&Value::from(text), now), expected.map(Duration::from_secs_f64), "{text}");
        }
        assert_eq!(wait_of(&Value::from(30_i64), now), Some(Duration::from_secs(30)));
        assert_eq!(wait_of(&Value::Null, now), None);
    }
}
