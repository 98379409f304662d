//! Bringing a value to the type of its field: on its text, so that no digit is lost.

use std::borrow::Cow;

use engine_expr::{Number, Value, parse_moment, write_string};
use engine_spec::FieldType;

/// Appends `text`, the JSON of one value that is not null, as a value of the type. The error completes "`$.price` …".
pub(super) fn convert(text: &str, kind: FieldType, format: Option<&str>, out: &mut Vec<u8>) -> Result<(), String> {
    let first = text.as_bytes().first().copied().unwrap_or(b' ');
    match (kind, first) {
        (FieldType::String, b'"') => out.extend_from_slice(text.as_bytes()),
        (FieldType::String, b'-' | b'0'..=b'9' | b't' | b'f') => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        (FieldType::Integer, b'-' | b'0'..=b'9') if !text.contains(['.', 'e', 'E']) => {
            out.extend_from_slice(text.as_bytes());
        }
        (FieldType::Number | FieldType::Decimal, b'-' | b'0'..=b'9') => out.extend_from_slice(text.as_bytes()),
        (FieldType::Boolean, b't' | b'f') => out.extend_from_slice(text.as_bytes()),
        // A file with rows of fields has numbers as texts.
        (FieldType::Integer | FieldType::Number | FieldType::Decimal, b'"') => match quoted_number(text, kind) {
            Some(digits) => out.extend_from_slice(digits.as_bytes()),
            None => return slow(text, kind, format, out),
        },
        _ => return slow(text, kind, format, out),
    }
    Ok(())
}

/// Returns the number between the quotes of a text, if it is written there as JSON writes it.
fn quoted_number(text: &str, kind: FieldType) -> Option<&str> {
    let [b'"', .., b'"'] = text.as_bytes() else { return None };
    let digits = text.get(1..text.len() - 1)?;
    let is_it = match kind {
        FieldType::Integer => is_plain_integer(digits),
        _ => !digits.contains(char::is_whitespace) && is_json_number(digits),
    };
    is_it.then_some(digits)
}

/// Tells whether a text is a whole number as JSON writes it, and short enough to be one of 64 bits.
fn is_plain_integer(text: &str) -> bool {
    const LONGEST: usize = 18;
    let digits = match text.as_bytes() {
        [b'-', digits @ ..] => digits,
        digits => digits,
    };
    let is_canonical = digits.first().is_some_and(|first| *first != b'0') && digits.len() <= LONGEST;
    is_canonical && digits.iter().all(u8::is_ascii_digit)
}

fn slow(text: &str, kind: FieldType, format: Option<&str>, out: &mut Vec<u8>) -> Result<(), String> {
    let value = Value::from_json(text).map_err(|error| error.to_string())?;
    let not = |wanted: &str| format!("is {}, not {wanted}", shown(&value));
    match kind {
        FieldType::String => return Err(not("a text")),
        FieldType::Integer => {
            let number = number(&value).filter(Number::is_integer).ok_or_else(|| not("a whole number"))?;
            let digits = number.whole_text().ok_or_else(|| not("a whole number of up to 1000 digits"))?;
            out.extend_from_slice(digits.as_bytes());
        }
        FieldType::Number | FieldType::Decimal => match &value {
            // The digits of the text, as they are: "19.90" becomes 19.90.
            Value::String(digits) if is_json_number(digits.trim()) => out.extend_from_slice(digits.trim().as_bytes()),
            _ => number(&value).ok_or_else(|| not("a number"))?.write_json(out),
        },
        FieldType::Boolean => {
            let it = match &value {
                Value::String(text) if text.eq_ignore_ascii_case("true") || &**text == "1" => true,
                Value::String(text) if text.eq_ignore_ascii_case("false") || &**text == "0" => false,
                Value::Number(number) if number.as_i64() == Some(1) => true,
                Value::Number(number) if number.is_zero() => false,
                _ => return Err(not("true or false")),
            };
            out.extend_from_slice(if it { b"true" } else { b"false" });
        }
        FieldType::Date | FieldType::Datetime => {
            let moment = parse_moment(&value)
                .ok_or_else(|| not(if kind == FieldType::Date { "a date" } else { "a point in time" }))?;
            let written = match (format, kind) {
                (Some(format), _) => moment.format(format)?,
                (None, FieldType::Date) => moment.date().to_string(),
                (None, _) => match moment.timestamp() {
                    // A day alone is its first moment.
                    Some(timestamp) if matches!(moment, engine_expr::Moment::Day(_)) => timestamp.to_string(),
                    _ => moment.rfc3339(),
                },
            };
            write_string(&written, out);
        }
    }
    Ok(())
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::parse(text),
        _ => None,
    }
}

