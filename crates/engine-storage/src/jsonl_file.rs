//! Files with a JSON text per line.

use engine_runtime::{Record, RecordSink, SinkError};

use crate::output::Output;
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

impl RecordSink for JsonlFile {
    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        // The page is not kept: with a file for each value of an item there may be thousands of sinks.
        let mut page = Vec::with_capacity(records.len() * 128);
        for record in records {
            record.write_json(&mut page);
            page.push(b'\n');
        }
        self.output.write(&page)
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
