//! Files with a JSON text per line.

use engine_expr::Scanner;
use engine_runtime::{Extent, Record, RecordSink, RecordSource, SinkError};

use crate::input::Input;
use crate::output::Output;
use crate::record_page::RecordPage;
use crate::shared_file::PageFile;

/// A file with a JSON text per line.
#[derive(Debug)]
pub(crate) struct JsonlFile {
    output: Output,
}

impl JsonlFile {
    pub(crate) fn new(output: Output) -> Self {
        Self { output }
    }
}

/// Makes a page, which is not kept: with a file for each value of an item there may be thousands of sinks.
fn page(records: &[Record]) -> Vec<u8> {
    let mut page = Vec::with_capacity(records.len() * 128);
    for record in records {
        record.write_json(&mut page);
        page.push(b'\n');
    }
    page
}

impl RecordSink for JsonlFile {
    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.output.write(&page(records), None)
    }

    fn write_intended(
        &mut self,
        records: &[Record],
        intend: &mut dyn FnMut(Extent) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.output.write(&page(records), Some(intend))
    }

    fn position(&mut self) -> Result<Option<u64>, SinkError> {
        self.output.position()
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.output.finish()
    }
}

impl PageFile for JsonlFile {
    fn sync(&mut self) -> Result<(), SinkError> {
        self.output.sync()
    }
}

/// The lines of a file that is read.
pub(crate) struct JsonlSource {
    input: Input,
    /// How many lines were read.
    lines: u64,
}

impl JsonlSource {
    pub(crate) fn new(input: Input) -> Self {
        Self { input, lines: 0 }
    }

    /// Reads the next line that is not empty, as JSON; false at the end.
    fn line(&mut self, out: &mut Vec<u8>) -> Result<bool, SinkError> {
        let start = out.len();
        while self.input.line(out)? > 0 {
            self.lines += 1;
            let line = out.get(start..).unwrap_or_default();
            let line = if self.lines == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
            let wrong = |why: &str| {
                let path = self.input.path().display();
                SinkError::new(format!("line {} of `{path}` is no JSON: {why}", self.lines))
                    .help("each line holds one JSON text: mend the file, or read it by a sink of its own form")
            };
            let text = std::str::from_utf8(line).map_err(|_| wrong("it is not UTF-8"))?.trim();
            if text.is_empty() {
                out.truncate(start);
                continue;
            }
            let mut scanner = Scanner::new(text);
            scanner.skip().and_then(|()| scanner.end()).map_err(|error| wrong(error.message))?;
            let text = text.to_owned();
            out.truncate(start);
            out.extend_from_slice(text.as_bytes());
            return Ok(true);
        }
        Ok(false)
    }
}

impl RecordSource for JsonlSource {
    fn next_page(&mut self) -> Result<Vec<Record>, SinkError> {
        let mut page = RecordPage::default();
        while !page.is_full() && self.line(page.text())? {
            page.end();
        }
        page.into_records()
    }
}