fn is_json_number(text: &str) -> bool {
    let mut scanner = engine_expr::Scanner::new(text);
    matches!(scanner.start(), Ok(engine_expr::Start::Number)) && scanner.skip().is_ok() && scanner.end().is_ok()
}

/// Shows a value in a message, cut where it is long.
fn shown(value: &Value) -> Cow<'static, str> {
    let text = match value {
        Value::List(_) | Value::Object(_) => return value.a_kind().into(),
        other => format!("{other:?}"),
    };
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: FieldType, expected: Result<&str, &str>) {
        let mut out = Vec::new();
        let result = convert(text, kind, None, &mut out).map(|()| String::from_utf8_lossy(&out).into_owned());
        assert_eq!(result.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn keeps_digits_and_refuses_what_does_not_fit() {
        check("19.90", FieldType::Decimal, Ok("19.90"));
        check("\"19.90\"", FieldType::Decimal, Ok("19.90"));
        check("\"12,5\"", FieldType::Decimal, Err("is \"12,5\", not a number"));
        check("123456789012345678901234567890.12", FieldType::Decimal, Ok("123456789012345678901234567890.12"));
        check("19.90", FieldType::String, Ok("\"19.90\""));
        check("{}", FieldType::String, Err("is an object, not a text"));
        check("5", FieldType::Integer, Ok("5"));
        check("5.0", FieldType::Integer, Ok("5"));
        check("\"7\"", FieldType::Integer, Ok("7"));
        check("\"-7\"", FieldType::Integer, Ok("-7"));
        check("\"0\"", FieldType::Integer, Ok("0"));
        check("\"007\"", FieldType::Integer, Ok("7"));
        check("\" 7 \"", FieldType::Integer, Ok("7"));
        check("\"\"", FieldType::Integer, Err("is \"\", not a whole number"));
        check("\"-\"", FieldType::Integer, Err("is \"-\", not a whole number"));
        check("\" 1.50\\n\"", FieldType::Decimal, Ok("1.50"));
        check("\"1.50 \"", FieldType::Decimal, Ok("1.50"));
        check("\"-0.5e3\"", FieldType::Number, Ok("-0.5e3"));
        check("\"1.\"", FieldType::Decimal, Ok("1"));
        check("\"123456789012345678901234567890123\"", FieldType::Integer, Ok("123456789012345678901234567890123"));
        check(
            "\"-0123456789012345678901234567890123.0\"",
            FieldType::Integer,
            Ok("-123456789012345678901234567890123"),
        );
        check("1e30", FieldType::Integer, Ok("1000000000000000000000000000000"));
        check("\"+1234567890123456789012345678901.5\"", FieldType::Decimal, Ok("1234567890123456789012345678901.5"));
        check("5.5", FieldType::Integer, Err("is 5.5, not a whole number"));
        check("true", FieldType::Integer, Err("is true, not a whole number"));
        check("\"TRUE\"", FieldType::Boolean, Ok("true"));
        check("0", FieldType::Boolean, Ok("false"));
        check("\"no\"", FieldType::Boolean, Err("is \"no\", not true or false"));
        check("\"2025-03-01T10:00:00+01:00\"", FieldType::Date, Ok("\"2025-03-01\""));
        check("1735689600", FieldType::Datetime, Ok("\"2025-01-01T00:00:00Z\""));
        check("\"soon\"", FieldType::Date, Err("is \"soon\", not a date"));
    }
}
