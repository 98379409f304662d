//! So many in a length of time: `100/10s`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::Period;

/// So many requests in a length of time: `100/10s`, `2/1s`, `60/m`.
///
/// Both are whole numbers above zero; the number of the time may be left out where it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    count: NonZeroU32,
    period: Period,
}

impl Rate {
    /// The regular expression that [`FromStr`] agrees with.
    pub const PATTERN: &'static str = r"^[1-9][0-9]{0,8}/([1-9][0-9]{0,8})?(ms|s|m|h|d|w)$";

    /// Returns how many there may be in the [period](Self::period).
    pub const fn count(self) -> NonZeroU32 {
        self.count
    }

    /// Returns the time in which there may be so many; it is never zero.
    pub const fn period(self) -> Duration {
        self.period.duration()
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = |number: &str| {
            (1..=9).contains(&number.len()) && !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit())
        };
        let read = || {
            let (count, period) = text.split_once('/')?;
            let number = period.trim_end_matches(|c: char| c.is_ascii_lowercase());
            if !whole(count) || !(number.is_empty() || whole(number)) {
                return None;
            }
            let period = if number.is_empty() { format!("1{period}").parse() } else { period.parse() };
            Some(Self { count: count.parse().ok()?, period: period.ok()? })
        };
        read().ok_or_else(|| {
            format!("[invalid-rate] `{text}` is not a rate\nhelp: write how many, a slash and a duration, both above zero: `100/10s`")
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.period)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use super::Rate;

    #[test]
    fn reads_a_count_and_a_period() {
        let cases = [
            ("100/10s", 100, Duration::from_secs(10)),
            ("2/1s", 2, Duration::from_secs(1)),
            ("60/m", 60, Duration::from_mins(1)),
            ("1/250ms", 1, Duration::from_millis(250)),
        ];
        for (text, count, period) in cases {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.count().get(), rate.period()), (count, period), "{text}");
            assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_rate() {
        for text in
            ["", "100", "100/", "/10s", "0/1s", "1/0s", "1.5/s", "100 / 10s", "100/10", "10/1mo", "-1/s", "1/01s"]
        {
            assert!(text.parse::<Rate>().unwrap_err().starts_with("[invalid-rate] "), "{text}");
        }
    }
}
