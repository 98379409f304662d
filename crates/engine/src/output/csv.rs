//! Comma-separated values with a header (RFC 4180, but for its line ends: `\n`).

use std::io;
use std::sync::Arc;

use engine_runtime::Record;

use super::Printer;
use super::row::Row;

/// Prints rows. The header has the members of all records of the first page, in the order in which they come up.
///
/// What is printed cannot be taken back, and leaving a value out in silence is no way: a member that comes up on a later page ends the
/// printing with an error.
#[derive(Default)]
pub(super) struct Csv {
    header: Vec<Arc<str>>,
}

impl Printer for Csv {
    fn page(&mut self, stream: Option<&str>, records: &[Record], out: &mut Vec<u8>) -> io::Result<()> {
        let rows: Vec<Row> = records.iter().map(|record| Row::new(stream, record)).collect::<io::Result<_>>()?;
        if self.header.is_empty() {
            for name in rows.iter().flat_map(Row::names) {
                if !self.header.contains(name) {
                    self.header.push(Arc::clone(name));
                }
            }
            if !self.header.is_empty() {
                line(self.header.iter().map(|name| &**name), out);
            }
        }
        for row in &rows {
            if let Some(name) = row.names().find(|name| !self.header.contains(name)) {
                return Err(io::Error::other(format!(
                    "a record has a member `{name}` that is not in the header, which is already printed; name the members by `map`, or take `--output jsonl`"
                )));
            }
            line(self.header.iter().enumerate().map(|(at, name)| row.get(name, at).map_or("", |cell| &cell.text)), out);
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) {}
}

/// Appends a row.
fn line<'a>(fields: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    let begin = out.len();
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if field.contains(['"', ',', '\n', '\r']) {
            out.push(b'"');
            out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(field.as_bytes());
        }
    }
    // A row of one empty field would be no row.
    if out.len() == begin {
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::OutputFormat;
    use super::super::tests::printed;

    fn csv(pages: &[(Option<&str>, &[&str])]) -> String {
        printed(OutputFormat::Csv, None, pages)
    }

    #[test]
    fn takes_the_header_from_the_first_page() {
        let first: &[&str] = &[r#"{"id":1,"name":"a, \"b\""}"#, r#"{"id":2,"paid":true,"tags":["x"]}"#];
        assert_eq!(
            csv(&[(None, first), (None, &[r#"{"name":null,"id":3.10}"#])]),
            "id,name,paid,tags\n1,\"a, \"\"b\"\"\",,\n2,,true,\"[\"\"x\"\"]\"\n3.10,,,\n"
        );
    }

    #[test]
    fn refuses_a_member_that_has_no_column() {
        let text = csv(&[(None, &[r#"{"id":1}"#]), (None, &[r#"{"id":2,"late":1}"#])]);
        assert!(text.starts_with("a record has a member `late` that is not in the header"), "{text}");
    }

    #[test]
    fn has_a_column_for_the_stream_and_for_what_is_no_object() {
        assert_eq!(csv(&[(Some("x"), &["1", "null"])]), "stream,value\nx,1\nx,\n");
        assert_eq!(csv(&[(None, &["\"a\\nb\"", "null"])]), "value\n\"a\nb\"\n\"\"\n");
        assert_eq!(csv(&[]), "");
    }
}
