//! What serde passes upwards when a value cannot be read.

use std::fmt::{self, Display};

use serde::de::{Expected, Unexpected};

use crate::code;

/// How an error shows itself whose finding is noted already.
const NOTED: &str = "\u{1}noted";

/// Returns whether an error, of whatever format, is one of ours whose finding is noted already.
pub(crate) fn is_noted(error: &impl Display) -> bool {
    error.to_string() == NOTED
}

/// Why a value cannot be read; empty once its finding is noted.
#[derive(Debug)]
pub(super) struct DeError(pub(super) Option<Box<Problem>>);

/// Why a value cannot be read, not yet with a place.
#[derive(Debug)]
pub(super) enum Problem {
    /// A member is missing.
    Missing(&'static str),
    /// It is of another kind than this.
    WrongType { expected: String },
    /// What the type itself says.
    Custom { code: &'static str, message: String, label: Option<String>, help: Option<String>, fix: Option<String> },
}

impl DeError {
    pub(super) fn noted() -> Self {
        Self(None)
    }

    pub(super) fn new(problem: Problem) -> Self {
        Self(Some(Box::new(problem)))
    }

    pub(super) fn wrong_type(expected: &dyn Expected) -> Self {
        Self::new(Problem::WrongType { expected: expected.to_string() })
    }
}

/// Takes the text of a custom error apart: `[code] message`, then lines that start with `label: `, `help: ` and `fix: `.
fn custom(text: &str) -> Problem {
    let (code, text) = match text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((name, rest)) => match code::known(name) {
            Some(code) => (code, rest),
            None => ("invalid-value", text),
        },
        None => ("invalid-value", text),
    };
    let (text, fix) = match text.split_once("\nfix: ") {
        Some((text, fix)) => (text, Some(fix.to_owned())),
        None => (text, None),
    };
    let (text, help) = match text.split_once("\nhelp: ") {
        Some((text, help)) => (text, Some(help.to_owned())),
        None => (text, None),
    };
    let (message, label) = match text.split_once("\nlabel: ") {
        Some((message, label)) => (message, Some(label.to_owned())),
        None => (text, None),
    };
    Problem::Custom { code, message: message.to_owned(), label, help, fix }
}

impl Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str(NOTED),
            Some(Problem::Missing(field)) => write!(f, "missing field `{field}`"),
            Some(Problem::WrongType { expected }) => write!(f, "expected {expected}"),
            Some(Problem::Custom { message, .. }) => f.write_str(message),
        }
    }
}

impl std::error::Error for DeError {}

impl serde::de::Error for DeError {
    fn custom<T: Display>(text: T) -> Self {
        let text = text.to_string();
        if text == NOTED { Self::noted() } else { Self::new(custom(&text)) }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong_type(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong_type(expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::wrong_type(expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Problem::Missing(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_custom_texts_apart() {
        let Problem::Custom { code, message, label, help, fix } = custom(
            "[invalid-duration] `5 minutes` is not a duration\nlabel: not a duration\nhelp: write `5m`\nfix: 5m",
        ) else {
            panic!("a custom problem");
        };
        assert_eq!((code, message.as_str()), ("invalid-duration", "`5 minutes` is not a duration"));
        assert_eq!((label.as_deref(), help.as_deref()), (Some("not a duration"), Some("write `5m`")));
        assert_eq!(fix.as_deref(), Some("5m"));
    }

    #[test]
    fn leaves_texts_without_a_known_code_alone() {
        let Problem::Custom { code, message, .. } = custom("[0] is not allowed") else { panic!("a custom problem") };
        assert_eq!((code, message.as_str()), ("invalid-value", "[0] is not allowed"));
    }
}
