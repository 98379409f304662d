//! Numbers that keep their digits.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::digits::Digits;
use crate::json::Scanner;

/// A number, exact wherever it can be.
///
/// Integers are 64 bit, decimals have up to 28 digits and keep their scale (`19.90` stays `19.90`). Whatever a
/// source wrote that neither can hold (`1e400`, forty digits) is kept as its text and passes through unchanged.
#[derive(Clone, Debug)]
pub enum Number {
    /// A 64-bit integer.
    Int(i64),
    /// An exact decimal.
    Decimal(Decimal),
    /// A binary float, which only computations produce.
    Float(f64),
    /// A JSON number that only its text can hold.
    Text(Arc<str>),
}

impl Number {
    /// Reads the text of a JSON number, which must be well-formed.
    pub fn from_json_text(text: &str) -> Self {
        if text.len() < 19
            && text != "-0"
            && let Ok(int) = text.parse()
        {
            return Self::Int(int);
        }
        if let Ok(int) = text.parse::<i64>()
            && text != "-0"
        {
            return Self::Int(int);
        }
        match Decimal::from_str_exact(text) {
            Ok(decimal) if has_same_digits(&decimal, text) => Self::Decimal(decimal),
            _ => Self::Text(text.into()),
        }
    }

    /// Reads a number as people write one, with or without an exponent, and keeps all its digits; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        if !digits.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        // As JSON writes it: no zeros before the first digit, no point after the last.
        let digits = digits.strip_suffix('.').unwrap_or(digits);
        let trimmed = digits.trim_start_matches('0');
        let zero = if trimmed.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "0" };
        let text = format!("{sign}{zero}{trimmed}");
        if let Ok(int) = text.parse() {
            return Some(Self::Int(int));
        }
        let mut scanner = Scanner::new(&text);
        if scanner.number().is_err() || scanner.end().is_err() {
            return None;
        }
        if text.contains(['e', 'E'])
            && let Some(decimal) = Digits::of(&text).decimal()
        {
            return Some(Self::Decimal(decimal));
        }
        Some(Self::from_json_text(&text))
    }

    /// Returns the number as an exact decimal, if it has at most 28 digits.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Int(it) => Some(Decimal::from(*it)),
            Self::Decimal(it) => Some(*it),
            Self::Float(it) => Decimal::from_str(&it.to_string()).ok(),
            Self::Text(it) => Digits::of(it).decimal(),
        }
    }

    /// Returns the number as an integer, if it is a whole number of 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(it) = self {
            Some(*it)
        } else {
            let decimal = self.as_decimal()?;
            if decimal.fract().is_zero() { i64::try_from(decimal).ok() } else { None }
        }
    }

    /// Returns the nearest binary float.
    #[expect(clippy::cast_precision_loss, reason = "the nearest float is what is asked for")]
    pub fn as_f64(&self) -> f64 {
        match self {
            Self::Int(it) => *it as f64,
            Self::Decimal(it) => it.to_string().parse().unwrap_or(f64::NAN),
            Self::Float(it) => *it,
            Self::Text(it) => it.parse().unwrap_or(f64::NAN),
        }
    }

    /// Tells whether the number has no fraction.
    pub fn is_integer(&self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Decimal(it) => it.fract().is_zero(),
            Self::Float(it) => it.fract() == 0.0,
            Self::Text(it) => Digits::of(it).is_whole(),
        }
    }

    /// Tells whether the number is zero.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Int(it) => *it == 0,
            Self::Decimal(it) => it.is_zero(),
            Self::Float(it) => *it == 0.0,
            Self::Text(it) => Digits::of(it).is_zero(),
        }
    }

    /// Writes a whole number with all its digits, without a point or an exponent.
    ///
    /// `None` for a number with a fraction, and for one of more than a thousand digits.
    pub fn whole_text(&self) -> Option<String> {
        match self {
            Self::Int(it) => Some(it.to_string()),
            _ => self.digits()?.whole(),
        }
    }

    fn digits(&self) -> Option<Digits> {
        match self {
            Self::Float(it) if !it.is_finite() => None,
            Self::Text(it) => Some(Digits::of(it)),
            other => Some(Digits::of(&other.to_string())),
        }
    }

    /// Compares by numeric value, to the last digit.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (Self::Decimal(left), Self::Decimal(right)) => Some(left.cmp(right)),
            (Self::Int(left), Self::Decimal(right)) => Some(Decimal::from(*left).cmp(right)),
            (Self::Decimal(left), Self::Int(right)) => Some(left.cmp(&Decimal::from(*right))),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(right),
            _ => match (self.digits(), other.digits()) {
                (Some(left), Some(right)) => Some(left.compare(&right)),
                _ => self.as_f64().partial_cmp(&other.as_f64()),
            },
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) if left == right => true,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(it) => it.fmt(f),
            Self::Decimal(it) => it.fmt(f),
            Self::Float(it) => it.fmt(f),
            Self::Text(it) => f.write_str(it),
        }
    }
}

