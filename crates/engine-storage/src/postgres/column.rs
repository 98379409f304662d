//! A column of a table: its type, and how values are written into it without losing anything.
//!
//! Values travel in the text format of `COPY`, which keeps the digits of a number as they were written.

use std::borrow::Cow;
use std::io::Write as _;

use engine_expr::{Number, Value};
use engine_runtime::ColumnType;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::cell::Cell;
use crate::kind::{Kind, as_text, real, whole};

/// What a column's comment says while its type is only a stand-in: it was made for nulls, and takes the type of the first value.
pub(super) const UNTYPED: &str = "no value yet";

/// A column, as it is in the database or about to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) form: Form,
    /// Its type, as `CREATE TABLE` has it.
    pub(super) sql: String,
    /// Whether the database gives it a value where none is written.
    pub(super) is_filled: bool,
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Integer,
    Real,
    /// With at most this many digits behind the point.
    Decimal(Option<i32>),
    Boolean,
    Date,
    /// A point in time.
    Instant,
    /// What a clock in UTC shows.
    Clock,
    Json,
    /// A type that was not made by us: the database judges what fits.
    Foreign,
    /// It has held no value so far.
    Untyped,
}

/// How a value came into a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Written,
    /// Something of it would be lost. Nothing was written.
    Misfit,
    /// It has the one character that no text of the database may have. Nothing was written.
    HasNul,
}

impl Column {
    /// Makes the column for values of a kind.
    pub(super) fn of(name: &str, kind: Kind) -> Self {
        let (form, sql) = match kind.0 {
            ColumnType::String => (Form::Text, "text"),
            ColumnType::Integer => (Form::Integer, "bigint"),
            ColumnType::Number => (Form::Real, "double precision"),
            ColumnType::Decimal => (Form::Decimal(None), "numeric"),
            ColumnType::Boolean => (Form::Boolean, "boolean"),
            ColumnType::Date => (Form::Date, "date"),
            ColumnType::Datetime => (Form::Instant, "timestamp with time zone"),
            ColumnType::Json => (Form::Json, "jsonb"),
            ColumnType::Any => (Form::Untyped, "text"),
        };
        Self { name: name.to_owned(), form, sql: sql.to_owned(), is_filled: false }
    }

    /// Reads what the catalogue says of a column.
    pub(super) fn from_catalog(
        name: String,
        base: &str,
        sql: String,
        modifier: i32,
        is_filled: bool,
        comment: Option<&str>,
    ) -> Self {
        let form = match base {
            "text" if comment == Some(UNTYPED) => Form::Untyped,
            "text" | "character varying" | "character" => Form::Text,
            "bigint" | "integer" | "smallint" => Form::Integer,
            "double precision" | "real" => Form::Real,
            // The digits behind the point are the lower eleven bits, with a sign, of what follows the header of four bytes.
            "numeric" => Form::Decimal((modifier >= 4).then(|| (((modifier - 4) & 0x7ff) ^ 1024) - 1024)),
            "boolean" => Form::Boolean,
            "date" => Form::Date,
            "timestamp with time zone" => Form::Instant,
            "timestamp without time zone" => Form::Clock,
            "json" | "jsonb" => Form::Json,
            _ => Form::Foreign,
        };
        Self { name, form, sql, is_filled }
    }

    /// Returns what it holds.
    pub(super) fn kind(&self) -> Kind {
        Kind(match self.form {
            Form::Text => ColumnType::String,
            Form::Integer => ColumnType::Integer,
            Form::Real => ColumnType::Number,
            Form::Decimal(_) => ColumnType::Decimal,
            Form::Boolean => ColumnType::Boolean,
            Form::Date => ColumnType::Date,
            Form::Instant | Form::Clock => ColumnType::Datetime,
            Form::Json => ColumnType::Json,
            Form::Foreign | Form::Untyped => ColumnType::Any,
        })
    }

    /// Returns the expression that makes the values of this column those of a wider kind.
    pub(super) fn conversion(&self, column: &str, wider: &Self) -> String {
        match (self.form, wider.form) {
            (Form::Instant, Form::Text) => {
                format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
            }
            (Form::Clock, Form::Text) => format!("to_char({column}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"),
            (_, Form::Json) => format!("to_jsonb({column})"),
            _ => format!("{column}::{}", wider.sql),
        }
    }

