//! An event as it came: what is looked at to know who sent it.

use std::time::Duration;

use engine_expr::Value;
use http::HeaderMap;
use jiff::Timestamp;

use super::Refusal;

/// An event as it came.
pub struct Delivery<'d> {
    /// Its headers.
    pub headers: &'d HeaderMap,
    /// The parameters of its query, decoded, in their order.
    pub query: &'d [(String, String)],
    /// The bytes of its body.
    pub body: &'d [u8],
    /// When it came.
    pub now: Timestamp,
    /// Makes what `trigger` is, for templates; asked for only where there are such.
    pub event: &'d (dyn Fn() -> Value + Sync),
}

/// How old an event may be if the spec does not say.
pub(super) const TOLERANCE: Duration = Duration::from_mins(5);

impl<'d> Delivery<'d> {
    /// Returns the value of a header. It has to be there once: of two, each reader takes another.
    pub(super) fn header(&self, name: &str) -> Result<&'d str, Refusal> {
        let mut values = self.headers.get_all(name).iter();
        let (first, second) = (values.next(), values.next());
        let first = first.ok_or_else(|| Refusal::header(name, "is missing"))?;
        if second.is_some() {
            return Err(Refusal::header(name, "is there more than once"));
        }
        first.to_str().map_err(|_| Refusal::header(name, "is no text"))
    }

    /// Returns a parameter of the query, which has to be there once.
    pub(super) fn query(&self, name: &str) -> Result<&'d str, Refusal> {
        let place = || format!("`{name}` of the query");
        let mut values = self.query.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(value),
            (Some(_), Some(_)) => Err(Refusal::new(place(), "is there more than once")),
            (None, _) => Err(Refusal::new(place(), "is missing")),
        }
    }

    /// Checks that a time is near enough to now, so that what was signed once can't be sent again later.
    pub(super) fn check_time(&self, place: &str, text: &str, tolerance: Duration) -> Result<(), Refusal> {
        let time = read_time(text).ok_or_else(|| Refusal::new(place.to_owned(), "is no time"))?;
        let away = self.now.duration_since(time).unsigned_abs();
        if away <= tolerance {
            return Ok(());
        }
        let (seconds, side) = (away.as_secs(), if time < self.now { "old" } else { "ahead" });
        Err(Refusal::new(place.to_owned(), format!("is {seconds} s {side}, and {} s are allowed", tolerance.as_secs())))
    }
}

/// Reads a time: seconds or milliseconds since 1970 by their number of digits, or a text as RFC 3339 has it.
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.contains('T').then(|| text.parse().ok()).flatten();
    }
    match text.len() {
        1..=11 => Timestamp::from_second(text.parse().ok()?).ok(),
        12..=14 => Timestamp::from_millisecond(text.parse().ok()?).ok(),
        _ => None,
    }
}

/// Tells whether two texts are the same, in a time that does not depend on where they differ.
pub(super) fn is_same(left: &[u8], right: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::read_time;

    #[test]
    fn reads_times_as_senders_write_them() {
        for (text, expected) in [
            ("1614265330", Some("2021-02-25T15:02:10Z")),
            ("1614265330123", Some("2021-02-25T15:02:10.123Z")),
            ("2021-02-25T15:02:10Z", Some("2021-02-25T15:02:10Z")),
            ("2021-02-25T16:02:10+01:00", Some("2021-02-25T15:02:10Z")),
            ("+1614265330", None),
            ("-1614265330", None),
            (" 1614265330", None),
            ("1614265330.5", None),
            ("161426533012345678", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(read_time(text).map(|time| time.to_string()).as_deref(), expected, "{text}");
        }
    }
}
