//! Until when a token holds, as its giver said it.

use engine_expr::{Number, Value, parse_moment};
use jiff::{SignedDuration, Timestamp};

/// From this number on it is a time since 1970, not a length of time: it stands for 31 years.
const EPOCH: f64 = 1_000_000_000.0;

/// Reads until when a token holds; nothing where that is not known.
///
/// A number below 1,000,000,000 is a length of time in seconds, in a text too (`"3600"`); from there on it is a time since
/// 1970 in seconds, and from twelve digits on in milliseconds. A text may also be a date: RFC 3339, ISO 8601, RFC 2822. What is
/// zero, negative, in the past or none of these says nothing: such a token is used until the API refuses it.
pub(in crate::auth) fn end_of(value: &Value, now: Timestamp) -> Option<Timestamp> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::parse(text.trim()),
        _ => return None,
    };
    let end = match number.map(|number| number.as_f64()) {
        Some(seconds) if seconds < EPOCH => now.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()?,
        _ => parse_moment(value)?.timestamp()?,
    };
    (end > now).then_some(end)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Value;
    use jiff::Timestamp;

    use super::end_of;

    #[test]
    fn tells_lengths_and_times_apart() {
        let now: Timestamp = "2025-03-01T10:00:00Z".parse().unwrap();
        let later = Some("2025-03-01T11:00:00Z");
        let cases = [
            ("3600", later),
            ("\"3600\"", later),
            ("\" 3600 \"", later),
            ("3600.0", later),
            ("0.5", Some("2025-03-01T10:00:00.5Z")),
            ("1740826800", later),
            ("\"1740826800\"", later),
            ("1740826800000", later),
            ("1740826800.25", Some("2025-03-01T11:00:00.25Z")),
            ("\"2025-03-01T11:00:00Z\"", later),
            ("\"2025-03-01T12:00:00+01:00\"", later),
            ("\"2025-03-01T11:00:00\"", later),
            ("\"Sat, 01 Mar 2025 11:00:00 GMT\"", later),
            ("\"2025-03-02\"", Some("2025-03-02T00:00:00Z")),
            ("3153600000", Some("2069-12-07T00:00:00Z")),
            ("0", None),
            ("-1", None),
            ("\"\"", None),
            ("\"never\"", None),
            ("\"NaN\"", None),
            ("1e300", None),
            ("1640826800", None),
            ("100000000000", None),
            ("\"2024-01-01T00:00:00Z\"", None),
            ("null", None),
            ("true", None),
            ("[3600]", None),
            ("{}", None),
        ];
        for (json, expected) in cases {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(end_of(&Value::from_json(json).unwrap(), now), expected, "{json}");
        }
    }
}
