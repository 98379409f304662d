//! One column: the values of the rows that wait for their row group, and what they are.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use engine_expr::{Number, Value, parse_moment};
use engine_runtime::{ColumnType, SinkError};
use jiff::Timestamp;
use jiff::civil::Date;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::Type;

use super::decimal::{PRECISION, SCALE, unscaled};
use super::texts::Texts;
use crate::cell::Cell;

/// How many bytes a decimal has.
const DECIMAL_BYTES: i32 = 16;

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    name: Arc<str>,
    /// What its values are; any as long as nothing says.
    kind: ColumnType,
    origin: Origin,
    /// For each row that waits, 1 if it has a value and 0 if it is null.
    levels: Vec<i16>,
    values: Values,
}

/// What says which type a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The mapping.
    Declared,
    /// The values so far; more may come.
    Open,
    /// The values of the first row group.
    Found,
    /// Nothing: in the first row group all was null.
    Null,
}

/// Values that are not null.
#[derive(Debug)]
enum Values {
    /// Of a type that is still open, each with what it is.
    Open(Texts, Vec<ColumnType>),
    Text(Texts),
    Json(Texts),
    Integer(Vec<i64>),
    Number(Vec<f64>),
    Decimal(Vec<i128>),
    Boolean(Vec<bool>),
    Date(Vec<i32>),
    Datetime(Vec<i64>),
}

impl Column {
    /// Makes a column of a mapping.
    pub(super) fn declared(name: &str, kind: ColumnType) -> Self {
        let origin = if kind == ColumnType::Any { Origin::Open } else { Origin::Declared };
        Self { name: name.into(), kind, origin, levels: Vec::new(), values: Values::of(kind) }
    }

    /// Makes a column of a member that came up.
    pub(super) fn found(name: &str) -> Self {
        Self::declared(name, ColumnType::Any)
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Adds the value of a row; of several of one row the last one counts.
    pub(super) fn push(&mut self, row: usize, cell: &Cell<'_>) -> Result<(), SinkError> {
        if self.levels.len() > row {
            self.pop();
        }
        if *cell == Cell::Null {
            self.levels.push(0);
            return Ok(());
        }
        if let Some(kind) = self.values.push(cell, self.origin) {
            if self.origin == Origin::Open {
                self.kind = wider(self.kind, kind);
            }
            self.levels.push(1);
            return Ok(());
        }
        Err(self.misfit(cell))
    }

    /// Makes the rows null that have nothing, up to this number.
    pub(super) fn fill(&mut self, rows: usize) {
        self.levels.resize(rows.max(self.levels.len()), 0);
    }

    /// Takes the last rows away.
    pub(super) fn cut(&mut self, rows: usize) {
        while self.levels.len() > rows {
            self.pop();
        }
        if let Values::Open(_, kinds) = &self.values {
            self.kind = kinds.iter().fold(ColumnType::Any, |kind, other| wider(kind, *other));
        }
    }

    fn pop(&mut self) {
        if self.levels.pop() == Some(1) {
            self.values.pop();
        }
    }

    /// Returns how many bytes it takes in memory.
    pub(super) fn size(&self) -> usize {
        self.levels.len() * size_of::<i16>() + self.values.size()
    }

    /// Gives the column its type, for good.
    ///
    /// # Errors
    ///
    /// Fails where a value does not fit into what the others are.
    pub(super) fn settle(&mut self) -> Result<(), SinkError> {
        if self.origin != Origin::Open {
            return Ok(());
        }
        (self.kind, self.origin) = match self.kind {
            ColumnType::Any => (ColumnType::String, Origin::Null),
            kind => (kind, Origin::Found),
        };
        let open = mem::replace(&mut self.values, Values::of(self.kind));
        if let Values::Open(texts, kinds) = open {
            for (text, kind) in texts.iter().zip(kinds) {
                let cell = cell(kind, text);
                if self.values.push(&cell, Origin::Found).is_none() {
                    return Err(self.misfit(&cell));
                }
            }
        }
        Ok(())
    }

    fn misfit(&self, cell: &Cell<'_>) -> SinkError {
        let (name, kind, shown) = (&self.name, self.kind.name(), cell.shown());
        let what = match self.values {
            Values::Decimal(_) | Values::Open(..) => {
                format!("a decimal has {} digits before the point and {SCALE} after it", PRECISION - SCALE)
            }
            Values::Datetime(_) => "a point in time has six digits of a second at most".to_owned(),
            Values::Integer(_) => "a whole number has 64 bits".to_owned(),
            _ => String::new(),
        };
        let number = matches!(cell, Cell::Number(_) | Cell::Text(_)) && !what.is_empty();
        let message = match self.origin {
            Origin::Null => {
                format!("the column `{name}` was only null in the first row group, and {shown} comes after it")
            }
            Origin::Open => format!("{shown} does not fit into the column `{name}`: {what}"),
            Origin::Declared | Origin::Found if number => {
                format!("the column `{name}` is {kind}, and {shown} does not fit: {what}")
            }
            Origin::Declared | Origin::Found => format!("the column `{name}` is {kind}, and {shown} does not fit"),
        };
        SinkError::new(message).help(match self.origin {
            Origin::Declared => {
                format!("the mapping says `type: {kind}`: give a value of it, or write `type: string`, which takes all")
            }
            Origin::Null => format!("say in `map` what it is: `{name}: {{from: …, type: …}}`"),
            Origin::Open | Origin::Found => {
                format!(
                    "the first row group decides where no type is said: say it in `map`, as `type: string` of `{name}`"
                )
            }
        })
    }

    /// Describes the column in the file.
    pub(super) fn field(&self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self.values {
            Values::Text(_) | Values::Open(..) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Values::Json(_) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::Json)),
            Values::Integer(_) => (PhysicalType::INT64, None),
            Values::Number(_) => (PhysicalType::DOUBLE, None),
            Values::Decimal(_) => (PhysicalType::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(SCALE, PRECISION))),
            Values::Boolean(_) => (PhysicalType::BOOLEAN, None),
            Values::Date(_) => (PhysicalType::INT32, Some(LogicalType::Date)),
            Values::Datetime(_) => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        };
        let field = Type::primitive_type_builder(&self.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        match self.values {
            Values::Decimal(_) => field.with_length(DECIMAL_BYTES).with_precision(PRECISION).with_scale(SCALE).build(),
            _ => field.build(),
        }
    }

    /// Writes the first rows, and forgets them.
    pub(super) fn write(&mut self, out: &mut SerializedColumnWriter<'_>, rows: usize) -> Result<(), ParquetError> {
        let rest = self.levels.split_off(rows.min(self.levels.len()));
        let levels = mem::replace(&mut self.levels, rest);
        let count = levels.iter().filter(|level| **level == 1).count();
        let levels = Some(levels.as_slice());
        match &mut self.values {
            Values::Open(..) => {}
            Values::Text(texts) | Values::Json(texts) => {
                out.typed::<ByteArrayType>().write_batch(&texts.take(count), levels, None)?;
            }
            Values::Integer(values) | Values::Datetime(values) => {
                out.typed::<Int64Type>().write_batch(&first(values, count), levels, None)?;
            }
            Values::Number(values) => {
                out.typed::<DoubleType>().write_batch(&first(values, count), levels, None)?;
            }
            Values::Decimal(values) => {
                let bytes: Vec<u8> = first(values, count).iter().flat_map(|value| value.to_be_bytes()).collect();
                let bytes = bytes::Bytes::from(bytes);
                let one = |at: usize| FixedLenByteArray::from(ByteArray::from(bytes.slice(at * 16..(at + 1) * 16)));
                let decimals: Vec<FixedLenByteArray> = (0..count).map(one).collect();
                out.typed::<FixedLenByteArrayType>().write_batch(&decimals, levels, None)?;
            }
            Values::Boolean(values) => {
                out.typed::<BoolType>().write_batch(&first(values, count), levels, None)?;
            }
            Values::Date(values) => {
                out.typed::<Int32Type>().write_batch(&first(values, count), levels, None)?;
            }
        }
        Ok(())
    }
}

