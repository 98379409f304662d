//! Decimals of 38 digits, 18 of them after the point: one type for all columns and files, so that those of one dataset go together, whatever
//! values each happens to have.

/// How many digits there are.
pub(super) const PRECISION: i32 = 38;

/// How many of them are after the point.
pub(super) const SCALE: i32 = 18;

/// Reads a decimal as a multiple of its last digit; `None` where that would lose digits.
pub(super) fn unscaled(text: &str) -> Option<i128> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (negative, whole) = match whole.strip_prefix('-') {
        Some(whole) => (true, whole),
        None => (false, whole.strip_prefix('+').unwrap_or(whole)),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Zeros at the end may be more than there is room for, so what does not fit is told only below.
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let mut shift = SCALE.checked_add(exponent)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    while shift > 0 && value != 0 {
        value = value.checked_mul(10)?;
        shift -= 1;
    }
    while shift < 0 && value != 0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
        shift += 1;
    }
    let is_within = value < 10_i128.pow(PRECISION.unsigned_abs());
    is_within.then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_digit_or_none() {
        const ONE: i128 = 1_000_000_000_000_000_000;
        for (text, expected) in [
            ("0", Some(0)),
            ("-0.0", Some(0)),
            ("19.90", Some(19 * ONE + ONE / 10 * 9)),
            ("-1.5e1", Some(-15 * ONE)),
            ("1E-18", Some(1)),
            ("1e-19", None),
            ("10e-19", Some(1)),
            ("0.0000000000000000010", Some(1)),
            ("0e999999", Some(0)),
            ("12345678901234567890.123456789012345678", Some(12_345_678_901_234_567_890_123_456_789_012_345_678)),
            ("123456789012345678901", None),
            ("99999999999999999999", Some(99_999_999_999_999_999_999 * ONE)),
            ("1e20", None),
            ("1e99999999999", None),
            ("0.1234567890123456789", None),
            ("", None),
            ("-", None),
            ("many", None),
            ("1 ", None),
        ] {
            assert_eq!(unscaled(text), expected, "{text}");
        }
    }
}
