//! What a column of a table holds, and how values get into it without losing anything.
//!
//! `SQLite` gives a column an *affinity* by the words in its declared type, and converts what it is given to it: a text that looks like
//! a number becomes a binary float in a column of numbers. So exact decimals are kept as text, in columns declared `DECIMAL_TEXT`,
//! whose affinity is that of texts; a reader sees from the name what the text is. The same goes for dates, times and JSON.

use std::borrow::Cow;

use engine_expr::{Number, Value};
use engine_runtime::ColumnType;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value as Native, ValueRef};

use crate::cell::Cell;
pub(crate) use crate::kind::Kind;
use crate::kind::{as_text, real, whole};

/// A value as the database takes it.
#[derive(Debug, PartialEq)]
pub(crate) enum Bound<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(Cow<'a, str>),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Native::Null),
            Self::Integer(it) => ToSqlOutput::Owned(Native::Integer(*it)),
            Self::Real(it) => ToSqlOutput::Owned(Native::Real(*it)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl Kind {
    /// Returns the declared type of a column, as `CREATE TABLE` has it.
    pub(crate) fn declared(self) -> &'static str {
        match self.0 {
            ColumnType::String => "TEXT",
            ColumnType::Integer => "INTEGER",
            ColumnType::Number => "REAL",
            ColumnType::Decimal => "DECIMAL_TEXT",
            ColumnType::Boolean => "BOOLEAN",
            ColumnType::Date => "DATE_TEXT",
            ColumnType::Datetime => "DATETIME_TEXT",
            ColumnType::Json => "JSON_TEXT",
            ColumnType::Any => "",
        }
    }

    /// Reads a declared type, ours or anybody's (<https://sqlite.org/datatype3.html> §3.1).
    pub(crate) fn from_declared(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        Self(match declared.as_str() {
            "DECIMAL_TEXT" => ColumnType::Decimal,
            "DATE_TEXT" | "DATE" => ColumnType::Date,
            "DATETIME_TEXT" | "DATETIME" | "TIMESTAMP" => ColumnType::Datetime,
            "JSON_TEXT" | "JSON" => ColumnType::Json,
            _ if has(&["INT"]) => ColumnType::Integer,
            _ if has(&["CHAR", "CLOB", "TEXT"]) => ColumnType::String,
            _ if declared.is_empty() || has(&["BLOB"]) => ColumnType::Any,
            _ if has(&["BOOL"]) => ColumnType::Boolean,
            _ => ColumnType::Number,
        })
    }

    /// Tells whether `SQLite` makes numbers of texts in a column of such a declared type.
    pub(crate) fn turns_texts_into_numbers(declared: &str) -> bool {
        let declared = declared.to_ascii_uppercase();
        declared.contains("INT")
            || !(declared.is_empty() || ["CHAR", "CLOB", "TEXT", "BLOB"].iter().any(|word| declared.contains(word)))
    }

    /// Returns the expression that makes a column of this kind one of another, which is wider.
    pub(crate) fn conversion(self, wider: Self, column: &str) -> String {
        let text = |kind| matches!(kind, Self(ColumnType::String | ColumnType::Json));
        match (self, wider) {
            (Self(ColumnType::Boolean), wider) if text(wider) => {
                format!("CASE {column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE {column} END")
            }
            (Self(ColumnType::Integer), Self(ColumnType::Number)) => format!("CAST({column} AS REAL)"),
            // The affinity of the wider column writes a whole number as text; a text stays.
            _ => column.to_owned(),
        }
    }

    /// Makes a value one of this column; `None` if it does not fit without a loss.
    ///
    /// A column that a mapping `declared` takes what its type takes: `1.0` is a whole number, `0.1` the nearest binary one.
    pub(crate) fn bind<'a>(self, cell: &Cell<'a>, declared: bool) -> Option<Bound<'a>> {
        if *cell == Cell::Null {
            return Some(Bound::Null);
        }
        match self.0 {
            ColumnType::Any => Some(untyped(cell)),
            // A text within JSON is in quotes, or nobody could tell it from a number.
            ColumnType::Json => Some(Bound::Text(match cell {
                // In quotes, or nobody could tell it from a number.
                Cell::Text(text) => Value::String(text.as_ref().into()).to_json().into(),
                other => as_text(other),
            })),
            ColumnType::String => Some(Bound::Text(as_text(cell))),
            ColumnType::Integer => match cell {
                Cell::Number(text) => match whole(text) {
                    Some(int) => Some(Bound::Integer(int)),
                    None if declared => Number::from_json_text(text).as_i64().map(Bound::Integer),
                    None => None,
                },
                Cell::Text(text) => whole(text).map(Bound::Integer),
                _ => None,
            },
            ColumnType::Number => match cell {
                Cell::Number(text) => real(&Number::from_json_text(text), declared).map(Bound::Real),
                Cell::Text(text) => real(&Number::parse(text)?, declared).map(Bound::Real),
                _ => None,
            },
            ColumnType::Decimal => match cell {
                Cell::Number(text) => Some(Bound::Text(text.clone())),
                Cell::Text(text) if Number::parse(text).is_some() && text.trim() == text => {
                    Some(Bound::Text(text.clone()))
                }
                _ => None,
            },
            ColumnType::Boolean => match cell {
                Cell::Bool(it) => Some(Bound::Integer(i64::from(*it))),
                Cell::Number(text) if *text == "0" || *text == "1" => whole(text).map(Bound::Integer),
                _ => None,
            },
            ColumnType::Date | ColumnType::Datetime => match cell {
                Cell::Text(text) => Some(Bound::Text(text.clone())),
                _ => None,
            },
        }
    }
}

