//! One JSON text per line.

use std::io;

use engine_runtime::Record;

use super::{Printer, write_record};

/// Prints JSON lines.
pub(super) struct Jsonl;

impl Printer for Jsonl {
    fn page(&mut self, stream: Option<&str>, records: &[Record], out: &mut Vec<u8>) -> io::Result<()> {
        for record in records {
            write_record(stream, record, out);
            out.push(b'\n');
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use super::super::OutputFormat;
    use super::super::tests::printed;

    #[test]
    fn writes_a_line_for_each_record() {
        let text = printed(OutputFormat::Jsonl, None, &[(None, &[r#"{"a":1.50}"#, "2"]), (Some("x\"y"), &["null"])]);
        assert_eq!(text, "{\"a\":1.50}\n2\n{\"stream\":\"x\\\"y\",\"record\":null}\n");
    }
}
