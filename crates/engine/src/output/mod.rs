//! Records as texts for stdout. Writes into a buffer only, and keeps at most a screen of records.

mod csv;
mod json;
mod jsonl;
mod row;
mod table;

use std::io;

use clap::ValueEnum;
use engine_plan::Plan;
use engine_runtime::Record;
use engine_spec::Sink;
use engine_spec::sink::StdoutFormat;

use self::csv::Csv;
use self::json::Json;
use self::jsonl::Jsonl;
use self::table::Table;

/// How records are printed.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// One JSON text per line
    #[default]
    Jsonl,
    /// One JSON array
    Json,
    /// Rows with a header; a member that comes up later than the first page is an error
    Csv,
    /// Aligned columns, for reading; long values are cut
    Table,
    /// Nothing is printed
    None,
}

/// Writes records one page after another.
pub(crate) trait Printer: Send {
    /// Appends a page of records; `stream` is named where there are several.
    ///
    /// # Errors
    ///
    /// Fails where the format has no place for what a record holds.
    fn page(&mut self, stream: Option<&str>, records: &[Record], out: &mut Vec<u8>) -> io::Result<()>;

    /// Appends what comes after the last page, also if the run failed.
    fn end(&mut self, out: &mut Vec<u8>);
}

impl OutputFormat {
    /// Returns the format that a spec says: that of its `stdout` sinks, which is one.
    pub(crate) fn of(plan: &Plan) -> Self {
        let formats = plan.sinks.iter().filter_map(|sink| match &sink.sink {
            Sink::Stdout(stdout) => stdout.format,
            _ => None,
        });
        match formats.into_iter().next().unwrap_or_default() {
            StdoutFormat::Jsonl => Self::Jsonl,
            StdoutFormat::Json => Self::Json,
            StdoutFormat::Csv => Self::Csv,
            StdoutFormat::Table => Self::Table,
        }
    }

    /// Makes what prints this format, or nothing where nothing is printed. `width` is that of the terminal, if there is one.
    pub(crate) fn printer(self, width: Option<usize>) -> Option<Box<dyn Printer>> {
        Some(match self {
            Self::Jsonl => Box::new(Jsonl),
            Self::Json => Box::new(Json::default()),
            Self::Csv => Box::new(Csv::default()),
            Self::Table => Box::new(Table::new(width)),
            Self::None => return None,
        })
    }
}

/// Appends a record as JSON, within an object that names its stream where there are several.
fn write_record(stream: Option<&str>, record: &Record, out: &mut Vec<u8>) {
    if let Some(stream) = stream {
        out.extend_from_slice(b"{\"stream\":");
        engine_expr::write_string(stream, out);
        out.extend_from_slice(b",\"record\":");
    }
    record.write_json(out);
    if stream.is_some() {
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Value;

    use super::*;

    /// Prints pages, each with its stream, and gives the text or the error.
    pub(super) fn printed(format: OutputFormat, width: Option<usize>, pages: &[(Option<&str>, &[&str])]) -> String {
        let mut printer = format.printer(width).unwrap();
        let mut out = Vec::new();
        for (stream, records) in pages {
            let records: Vec<Record> = records.iter().map(|text| Value::from_json(text).unwrap().into()).collect();
            if let Err(error) = printer.page(*stream, &records, &mut out) {
                return error.to_string();
            }
        }
        printer.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_nothing_where_nothing_is_wanted() {
        assert!(OutputFormat::None.printer(None).is_none());
    }
}
