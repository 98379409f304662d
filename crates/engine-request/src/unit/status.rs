//! Which statuses of an answer are meant: `429`, `5xx`, `400-403`.

use std::fmt;
use std::str::FromStr;

/// One or several HTTP statuses: `429`, all of a class `5xx`, or a span `400-403` with both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusPattern {
    low: u16,
    high: u16,
}

impl StatusPattern {
    /// The regular expression that [`FromStr`] agrees with.
    pub const PATTERN: &'static str = r"^[1-5]([0-9]{2}|xx|[0-9]{2}-[1-5][0-9]{2})$";

    /// Makes the pattern that takes this status only.
    pub const fn one(status: u16) -> Self {
        Self { low: status, high: status }
    }

    /// Returns true if this status is meant.
    pub const fn matches(self, status: u16) -> bool {
        self.low <= status && status <= self.high
    }
}

/// One HTTP status, from 100 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(u16);

impl Status {
    /// The status of success.
    pub const OK: Self = Self(200);

    /// Returns the number.
    pub const fn code(self) -> u16 {
        self.0
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        status(text).map(Self).ok_or_else(|| {
            format!("[invalid-status] `{text}` is not a status\nhelp: write a number from 100 to 599: `201`")
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads a status from 100 to 599.
fn status(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    let status = text.parse().ok().filter(|_| digits)?;
    (100..=599).contains(&status).then_some(status)
}

impl FromStr for StatusPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            if let Some(class) = text.strip_suffix("xx") {
                let low = status(&format!("{class}00"))?;
                return Some(Self { low, high: low + 99 });
            }
            match text.split_once('-') {
                // The order of the ends is nobody's mistake to be told about: the statuses between them are meant.
                Some((one, other)) => {
                    let (one, other) = (status(one)?, status(other)?);
                    Some(Self { low: one.min(other), high: one.max(other) })
                }
                None => status(text).map(Self::one),
            }
        };
        read().ok_or_else(|| {
            format!("[invalid-status] `{text}` is not a status\nhelp: write a status from 100 to 599, a class or a span: `429`, `5xx`, `400-403`")
        })
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (low, high) if low == high => write!(f, "{low}"),
            (low, high) if low.is_multiple_of(100) && high == low + 99 => write!(f, "{}xx", low / 100),
            (low, high) => write!(f, "{low}-{high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::StatusPattern;

    #[test]
    fn matches_a_status_a_class_and_a_span() {
        let cases: [(&str, &[u16], &[u16]); 4] = [
            ("429", &[429], &[428, 430]),
            ("5xx", &[500, 503, 599], &[499]),
            ("400-403", &[400, 402, 403], &[399, 404]),
            ("403-400", &[401], &[404]),
        ];
        for (text, inside, outside) in cases {
            let pattern: StatusPattern = text.parse().unwrap();
            assert!(inside.iter().all(|status| pattern.matches(*status)), "{text}");
            assert!(!outside.iter().any(|status| pattern.matches(*status)), "{text}");
            assert_eq!(pattern.to_string().parse::<StatusPattern>().unwrap(), pattern, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_status() {
        for text in
            ["", "42", "4290", "600", "099", "6xx", "5XX", "xx", "4x", "400-", "-403", "400-600", "400 - 403", "+42"]
        {
            assert!(text.parse::<StatusPattern>().unwrap_err().starts_with("[invalid-status] "), "{text}");
        }
    }
}
