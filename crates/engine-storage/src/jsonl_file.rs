//! Files with a JSON text per line.

use engine_runtime::{Record, RecordSink, SinkError};

use crate::output::Output;
use crate::shared_file::PageFile;

/// A file with a JSON text per line.
#[derive(Debug)]
pub(crate) struct JsonlFile {
    output: Output,
    page: Vec<u8>,
}

impl JsonlFile {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, page: Vec::new() }
    }
}

impl RecordSink for JsonlFile {
    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.page.clear();
        for record in records {
            record.write_json(&mut self.page);
            self.page.push(b'\n');
        }
        self.output.write(&self.page)
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