/// A decimal prints without an exponent, so only a text that is written the same way may become one.
fn has_same_digits(decimal: &Decimal, text: &str) -> bool {
    let mut buffer = [0_u8; 40];
    let mut cursor = std::io::Cursor::new(&mut buffer[..]);
    std::io::Write::write_fmt(&mut cursor, format_args!("{decimal}")).is_ok()
        && usize::try_from(cursor.position()).ok().and_then(|end| buffer.get(..end)) == Some(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_text_of_every_json_number() {
        for text in [
            "0",
            "-0",
            "1",
            "-7",
            "19.90",
            "1.0",
            "1e5",
            "1E400",
            "-0.0",
            "0.10",
            "9223372036854775807",
            "9223372036854775808",
            "123456789012345678901234567890.12",
            "12345678901234567.89",
        ] {
            assert_eq!(Number::from_json_text(text).to_string(), text);
        }
    }

    #[test]
    fn compares_by_value_and_not_by_text() {
        assert_eq!(Number::from_json_text("1.5"), Number::from_json_text("1.50"));
        assert_eq!(Number::from_json_text("100"), Number::from_json_text("1e2"));
        assert_eq!(Number::from_json_text("0.1").compare(&Number::from_json_text("0.2")), Some(Ordering::Less));
    }

    #[test]
    fn keeps_all_digits_of_what_people_write() {
        for text in [
            "123456789012345678901234567890123",
            "-0.123456789012345678901234567890123",
            "1e400",
            "1.23456789012345678901234567890123e2",
        ] {
            assert_eq!(Number::parse(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Number::parse("+0012.50").map(|it| it.to_string()).as_deref(), Some("12.50"));
        assert_eq!(Number::parse("007."), Some(Number::Int(7)));
    }

    #[test]
    fn compares_long_numbers_to_the_last_digit() {
        let order = |left: &str, right: &str| Number::from_json_text(left).compare(&Number::from_json_text(right));
        assert_eq!(
            order("123456789012345678901234567890123", "123456789012345678901234567890124"),
            Some(Ordering::Less)
        );
        assert_eq!(order("123456789012345678901234567890123", "7"), Some(Ordering::Greater));
        assert_eq!(order("1e400", "2e400"), Some(Ordering::Less));
        assert_eq!(order("-1e400", "-12345678901234567890.5"), Some(Ordering::Less));
        assert_eq!(
            order("1.23456789012345678901234567890123e2", "123.4567890123456789012345679"),
            Some(Ordering::Less)
        );
        assert_eq!(Number::Float(0.1).compare(&Number::from_json_text("0.1")), Some(Ordering::Equal));
        assert_eq!(Number::Float(f64::INFINITY).compare(&Number::Int(1)), Some(Ordering::Greater));
        assert!(Number::from_json_text("1e30").is_integer());
        assert_eq!(Number::from_json_text("1.5e1").whole_text().as_deref(), Some("15"));
    }

    #[test]
    fn parses_what_people_write() {
        assert_eq!(Number::parse("1e3"), Some(Number::Int(1000)));
        assert_eq!(Number::parse(" 12.50 ").map(|it| it.to_string()), Some("12.50".to_owned()));
        assert_eq!(Number::parse("+4"), Some(Number::Int(4)));
        for wrong in ["", "x", "1,5", "NaN", "inf", "1_0", ".5x", "0x1F"] {
            assert_eq!(Number::parse(wrong), None, "{wrong}");
        }
    }
}