    /// Writes a value as `COPY` takes it.
    ///
    /// A column that a mapping `declared` takes what its type takes: `1.0` is a whole number, `0.1` the nearest binary one.
    pub(super) fn write(&self, cell: &Cell<'_>, declared: bool, out: &mut Vec<u8>) -> Fit {
        let text: Option<Cow<'_, str>> = match (self.form, cell) {
            (_, Cell::Null) => {
                out.extend_from_slice(NULL);
                return Fit::Written;
            }
            (Form::Text | Form::Foreign | Form::Untyped, _) => return write_text(&as_text(cell), out),
            (Form::Json, Cell::Text(text)) => {
                return write_text(&Value::String(text.as_ref().into()).to_json(), out);
            }
            (Form::Json, _) => return write_text(&as_text(cell), out),
            (Form::Integer, Cell::Number(text) | Cell::Text(text)) if whole(text).is_some() => {
                out.extend_from_slice(text.as_bytes());
                return Fit::Written;
            }
            (Form::Integer, Cell::Number(text)) if declared => {
                Number::from_json_text(text).as_i64().map(|int| int.to_string().into())
            }
            (Form::Real, Cell::Number(text)) => {
                real(&Number::from_json_text(text), declared).map(|real| format!("{real:?}").into())
            }
            (Form::Real, Cell::Text(text)) => {
                Number::parse(text).and_then(|number| real(&number, declared)).map(|real| format!("{real:?}").into())
            }
            (Form::Decimal(scale), Cell::Number(text)) => {
                scale.is_none_or(|scale| fits(text, scale)).then(|| Cow::Borrowed(&**text))
            }
            (Form::Decimal(scale), Cell::Text(text)) => {
                let is_number = Number::parse(text).is_some() && text.trim() == text;
                (is_number && scale.is_none_or(|scale| fits(text, scale))).then(|| Cow::Borrowed(&**text))
            }
            (Form::Boolean, Cell::Bool(it)) => Some(if *it { "true" } else { "false" }.into()),
            (Form::Boolean, Cell::Number(text)) => match text.as_ref() {
                "0" => Some("false".into()),
                "1" => Some("true".into()),
                _ => None,
            },
            (Form::Date, Cell::Text(text)) => day(text).map(|day| day.to_string().into()),
            (Form::Instant, Cell::Text(text)) => instant(text).map(|instant| instant.to_string().into()),
            (Form::Clock, Cell::Text(text)) => clock(text).map(|clock| clock.to_string().into()),
            _ => None,
        };
        match text {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Fit::Written
            }
            None => Fit::Misfit,
        }
    }
}

/// What stands for null.
pub(super) const NULL: &[u8] = b"\\N";

/// Writes a text; what `COPY` would take for the end of a value or a row is escaped.
fn write_text(text: &str, out: &mut Vec<u8>) -> Fit {
    let bytes = text.as_bytes();
    // Written so that it is done for many bytes at once: nearly all texts go through as they are.
    let is_plain = bytes.iter().fold(1, |plain, byte| plain & u8::from(*byte >= 0x20) & u8::from(*byte != b'\\')) == 1;
    if is_plain {
        out.extend_from_slice(bytes);
        return Fit::Written;
    }
    if bytes.contains(&0) {
        return Fit::HasNul;
    }
    for byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.push(*other),
        }
    }
    Fit::Written
}

/// Tells whether a number has no digits that a column with so many behind the point would round away.
fn fits(number: &str, scale: i32) -> bool {
    let (digits, exponent) = match number.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().unwrap_or(i64::MIN / 2)),
        None => (number, 0),
    };
    let (before, behind) = digits.split_once('.').unwrap_or((digits, ""));
    let behind = behind.trim_end_matches('0');
    let needed = if behind.is_empty() {
        let zeros = before.len() - before.trim_end_matches('0').len();
        -i64::try_from(zeros).unwrap_or(0)
    } else {
        i64::try_from(behind.len()).unwrap_or(i64::MAX / 2)
    };
    let is_zero = digits.bytes().all(|byte| !(b'1'..=b'9').contains(&byte));
    is_zero || needed - exponent <= i64::from(scale)
}

/// Reads a day that has no time beside it, which would be lost.
fn day(text: &str) -> Option<Date> {
    if text.len() == 10 { text.parse().ok() } else { None }
}

/// Reads a point in time; a day is its first moment in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    match text.parse() {
        Ok(instant) => Some(instant),
        Err(_) => day(text)?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp()),
    }
}

/// Reads what a clock in UTC shows.
fn clock(text: &str) -> Option<DateTime> {
    match instant(text) {
        Some(instant) => Some(instant.to_zoned(TimeZone::UTC).datetime()),
        None => text.parse().ok(),
    }
}

