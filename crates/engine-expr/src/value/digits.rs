//! A number taken apart into its digits: to compare and to test numbers that no machine type can hold.

use std::cmp::Ordering;

use rust_decimal::Decimal;

/// An exponent that is larger than any that a comparison needs.
const HUGE: i64 = i64::MAX / 4;
/// The longest whole number that is written out.
const MAX_WHOLE: i64 = 1000;

/// A number as `±0.TEXT × 10^point`, without zeros at either end of the text, which is empty for zero.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Digits {
    negative: bool,
    text: String,
    point: i64,
}

impl Digits {
    /// Takes the text of a JSON number apart, which must be well-formed.
    pub(super) fn of(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent = exponent.parse().unwrap_or(if exponent.starts_with('-') { -HUGE } else { HUGE });
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let leading = all.len() - digits.len();
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return Self { negative: false, text: String::new(), point: 0 };
        }
        let places = i64::try_from(whole.len()).unwrap_or(HUGE) - i64::try_from(leading).unwrap_or(HUGE);
        Self { negative, text: digits.to_owned(), point: exponent.clamp(-HUGE, HUGE) + places }
    }

    /// Tells whether the number is zero.
    pub(super) fn is_zero(&self) -> bool {
        self.text.is_empty()
    }

    /// Tells whether the number has no fraction.
    pub(super) fn is_whole(&self) -> bool {
        i64::try_from(self.text.len()).is_ok_and(|len| len <= self.point) || self.is_zero()
    }

    /// Writes a whole number with all its digits; `None` for any other, and for one of more than a thousand digits.
    pub(super) fn whole(&self) -> Option<String> {
        if self.is_zero() {
            return Some("0".to_owned());
        }
        if !self.is_whole() || self.point > MAX_WHOLE {
            return None;
        }
        let width = usize::try_from(self.point).ok()?;
        Some(format!("{}{:0<width$}", if self.negative { "-" } else { "" }, self.text))
    }

    /// Returns the number as a decimal, if one can hold every digit.
    pub(super) fn decimal(&self) -> Option<Decimal> {
        if self.is_zero() {
            return Some(Decimal::ZERO);
        }
        let len = i64::try_from(self.text.len()).ok()?;
        let (zeros, scale) = if self.point > len { (self.point - len, 0) } else { (0, len - self.point) };
        if len + zeros > 29 {
            return None;
        }
        let mantissa: i128 = self.text.parse().ok()?;
        let mantissa = mantissa.checked_mul(10_i128.checked_pow(u32::try_from(zeros).ok()?)?)?;
        let mantissa = if self.negative { -mantissa } else { mantissa };
        Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale).ok()?).ok()
    }

    /// Compares by value.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (left, right) if left != right => left.cmp(&right),
            (sign, _) => {
                let size = self.point.cmp(&other.point).then_with(|| self.text.cmp(&other.text));
                if sign < 0 { size.reverse() } else { size }
            }
        }
    }

    fn sign(&self) -> i8 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_value() {
        for (left, right, expected) in [
            ("1", "1.000", Ordering::Equal),
            ("0.001", "1e-3", Ordering::Equal),
            ("-0.0", "0e9", Ordering::Equal),
            ("1e400", "10e399", Ordering::Equal),
            ("1e400", "1e401", Ordering::Less),
            ("-1e400", "-1e401", Ordering::Greater),
            ("123456789012345678901234567890123", "123456789012345678901234567890124", Ordering::Less),
            ("0.12", "0.119999999999999999999999999999999999", Ordering::Greater),
            ("-5", "0", Ordering::Less),
            ("99", "100", Ordering::Less),
        ] {
            assert_eq!(Digits::of(left).compare(&Digits::of(right)), expected, "{left} {right}");
        }
    }

    #[test]
    fn writes_whole_numbers_out() {
        for (text, expected) in [
            ("1e3", Some("1000")),
            ("-12.50e1", Some("-125")),
            ("12.5", None),
            ("0.0", Some("0")),
            ("1e1001", None),
            ("123456789012345678901234567890123.0", Some("123456789012345678901234567890123")),
        ] {
            assert_eq!(Digits::of(text).whole().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn becomes_a_decimal_only_with_all_its_digits() {
        let decimal = |text: &str| Digits::of(text).decimal().map(|decimal| decimal.to_string());
        assert_eq!(decimal("1.5e3").as_deref(), Some("1500"));
        assert_eq!(decimal("-1.5e-3").as_deref(), Some("-0.0015"));
        assert_eq!(decimal("1.2345678901234567890123456789012e2"), None);
        assert_eq!(decimal("1e29"), None);
        assert_eq!(decimal("1e-29"), None);
    }
}
