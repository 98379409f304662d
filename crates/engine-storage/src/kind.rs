//! What a column holds, in whatever database: how it follows from values, and what holds two kinds of them.

use std::borrow::Cow;

use engine_expr::Number;
use engine_runtime::ColumnType;

use crate::cell::Cell;

/// What a column holds.
///
/// Texts and JSON hold every value, as text. A column of any kind holds what it is given, as it is; it has no declared type, since only
/// null was seen when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) ColumnType);

impl Kind {
    /// Returns the kind that an undeclared member has by its value; `None` for null.
    pub(crate) fn of(cell: &Cell<'_>) -> Option<Self> {
        Some(Self(match cell {
            Cell::Null => return None,
            Cell::Bool(_) => ColumnType::Boolean,
            Cell::Number(text) if whole(text).is_some() => ColumnType::Integer,
            Cell::Number(_) => ColumnType::Decimal,
            Cell::Text(_) => ColumnType::String,
            Cell::Json(_) => ColumnType::Json,
        }))
    }

    /// Returns the kind that holds what both hold, to which a column of this kind can be brought without loss.
    pub(crate) fn widened_to(self, other: Self) -> Option<Self> {
        use ColumnType::{Any, Boolean, Date, Datetime, Decimal, Integer, Json, Number, String};
        Some(Self(match (self.0, other.0) {
            // A column without a type takes everything; to lose its type, a column is never brought.
            (here, there) if here == there || here == Any || there == Any => here,
            (String | Json, _) => self.0,
            (Number, Integer) | (Decimal, Integer | Number) => self.0,
            (Number, _) => return None,
            (Integer, Number | Decimal) => other.0,
            (Integer | Decimal | Boolean | Date | Datetime | Any, _) => String,
        }))
    }

    /// Names the kind in a message.
    pub(crate) fn name(self) -> &'static str {
        self.0.name()
    }
}

/// Reads a whole number that is written as it would be printed, so that nothing of its text is lost.
pub(crate) fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { text.parse().ok() } else { None }
}

/// Returns the binary float nearest to a number, unless digits would be lost that nobody said may be.
pub(crate) fn real(number: &Number, lossy: bool) -> Option<f64> {
    let real = number.as_f64();
    let same = || Number::parse(&real.to_string()).is_some_and(|back| back == *number);
    if real.is_finite() && (lossy || same()) { Some(real) } else { None }
}

/// Returns a value as a text.
pub(crate) fn as_text<'a>(cell: &Cell<'a>) -> Cow<'a, str> {
    match cell {
        Cell::Null => Cow::Borrowed(""),
        Cell::Bool(true) => Cow::Borrowed("true"),
        Cell::Bool(false) => Cow::Borrowed("false"),
        Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => text.clone(),
    }
}