/// Writes a number.
pub(super) fn write_number(number: usize, out: &mut Vec<u8>) {
    // A vector takes all that is written to it.
    _ = write!(out, "{number}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ColumnType, declared: bool, cell: &Cell<'_>) -> String {
        let mut out = Vec::new();
        match Column::of("c", Kind(kind)).write(cell, declared, &mut out) {
            Fit::Written => String::from_utf8_lossy(&out).into_owned(),
            other => format!("{other:?}"),
        }
    }

    fn number(text: &str) -> Cell<'_> {
        Cell::Number(text.into())
    }

    fn text(text: &str) -> Cell<'_> {
        Cell::Text(text.into())
    }

    #[test]
    fn nothing_is_lost_in_silence() {
        for (kind, cell, expected) in [
            (ColumnType::Integer, text("007"), "Misfit"),
            (ColumnType::Integer, text("7"), "7"),
            (ColumnType::Integer, number("9223372036854775808"), "Misfit"),
            (ColumnType::Integer, number("1.0"), "Misfit"),
            (ColumnType::Number, number("0.1"), "0.1"),
            (ColumnType::Number, number("12345678901234567.89"), "Misfit"),
            (ColumnType::Number, number("1e999"), "Misfit"),
            (ColumnType::Decimal, number("12345678901234567890.10"), "12345678901234567890.10"),
            (ColumnType::Decimal, text("1,5"), "Misfit"),
            (ColumnType::Decimal, text("NaN"), "Misfit"),
            (ColumnType::Boolean, text("yes"), "Misfit"),
            (ColumnType::Boolean, number("1"), "true"),
            (ColumnType::Date, text("2025-01-31"), "2025-01-31"),
            (ColumnType::Date, text("2025-01-31T10:00:00Z"), "Misfit"),
            (ColumnType::Date, text("today"), "Misfit"),
            (ColumnType::Datetime, text("2025-01-31T10:00:00+02:00"), "2025-01-31T08:00:00Z"),
            (ColumnType::Datetime, text("2025-01-31"), "2025-01-31T00:00:00Z"),
            (ColumnType::Datetime, text("2025-01-31T10:00:00"), "Misfit"),
            (ColumnType::Datetime, text("now"), "Misfit"),
            (ColumnType::Json, text("a\"b"), r#""a\\"b""#),
            (ColumnType::Json, Cell::Json("{\"a\":\n1.50}".into()), "{\"a\":\\n1.50}"),
            (ColumnType::String, text("a\\b\tc\nd\re\u{1}"), "a\\\\b\\tc\\nd\\re\u{1}"),
            (ColumnType::String, text("\\N"), "\\\\N"),
            (ColumnType::String, text("a\0"), "HasNul"),
            (ColumnType::String, Cell::Null, "\\N"),
        ] {
            assert_eq!(check(kind, false, &cell), expected, "{kind:?} {cell:?}");
        }
        assert_eq!(check(ColumnType::Integer, true, &number("1.0")), "1");
        assert_eq!(check(ColumnType::Number, true, &number("0.10000000000000000001")), "0.1");
    }

    #[test]
    fn a_column_with_few_digits_takes_no_more() {
        for (number, scale, expected) in [
            ("19.90", 1, true),
            ("19.95", 1, false),
            ("19.95", 2, true),
            ("1995e-2", 2, true),
            ("1995e-2", 1, false),
            ("1200", -2, true),
            ("1250", -2, false),
            ("0.000", 0, true),
            ("1.25e1", 1, true),
        ] {
            assert_eq!(fits(number, scale), expected, "{number} {scale}");
        }
    }

    #[test]
    fn a_wider_kind_takes_what_both_take() {
        let values = [Cell::Bool(true), number("5"), number("19.90"), text("x"), Cell::Json("[1]".into())];
        for left in &values {
            for right in &values {
                let (Some(left_kind), Some(right_kind)) = (Kind::of(left), Kind::of(right)) else {
                    panic!("they have kinds")
                };
                let wider = left_kind.widened_to(right_kind).map(|kind| Column::of("c", kind));
                let takes = |cell| {
                    wider.as_ref().is_some_and(|wider| wider.write(cell, false, &mut Vec::new()) == Fit::Written)
                };
                assert!(takes(left) && takes(right), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn types_are_read_back() {
        for kind in [
            ColumnType::String,
            ColumnType::Integer,
            ColumnType::Number,
            ColumnType::Decimal,
            ColumnType::Boolean,
            ColumnType::Date,
            ColumnType::Datetime,
            ColumnType::Json,
            ColumnType::Any,
        ] {
            let column = Column::of("c", Kind(kind));
            let comment = (kind == ColumnType::Any).then_some(UNTYPED);
            let read = Column::from_catalog("c".to_owned(), &column.sql, column.sql.clone(), -1, false, comment);
            assert_eq!(read, column);
        }
        let money = Column::from_catalog(
            "c".to_owned(),
            "numeric",
            "numeric(10,2)".to_owned(),
            (10 << 16 | 2) + 4,
            false,
            None,
        );
        assert_eq!(money.form, Form::Decimal(Some(2)));
    }
}
