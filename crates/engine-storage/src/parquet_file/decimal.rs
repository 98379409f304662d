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

/// Writes a decimal, a big-endian multiple of its last digit, without the zeros at its end; `None` beyond 128 bits.
pub(super) fn digits(bytes: &[u8], scale: i32) -> Option<String> {
    let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let (filler, sign) = if is_negative { (0xFF, "-") } else { (0, "") };
    let (rest, low) = bytes.split_at(bytes.len().saturating_sub(16));
    let mut value = [filler; 16];
    value.iter_mut().rev().zip(low.iter().rev()).for_each(|(to, from)| *to = *from);
    let value = i128::from_be_bytes(value);
    if rest.iter().any(|byte| *byte != filler) || (value < 0) != is_negative {
        return None;
    }
    let mut text = value.unsigned_abs().to_string();
    if let Ok(scale) = usize::try_from(scale)
        && scale > 0
    {
        let missing = (scale + 1).saturating_sub(text.len());
        text.insert_str(0, &"0".repeat(missing));
        text.insert(text.len() - scale, '.');
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    Some(format!("{sign}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        for text in ["0", "19.9", "-15", "-0.000000000000000001", "12345678901234567890.123456789012345678", "-0.1"] {
            let bytes = unscaled(text).map(i128::to_be_bytes).unwrap_or_default();
            assert_eq!(digits(&bytes, SCALE).as_deref(), Some(text));
        }
        for (bytes, scale, expected) in [
            (&[0x01, 0x00][..], 2, Some("2.56")),
            (&[0xFF], 0, Some("-1")),
            (&[], 0, Some("0")),
            (&[0x80; 20], 0, None),
        ] {
            assert_eq!(digits(bytes, scale).as_deref(), expected);
        }
    }

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
