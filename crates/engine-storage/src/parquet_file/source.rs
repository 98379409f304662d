//! Reading a file of columns: row by row, so that of each column no more than some of its pages are in memory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use engine_expr::write_string;
use engine_runtime::{Record, RecordSource, SinkError};
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};
use parquet::basic::{LogicalType, TimeUnit};
use parquet::data_type::Decimal;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};

use super::decimal::digits;
use crate::json_cell::{write_bytes, write_end, write_json, write_name, write_plain, write_real};
use crate::record_page::RecordPage;

/// The rows of a file.
pub(crate) struct ParquetSource {
    rows: RowIter<'static>,
    forms: Vec<Form>,
    path: PathBuf,
}

/// How the values of a column are read, beyond what each is by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Json,
    /// What a clock shows, nobody knows where.
    Clock,
    /// A point in time, in nanoseconds.
    Nanos,
    /// What a clock shows, in nanoseconds.
    ClockNanos,
}

impl ParquetSource {
    /// Opens a file; none if there is no such file.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, SinkError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SinkError::new(format!("can't read `{}`: {error}", path.display()))),
        };
        let reader = SerializedFileReader::new(file).map_err(|error| unreadable(path, &error))?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
        let forms = schema.get_fields().iter().map(|field| Form::of(field.get_basic_info().logical_type_ref()));
        let forms = forms.collect();
        Ok(Some(Self { rows: RowIter::from_file_into(Box::new(reader)), forms, path: path.to_owned() }))
    }
}

impl RecordSource for ParquetSource {
    fn next_page(&mut self) -> Result<Vec<Record>, SinkError> {
        let mut page = RecordPage::default();
        while !page.is_full() {
            match self.rows.next() {
                None => break,
                Some(Ok(row)) => write_row(&row, &self.forms, page.text()),
                Some(Err(error)) => return Err(unreadable(&self.path, &error)),
            }
            page.end();
        }
        page.into_records()
    }
}

impl Form {
    fn of(logical: Option<&LogicalType>) -> Self {
        match logical {
            Some(LogicalType::Json) => Self::Json,
            Some(LogicalType::Timestamp(it)) => match (it.is_adjusted_to_u_t_c, it.unit) {
                (true, TimeUnit::NANOS) => Self::Nanos,
                (false, TimeUnit::NANOS) => Self::ClockNanos,
                (false, _) => Self::Clock,
                (true, _) => Self::Plain,
            },
            _ => Self::Plain,
        }
    }
}

fn write_row(row: &Row, forms: &[Form], out: &mut Vec<u8>) {
    let mut is_first = true;
    for (at, (name, field)) in row.get_column_iter().enumerate() {
        write_name(name, is_first, out);
        is_first = false;
        match (forms.get(at), field) {
            (Some(Form::Json), Field::Str(text)) => write_json(text, out),
            (Some(Form::Clock), Field::TimestampMillis(it)) => {
                write_moment(Timestamp::from_millisecond(*it).ok(), true, out);
            }
            (Some(Form::Clock), Field::TimestampMicros(it)) => {
                write_moment(Timestamp::from_microsecond(*it).ok(), true, out);
            }
            (Some(form @ (Form::Nanos | Form::ClockNanos)), Field::Long(it)) => {
                write_moment(Timestamp::from_nanosecond(i128::from(*it)).ok(), *form == Form::ClockNanos, out);
            }
            _ => write_field(field, out),
        }
    }
    write_end(is_first, out);
}

fn write_field(field: &Field, out: &mut Vec<u8>) {
    match field {
        Field::Null => out.extend_from_slice(b"null"),
        Field::Bool(it) => write_plain(it, out),
        Field::Byte(it) => write_plain(it, out),
        Field::Short(it) => write_plain(it, out),
        Field::Int(it) => write_plain(it, out),
        Field::Long(it) => write_plain(it, out),
        Field::UByte(it) => write_plain(it, out),
        Field::UShort(it) => write_plain(it, out),
        Field::UInt(it) => write_plain(it, out),
        Field::ULong(it) => write_plain(it, out),
        Field::Float16(it) => write_real(f64::from(*it), out),
        // By way of its own shortest text: 0.1 stays 0.1.
        Field::Float(it) => write_real(it.to_string().parse().unwrap_or_else(|_| f64::from(*it)), out),
        Field::Double(it) => write_real(*it, out),
        Field::Decimal(it) => write_decimal(it, out),
        Field::Str(text) => write_string(text, out),
        Field::Bytes(bytes) => write_bytes(bytes.data(), out),
        Field::Date(days) => match Date::constant(1970, 1, 1).checked_add(Span::new().days(*days)) {
            Ok(date) => write_string(&date.to_string(), out),
            Err(_) => write_plain(days, out),
        },
        Field::TimeMillis(it) => write_time(SignedDuration::from_millis(i64::from(*it)), out),
        Field::TimeMicros(it) => write_time(SignedDuration::from_micros(*it), out),
        Field::TimestampMillis(it) => write_moment(Timestamp::from_millisecond(*it).ok(), false, out),
        Field::TimestampMicros(it) => write_moment(Timestamp::from_microsecond(*it).ok(), false, out),
        Field::Group(row) => write_row(row, &[], out),
        Field::ListInternal(list) => {
            out.push(b'[');
            for (at, element) in list.elements().iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_field(element, out);
            }
            out.push(b']');
        }
        Field::MapInternal(map) => {
            for (at, (key, value)) in map.entries().iter().enumerate() {
                match key {
                    Field::Str(key) => write_name(key, at == 0, out),
                    other => write_name(&other.to_string(), at == 0, out),
                }
                write_field(value, out);
            }
            write_end(map.entries().is_empty(), out);
        }
    }
}

fn write_decimal(decimal: &Decimal, out: &mut Vec<u8>) {
    match digits(decimal.data(), decimal.scale()) {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        // More digits than any number of ours has.
        None => write_bytes(decimal.data(), out),
    }
}

fn write_time(since_midnight: SignedDuration, out: &mut Vec<u8>) {
    match Time::midnight().checked_add(since_midnight) {
        Ok(time) => write_string(&time.to_string(), out),
        Err(_) => write_plain(since_midnight.as_micros(), out),
    }
}

fn write_moment(moment: Option<Timestamp>, is_clock: bool, out: &mut Vec<u8>) {
    match moment {
        Some(moment) if is_clock => write_string(&TimeZone::UTC.to_datetime(moment).to_string(), out),
        Some(moment) => write_string(&moment.to_string(), out),
        // Beyond the year 9999.
        None => out.extend_from_slice(b"null"),
    }
}

fn unreadable(path: &Path, error: &ParquetError) -> SinkError {
    let message = match error {
        ParquetError::General(message) => message.clone(),
        other => other.to_string(),
    };
    SinkError::new(format!("can't read `{}` as Parquet: {message}", path.display()))
        .help("check that it is a whole Parquet file: one that is still being written has no end")
}