impl Values {
    fn of(kind: ColumnType) -> Self {
        match kind {
            ColumnType::String => Self::Text(Texts::default()),
            ColumnType::Integer => Self::Integer(Vec::new()),
            ColumnType::Number => Self::Number(Vec::new()),
            ColumnType::Decimal => Self::Decimal(Vec::new()),
            ColumnType::Boolean => Self::Boolean(Vec::new()),
            ColumnType::Date => Self::Date(Vec::new()),
            ColumnType::Datetime => Self::Datetime(Vec::new()),
            ColumnType::Json => Self::Json(Texts::default()),
            ColumnType::Any => Self::Open(Texts::default(), Vec::new()),
        }
    }

    /// Adds a value that is not null, and returns what it is; `None` where it does not fit without a loss.
    fn push(&mut self, cell: &Cell<'_>, origin: Origin) -> Option<ColumnType> {
        match self {
            Self::Open(texts, kinds) => {
                let kind = kind_of(cell)?;
                texts.push(&text_of(cell));
                kinds.push(kind);
                return Some(kind);
            }
            Self::Text(texts) => match cell {
                Cell::Text(text) => texts.push(text),
                _ if origin == Origin::Null => return None,
                other => texts.push(&text_of(other)),
            },
            Self::Json(texts) => match cell {
                Cell::Text(text) => texts.push_json(text),
                other => texts.push(&text_of(other)),
            },
            Self::Integer(values) => values.push(integer(cell)?),
            Self::Number(values) => values.push(number(cell)?),
            Self::Decimal(values) => match cell {
                Cell::Number(text) | Cell::Text(text) => values.push(unscaled(text)?),
                _ => return None,
            },
            Self::Boolean(values) => match cell {
                Cell::Bool(it) => values.push(*it),
                _ => return None,
            },
            Self::Date(values) => values.push(day(cell)?),
            Self::Datetime(values) => values.push(micros(cell)?),
        }
        Some(ColumnType::Any)
    }

