//! One JSON array, a record on each line.

use std::io;

use engine_runtime::Record;

use super::{Printer, write_record};

/// Prints an array; it is closed also where the run failed, so that it can be read.
#[derive(Default)]
pub(super) struct Json {
    begun: bool,
}

impl Printer for Json {
    fn page(&mut self, stream: Option<&str>, records: &[Record], out: &mut Vec<u8>) -> io::Result<()> {
        for record in records {
            out.extend_from_slice(if self.begun { b",\n" } else { b"[\n" });
            self.begun = true;
            write_record(stream, record, out);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begun { b"\n]\n" } else { b"[]\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::super::OutputFormat;
    use super::super::tests::printed;

    #[test]
    fn writes_one_array() {
        let text = printed(OutputFormat::Json, None, &[(None, &[r#"{"a":1}"#, "2"]), (None, &[]), (None, &["3"])]);
        assert_eq!(text, "[\n{\"a\":1},\n2,\n3\n]\n");
        assert_eq!(printed(OutputFormat::Json, None, &[]), "[]\n");
    }
}
