//! A length of time on the calendar: what a [`Period`] may be, and months and years.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Period, number_and_unit};

/// A span of the calendar: a duration such as `30d`, or whole months or years: `1mo`, `1y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// So many months, whatever their days; a year is twelve of them.
    Months(u32),
    /// A fixed length.
    Fixed(Duration),
}

impl Window {
    /// The regular expression that [`FromStr`] agrees with.
    pub const PATTERN: &'static str = r"^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d|w)|[0-9]{1,4}(mo|y))$";
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let months = match number_and_unit(text) {
            Some((number, "", "mo")) => Some((number, 1)),
            Some((number, "", "y")) => Some((number, 12)),
            _ => None,
        };
        if let Some((number, months)) = months.filter(|(number, _)| number.len() <= 4)
            && let Ok(number) = number.parse::<u32>()
        {
            return Ok(Self::Months(number * months));
        }
        let fixed = text.parse::<Period>().map_err(|_| {
            format!(
                "[invalid-duration] `{text}` is not a duration\nhelp: write a number and one of the units `s`, `m`, `h`, `d`, `w`, `mo`, `y`: `30d`"
            )
        })?;
        Ok(Self::Fixed(fixed.duration()))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Months(months) if *months > 0 && months.is_multiple_of(12) => write!(f, "{}y", months / 12),
            Self::Months(months) => write!(f, "{months}mo"),
            Self::Fixed(duration) => Period::new(*duration).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use super::Window;

    #[test]
    fn knows_months_and_years() {
        let cases = [
            ("1mo", Window::Months(1)),
            ("2y", Window::Months(24)),
            ("30d", Window::Fixed(Duration::from_hours(720))),
            ("5m", Window::Fixed(Duration::from_mins(5))),
        ];
        for (text, expected) in cases {
            let window: Window = text.parse().unwrap();
            assert_eq!(window, expected, "{text}");
            assert_eq!(window.to_string().parse::<Window>().unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_parts_of_months() {
        for text in ["1.5mo", "0.5y", "12345mo", "1 mo", "mo", "1M"] {
            assert!(text.parse::<Window>().unwrap_err().starts_with("[invalid-duration] "), "{text}");
        }
    }
}