    fn pop(&mut self) {
        match self {
            Self::Open(texts, kinds) => {
                texts.pop();
                kinds.pop();
            }
            Self::Text(texts) | Self::Json(texts) => texts.pop(),
            Self::Integer(values) | Self::Datetime(values) => _ = values.pop(),
            Self::Number(values) => _ = values.pop(),
            Self::Decimal(values) => _ = values.pop(),
            Self::Boolean(values) => _ = values.pop(),
            Self::Date(values) => _ = values.pop(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Open(texts, kinds) => texts.size() + kinds.len(),
            Self::Text(texts) | Self::Json(texts) => texts.size(),
            Self::Integer(values) | Self::Datetime(values) => size_of_val(values.as_slice()),
            Self::Number(values) => size_of_val(values.as_slice()),
            Self::Decimal(values) => size_of_val(values.as_slice()),
            Self::Boolean(values) => size_of_val(values.as_slice()),
            Self::Date(values) => size_of_val(values.as_slice()),
        }
    }
}

/// Takes the first values away.
fn first<T>(values: &mut Vec<T>, count: usize) -> Vec<T> {
    let rest = values.split_off(count);
    mem::replace(values, rest)
}

/// Returns the type that a value has by itself; `None` for a decimal that there is no room for.
fn kind_of(cell: &Cell<'_>) -> Option<ColumnType> {
    Some(match cell {
        Cell::Null => ColumnType::Any,
        Cell::Bool(_) => ColumnType::Boolean,
        Cell::Number(text) if text.parse::<i64>().is_ok() => ColumnType::Integer,
        Cell::Number(text) => {
            unscaled(text)?;
            ColumnType::Decimal
        }
        Cell::Text(_) => ColumnType::String,
        Cell::Json(_) => ColumnType::Json,
    })
}

/// Returns the value that had this type and this text.
fn cell(kind: ColumnType, text: &str) -> Cell<'_> {
    match kind {
        ColumnType::Boolean => Cell::Bool(text == "true"),
        ColumnType::Integer | ColumnType::Decimal => Cell::Number(Cow::Borrowed(text)),
        ColumnType::Json => Cell::Json(Cow::Borrowed(text)),
        _ => Cell::Text(Cow::Borrowed(text)),
    }
}

/// Returns the type that holds what both hold: texts hold all.
fn wider(one: ColumnType, other: ColumnType) -> ColumnType {
    use ColumnType::{Any, Decimal, Integer, String};
    match (one, other) {
        (one, other) if one == other => one,
        (Any, kind) | (kind, Any) => kind,
        (Integer, Decimal) | (Decimal, Integer) => Decimal,
        _ => String,
    }
}

fn text_of<'c>(cell: &'c Cell<'_>) -> Cow<'c, str> {
    match cell {
        Cell::Null => Cow::Borrowed("null"),
        Cell::Bool(true) => Cow::Borrowed("true"),
        Cell::Bool(false) => Cow::Borrowed("false"),
        Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => Cow::Borrowed(text),
    }
}

fn integer(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        // `1.0` and `1e3` are whole numbers too.
        Cell::Number(text) => text.parse().ok().or_else(|| Number::from_json_text(text).as_i64()),
        Cell::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn number(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(text) | Cell::Text(text) => text.parse().ok().filter(|it: &f64| it.is_finite()),
        _ => None,
    }
}

/// Returns the days since 1970-01-01.
fn day(cell: &Cell<'_>) -> Option<i32> {
    let Cell::Text(text) = cell else { return None };
    let day: Date = text.parse().ok()?;
    // A time of the day would be lost.
    let is_whole = text.len() == "2025-01-01".len();
    let days = (day - Date::constant(1970, 1, 1)).get_days();
    is_whole.then_some(days)
}

/// Returns the microseconds since 1970-01-01T00:00:00Z.
fn micros(cell: &Cell<'_>) -> Option<i64> {
    let Cell::Text(text) = cell else { return None };
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) => parse_moment(&Value::from(&**text))?.timestamp()?,
    };
    (moment.subsec_nanosecond() % 1000 == 0).then(|| moment.as_microsecond())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn text(text: &str) -> Cell<'_> {
        Cell::Text(Cow::Borrowed(text))
    }

    #[test]
    fn times_keep_all_their_digits() {
        for (written, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T02:00:00.000001+02:00", Some(1)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("2025-01-01T00:00:00.0000001Z", None),
            ("soon", None),
        ] {
            assert_eq!(micros(&text(written)), expected, "{written}");
        }
        for (written, expected) in
            [("1970-01-02", Some(1)), ("1969-12-31", Some(-1)), ("2025-01-01T10:00:00", None), ("", None)]
        {
            assert_eq!(day(&text(written)), expected, "{written}");
        }
    }

    #[test]
    fn a_page_that_is_taken_back_leaves_nothing() {
        let mut column = Column::found("a");
        column.push(0, &Cell::Number("1".into())).unwrap();
        column.push(1, &text("x")).unwrap();
        column.push(1, &text("y")).unwrap();
        assert_eq!(column.kind, ColumnType::String);
        column.cut(1);
        column.settle().unwrap();
        assert!(matches!(&column.values, Values::Integer(values) if *values == [1]));
    }
}
