//! The value of one column of a row that is read, as it is written into the JSON of a record. Whatever JSON has no form for is a text.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use engine_expr::{Number, Scanner, write_string};

/// Beyond it, not every whole number is a binary float.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// Begins a record, or goes on with one: writes the name of a member.
pub(crate) fn write_name(name: &str, is_first: bool, out: &mut Vec<u8>) {
    out.push(if is_first { b'{' } else { b',' });
    write_string(name, out);
    out.push(b':');
}

/// Ends a record.
pub(crate) fn write_end(is_empty: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if is_empty { b"{}" } else { b"}" });
}

/// Writes what has a text that is JSON: a whole number.
pub(crate) fn write_plain(it: impl std::fmt::Display, out: &mut Vec<u8>) {
    out.extend_from_slice(it.to_string().as_bytes());
}

/// Writes a binary float, by the fewest digits that tell it from all others.
pub(crate) fn write_real(it: f64, out: &mut Vec<u8>) {
    if !it.is_finite() {
        let name = if it.is_nan() {
            "NaN"
        } else if it > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        return write_string(name, out);
    }
    let is_whole = it.fract() == 0.0 && it.abs() < WHOLE;
    out.extend_from_slice(if is_whole { format!("{it}") } else { format!("{it:?}") }.as_bytes());
}

/// Writes a number by its text, with all its digits.
pub(crate) fn write_number(text: &str, out: &mut Vec<u8>) {
    let mut scanner = Scanner::new(text);
    let is_json = scanner.number().is_ok() && scanner.end().is_ok();
    if is_json {
        out.extend_from_slice(text.as_bytes());
    } else if let Some(number) = Number::parse(text) {
        number.write_json(out);
    } else {
        write_string(text, out);
    }
}

/// Writes a text that holds JSON as what it stands for.
pub(crate) fn write_json(text: &str, out: &mut Vec<u8>) {
    let mut scanner = Scanner::new(text);
    if scanner.skip().is_ok() && scanner.end().is_ok() {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_string(text, out);
    }
}

/// Writes bytes as Base64 (RFC 4648 §4).
pub(crate) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_string(&BASE64_STANDARD.encode(bytes), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn numbers_are_json_and_lose_nothing() {
        for (real, expected) in [
            (5.0, "5"),
            (-0.1, "-0.1"),
            (1e300, "1e300"),
            (1e-7, "1e-7"),
            (f64::NAN, "\"NaN\""),
            (f64::NEG_INFINITY, "\"-Infinity\""),
        ] {
            assert_eq!(written(|out| write_real(real, out)), expected);
        }
        for (text, expected) in [
            ("19.90", "19.90"),
            (
                "12345678901234567890123456789012345678901234567890.10",
                "12345678901234567890123456789012345678901234567890.10",
            ),
            ("1e5", "1e5"),
            ("NaN", "\"NaN\""),
            ("many", "\"many\""),
            ("", "\"\""),
        ] {
            assert_eq!(written(|out| write_number(text, out)), expected);
        }
    }

    #[test]
    fn json_is_what_it_stands_for() {
        for (text, expected) in
            [("{\"a\": [1.50]}", "{\"a\": [1.50]}"), ("\"x\"", "\"x\""), ("x", "\"x\""), ("", "\"\"")]
        {
            assert_eq!(written(|out| write_json(text, out)), expected);
        }
    }
}
