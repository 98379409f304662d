//! What a plain scalar is by the YAML 1.2 core schema (§10.3.2).

/// The kinds that a plain scalar may be of.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Number,
    String,
}

/// Returns what a plain scalar is.
pub(crate) fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        _ if is_number(text) => Plain::Number,
        _ => Plain::String,
    }
}

/// Returns whether a text is a number, in one of the forms of the core schema.
pub(crate) fn is_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else { return false };
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return false;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    whole.len() + fraction.len() > 0 && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
}

/// A number as a machine holds it.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Parsed {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

/// Returns the value of a number, which [`is_number`] accepts.
pub(crate) fn parse_number(text: &str) -> Parsed {
    let radix = |digits: &str, radix: u32| {
        u64::from_str_radix(digits, radix).map_or(Parsed::Float(f64::INFINITY), |value| {
            i64::try_from(value).map_or(Parsed::Unsigned(value), Parsed::Signed)
        })
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Ok(value) = text.parse::<i64>() {
        return Parsed::Signed(value);
    }
    if let Ok(value) = text.parse::<u64>() {
        return Parsed::Unsigned(value);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    Parsed::Float(match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => f64::NEG_INFINITY,
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        _ => text.parse().unwrap_or(f64::NAN),
    })
}

/// Returns the boolean that a word was in YAML 1.1 and is no more.
///
/// Upper case is left out: `NO` and `ON` are the codes of countries and provinces.
pub(crate) fn yaml11_boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "on" | "On" => Some(true),
        "no" | "No" | "off" | "Off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_core_schema() {
        for text in
            ["0", "12", "-3", "+4", "017", "1.5", "-.5", "5.", "1e3", "1.5E-7", "0x1F", "0o17", ".inf", "-.Inf", ".nan"]
        {
            assert_eq!(resolve(text), Plain::Number, "{text}");
        }
        for text in ["", "~", "null"] {
            assert_eq!(resolve(text), Plain::Null, "{text}");
        }
        for text in [
            "no",
            "on",
            "y",
            ".",
            "-",
            "+",
            "1_000",
            "0b1",
            "1e",
            "e3",
            "0x",
            "2024-01-01",
            "1.2.3",
            "-0x1",
            "infinity",
            "nan",
        ] {
            assert_eq!(resolve(text), Plain::String, "{text}");
        }
        assert_eq!(resolve("TRUE"), Plain::Bool(true));
    }

    #[test]
    fn reads_numbers() {
        assert_eq!(parse_number("017"), Parsed::Signed(17));
        assert_eq!(parse_number("+4"), Parsed::Signed(4));
        assert_eq!(parse_number("0x1F"), Parsed::Signed(31));
        assert_eq!(parse_number("18446744073709551615"), Parsed::Unsigned(u64::MAX));
        assert_eq!(parse_number("5."), Parsed::Float(5.0));
        assert_eq!(parse_number("-.5"), Parsed::Float(-0.5));
    }
}