fn untyped<'a>(cell: &Cell<'a>) -> Bound<'a> {
    match cell {
        Cell::Null => Bound::Null,
        Cell::Bool(it) => Bound::Integer(i64::from(*it)),
        Cell::Number(text) => whole(text).map_or_else(|| Bound::Text(text.clone()), Bound::Integer),
        Cell::Text(text) | Cell::Json(text) => Bound::Text(text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ColumnType; 9] = [
        ColumnType::String,
        ColumnType::Integer,
        ColumnType::Number,
        ColumnType::Decimal,
        ColumnType::Boolean,
        ColumnType::Date,
        ColumnType::Datetime,
        ColumnType::Json,
        ColumnType::Any,
    ];

    #[test]
    fn declared_types_are_read_back() {
        for kind in KINDS.map(Kind) {
            assert_eq!(Kind::from_declared(kind.declared()), kind);
        }
        for (declared, kind) in [
            ("varchar(20)", ColumnType::String),
            ("BIGINT", ColumnType::Integer),
            ("NUMERIC(10,2)", ColumnType::Number),
        ] {
            assert_eq!(Kind::from_declared(declared), Kind(kind));
        }
    }

    #[test]
    fn texts_stay_texts_where_digits_count() {
        for kind in [ColumnType::String, ColumnType::Decimal, ColumnType::Date, ColumnType::Datetime, ColumnType::Json]
        {
            assert!(!Kind::turns_texts_into_numbers(Kind(kind).declared()), "{kind:?}");
        }
    }

    #[test]
    fn a_wider_kind_takes_what_both_take() {
        let values = [
            Cell::Bool(true),
            Cell::Number("5".into()),
            Cell::Number("19.90".into()),
            Cell::Text("x".into()),
            Cell::Json("[1]".into()),
        ];
        for left in &values {
            for right in &values {
                let (Some(left_kind), Some(right_kind)) = (Kind::of(left), Kind::of(right)) else {
                    panic!("they have kinds")
                };
                let wider = left_kind.widened_to(right_kind);
                assert!(
                    wider.is_some_and(|kind| kind.bind(left, false).is_some() && kind.bind(right, false).is_some()),
                    "{left:?} {right:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_lost_in_silence() {
        let bind = |kind, cell: Cell<'static>| Kind(kind).bind(&cell, false);
        assert_eq!(bind(ColumnType::Integer, Cell::Text("007".into())), None);
        assert_eq!(bind(ColumnType::Integer, Cell::Text("7".into())), Some(Bound::Integer(7)));
        assert_eq!(bind(ColumnType::Integer, Cell::Number("9223372036854775808".into())), None);
        assert_eq!(bind(ColumnType::Integer, Cell::Number("1.0".into())), None);
        assert_eq!(bind(ColumnType::Number, Cell::Number("0.1".into())), Some(Bound::Real(0.1)));
        assert_eq!(bind(ColumnType::Number, Cell::Number("12345678901234567.89".into())), None);
        assert_eq!(bind(ColumnType::Number, Cell::Number("1e999".into())), None);
        assert_eq!(bind(ColumnType::Boolean, Cell::Text("yes".into())), None);
        assert_eq!(bind(ColumnType::Decimal, Cell::Text("1,5".into())), None);
        assert_eq!(Kind(ColumnType::Integer).bind(&Cell::Number("1.0".into()), true), Some(Bound::Integer(1)));
    }
}
