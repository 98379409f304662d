//! A length of time that is the same on every day: `250ms`, `30s`, `5m`, `12h`, `30d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{number_and_unit, parts};

/// A length of time: a number and one of the units `ms`, `s`, `m`, `h`, `d`, `w`, such as `30s`.
///
/// The number may have a fraction (`1.5h`). A day has 24 hours; units of the calendar (`mo`, `y`) are for windows only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

/// The units, the largest first, with their nanoseconds.
const UNITS: [(&str, u128); 6] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

impl Period {
    /// The regular expression that [`FromStr`] agrees with.
    pub const PATTERN: &'static str = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d|w)$";

    /// Makes a period of this length.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// Makes a period of this many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Returns the length of time.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (whole, fraction, unit) = number_and_unit(text)?;
            let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
            let nanoseconds = parts(whole, fraction, *scale)?;
            let seconds = u64::try_from(nanoseconds / 1_000_000_000).ok()?;
            let rest = u32::try_from(nanoseconds % 1_000_000_000).ok()?;
            Some(Self(Duration::new(seconds, rest)))
        };
        read().ok_or_else(|| {
            let help = match number_and_unit(text) {
                Some((_, _, "mo" | "y")) => "a month or a year has no fixed length here: write it in days: `30d`",
                _ => "write a number and one of the units `ms`, `s`, `m`, `h`, `d`, `w`: `30s`",
            };
            format!("[invalid-duration] `{text}` is not a duration\nhelp: {help}")
        })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_nanos();
        match UNITS.iter().find(|(_, scale)| nanoseconds >= *scale && nanoseconds.is_multiple_of(*scale)) {
            Some((unit, scale)) => write!(f, "{}{unit}", nanoseconds / scale),
            None if nanoseconds == 0 => f.write_str("0s"),
            None => write!(f, "{}s", self.0.as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use super::Period;

    #[test]
    fn reads_a_number_and_a_unit() {
        let cases = [
            ("250ms", Duration::from_millis(250)),
            ("30s", Duration::from_secs(30)),
            ("0s", Duration::ZERO),
            ("1.5h", Duration::from_mins(90)),
            ("5m", Duration::from_mins(5)),
            ("12h", Duration::from_hours(12)),
            ("30d", Duration::from_hours(720)),
            ("2w", Duration::from_hours(336)),
            ("999999999w", Duration::from_hours(167_999_999_832)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Period>().unwrap().duration(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in [
            "",
            "5",
            "s",
            "5 m",
            "5 minutes",
            "-1s",
            "1.s",
            ".5s",
            "1.2.3s",
            "1mo",
            "1y",
            "1h30m",
            "1e3s",
            "1234567890s",
            "५s",
        ] {
            let error = text.parse::<Period>().unwrap_err();
            assert!(error.starts_with("[invalid-duration] "), "{text}: {error}");
        }
    }

    #[test]
    fn is_shown_in_the_largest_whole_unit() {
        for (text, shown) in [
            ("60s", "1m"),
            ("90s", "90s"),
            ("36h", "36h"),
            ("7d", "1w"),
            ("0.5s", "500ms"),
            ("0m", "0s"),
            ("0.0001s", "0.0001s"),
        ] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), shown, "{text}");
        }
    }
}
