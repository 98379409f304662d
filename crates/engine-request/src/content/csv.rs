//! Rows of fields (RFC 4180), read one record after another from a text that may still grow.
//!
//! It exists beside the `csv` crate because that one takes a quote that is never closed for the end of the last field: a file that was cut
//! off would look whole.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use engine_expr::{EvalError, Scope, write_string};
use memchr::{memchr, memchr2, memchr3};

use crate::{CsvFormat, CsvHeader};

/// How CSV is written, its templates resolved.
#[derive(Clone, Debug)]
pub struct CsvRules {
    delimiter: u8,
    quote: u8,
    header: Header,
    skip: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Header {
    /// The first row has the names.
    FirstRow,
    /// There are no names.
    Numbered,
    /// The names.
    Names(Vec<String>),
}

impl Default for CsvRules {
    fn default() -> Self {
        Self { delimiter: b',', quote: b'"', header: Header::FirstRow, skip: 0 }
    }
}

impl CsvRules {
    /// Resolves what the spec says; a content type may say that it is tabs that stand between fields.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn new(format: Option<&CsvFormat>, content_type: Option<&str>, scope: &Scope) -> Result<Self, EvalError> {
        let mut rules = Self::said_by(content_type.unwrap_or_default());
        let Some(CsvFormat { delimiter, quote, header, skip }) = format else { return Ok(rules) };
        rules.delimiter = delimiter.map_or(rules.delimiter, crate::Character::byte);
        rules.quote = quote.map_or(rules.quote, crate::Character::byte);
        rules.header = match header {
            None => Header::FirstRow,
            Some(CsvHeader::FirstRow(first)) if first.resolve(scope)? => Header::FirstRow,
            Some(CsvHeader::FirstRow(_)) => Header::Numbered,
            Some(CsvHeader::Names(names)) => Header::Names(names.iter().map(ToString::to_string).collect()),
        };
        rules.skip = skip.as_ref().map_or(Ok(0), |skip| skip.resolve(scope))?;
        Ok(rules)
    }

    /// Makes the rules of a file that is written with this delimiter; its first row has the names, or there are none.
    pub fn of_file(delimiter: u8, has_header: bool) -> Self {
        let header = if has_header { Header::FirstRow } else { Header::Numbered };
        Self { delimiter, header, ..Self::default() }
    }

    /// Returns how the CSV of a content type is written.
    pub(super) fn said_by(content_type: &str) -> Self {
        let has_tabs = content_type.to_ascii_lowercase().contains("tab-separated");
        Self { delimiter: if has_tabs { b'\t' } else { b',' }, ..Self::default() }
    }

    /// Returns whether the first row has the names, so that a body without any row is no list of none.
    pub fn has_header(&self) -> bool {
        self.header == Header::FirstRow
    }
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {message}")]
pub struct CsvError {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// What was found at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvStep {
    /// A record, which was written as a JSON object; so many bytes were read.
    Record(usize),
    /// Something else: the header, an empty line, a line to pass over.
    Passed(usize),
    /// Not enough to know where the row ends.
    More,
}

/// Reads one row after another.
#[derive(Debug)]
pub struct CsvReader {
    rules: CsvRules,
    columns: Option<Columns>,
    /// The line at which the text begins.
    line: u64,
    skip: u64,
    fields: Vec<Field>,
}

/// The columns of a text.
#[derive(Debug)]
struct Columns {
    names: Arc<[Arc<str>]>,
    /// The names, as members of a JSON object begin: `"name":`.
    members: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Field {
    range: Range<usize>,
    is_quoted: bool,
    /// Whether it has quotes that are written twice.
    has_doubled: bool,
}

/// Where a row ends.
struct End {
    /// The bytes that it takes, its line end too.
    length: usize,
    /// The lines that it takes.
    lines: u64,
}

impl CsvReader {
    /// Begins at the first line.
    pub fn new(rules: &CsvRules) -> Self {
        let columns = match &rules.header {
            Header::Names(names) => Some(Columns::new(names.iter().cloned())),
            _ => None,
        };
        Self { columns, line: 1, skip: rules.skip, fields: Vec::new(), rules: rules.clone() }
    }

    /// Returns whether the names of the columns are known: those of the header, once it was read.
    pub fn has_columns(&self) -> bool {
        self.columns.is_some()
    }

    /// Returns the names of the columns, once they are known.
    pub fn names(&self) -> Option<&Arc<[Arc<str>]>> {
        self.columns.as_ref().map(|columns| &columns.names)
    }

    /// Returns the line of the next row.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Reads the first row of a text that begins where the one before ended; `is_all` says that nothing comes after it.
    ///
    /// A record is appended to `out` as a JSON object of texts, and to `values` where in it the value of each column is.
    ///
    /// # Errors
    ///
    /// Fails with a row that has another number of fields than there are columns, with a quote that is not closed or in the wrong place,
    /// and with a header in which a name comes twice.
    pub fn read(
        &mut self,
        text: &str,
        is_all: bool,
        out: &mut Vec<u8>,
        values: &mut Vec<Range<usize>>,
    ) -> Result<CsvStep, CsvError> {
        let bytes = text.as_bytes();
        if self.skip > 0 || matches!(bytes.first(), Some(b'\n' | b'\r')) {
            let Some(length) = line_length(bytes, is_all) else { return Ok(CsvStep::More) };
            self.skip = self.skip.saturating_sub(1);
            self.line += 1;
            return Ok(CsvStep::Passed(length));
        }
        let Some(end) = self.split(bytes, is_all)? else { return Ok(CsvStep::More) };
        if let (None, Header::FirstRow) = (&self.columns, &self.rules.header) {
            self.name_columns(text)?;
            self.line += end.lines;
            return Ok(CsvStep::Passed(end.length));
        }
        let columns = self
            .columns
            .get_or_insert_with(|| Columns::new((1..=self.fields.len()).map(|number| format!("column_{number}"))));
        let columns = &columns.members;
        if columns.len() != self.fields.len() {
            let count = self.fields.len();
            let message = format!(
                "has {count} field{}, and there are {} columns",
                if count == 1 { "" } else { "s" },
                columns.len()
            );
            return Err(CsvError { line: self.line, message });
        }
        let is_plain = is_plain(text.get(..end.length).unwrap_or_default(), &self.fields, self.rules.quote);
        out.push(b'{');
        for (at, (column, field)) in columns.iter().zip(&self.fields).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(column);
            let raw = text.get(field.range.clone()).unwrap_or_default();
            let begin = out.len();
            if is_plain {
                out.push(b'"');
                out.extend_from_slice(raw.as_bytes());
                out.push(b'"');
            } else if field.has_doubled {
                write_string(&once(raw, self.rules.quote), out);
            } else {
                write_string(raw, out);
            }
            values.push(begin..out.len());
        }
        out.push(b'}');
        self.line += end.lines;
        Ok(CsvStep::Record(end.length))
    }

    fn name_columns(&mut self, text: &str) -> Result<(), CsvError> {
        let mut known = HashSet::new();
        let mut columns = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let raw = text.get(field.range.clone()).unwrap_or_default();
            let name = if field.has_doubled { once(raw, self.rules.quote) } else { raw.to_owned() };
            if !known.insert(name.clone()) {
                return Err(CsvError { line: self.line, message: format!("names the column `{name}` twice") });
            }
            columns.push(name);
        }
        self.columns = Some(Columns::new(columns.into_iter()));
        Ok(())
    }

    /// Splits the first row into its fields; nothing where it may go on after the text.
    fn split(&mut self, text: &[u8], is_all: bool) -> Result<Option<End>, CsvError> {
        let (delimiter, quote) = (self.rules.delimiter, self.rules.quote);
        self.fields.clear();
        let mut at = 0;
        let mut is_quoted = false;
        // Only a quoted field may go on over lines.
        let end = |at: usize, after: usize, is_quoted: bool| {
            let breaks = if is_quoted { line_breaks(text.get(..at).unwrap_or_default()) } else { 0 };
            Ok(Some(End { length: at + after, lines: 1 + breaks }))
        };
        loop {
            if text.get(at) == Some(&quote) {
                is_quoted = true;
                let start = at + 1;
                let (mut from, mut has_doubled) = (start, false);
                let close = loop {
                    match memchr(quote, text.get(from..).unwrap_or_default()).map(|found| from + found) {
                        None if is_all => {
                            let message = "has a quote that is never closed: the text may be cut off".to_owned();
                            return Err(CsvError { line: self.line, message });
                        }
                        None => return Ok(None),
                        Some(found) if text.get(found + 1) == Some(&quote) => {
                            has_doubled = true;
                            from = found + 2;
                        }
                        Some(found) if found + 1 == text.len() && !is_all => return Ok(None),
                        Some(found) => break found,
                    }
                };
                self.fields.push(Field { range: start..close, is_quoted: true, has_doubled });
                at = close + 1;
            } else {
                let rest = text.get(at..).unwrap_or_default();
                let close = match memchr3(delimiter, b'\n', b'\r', rest) {
                    Some(found) => at + found,
                    None if is_all => text.len(),
                    None => return Ok(None),
                };
                self.fields.push(Field { range: at..close, is_quoted: false, has_doubled: false });
                at = close;
            }
            match text.get(at) {
                Some(&byte) if byte == delimiter => at += 1,
                Some(b'\n') => return end(at, 1, is_quoted),
                Some(b'\r') => match text.get(at + 1) {
                    Some(b'\n') => return end(at, 2, is_quoted),
                    None if !is_all => return Ok(None),
                    _ => return end(at, 1, is_quoted),
                },
                None => return end(at, 0, is_quoted),
                Some(_) => {
                    let message = "has more after the quote that closes a field".to_owned();
                    return Err(CsvError { line: self.line, message });
                }
            }
            // A delimiter may be the last byte that is there: the field after it is still to come.
            if at == text.len() && !is_all {
                return Ok(None);
            }
        }
    }
}

impl Columns {
    fn new(names: impl Iterator<Item = String>) -> Self {
        let names: Arc<[Arc<str>]> = names.map(Arc::from).collect();
        let members = names.iter().map(|name| member(name)).collect();
        Self { names, members }
    }
}

/// Tells whether no field of a row has a character that is escaped in JSON: looked for in the whole row at once.
fn is_plain(row: &str, fields: &[Field], quote: u8) -> bool {
    let end = fields.last().map_or(0, |field| field.range.end);
    let row = row.as_bytes().get(..end).unwrap_or_default();
    let (quotes, others) = row.iter().fold((0_usize, 0_u8), |(quotes, others), byte| {
        (quotes + usize::from(*byte == b'"'), others | u8::from(*byte < 0x20) | u8::from(*byte == b'\\'))
    });
    if others != 0 || fields.iter().any(|field| field.has_doubled) {
        return false;
    }
    // The quote that closes the last field is behind its end.
    let around = 2 * fields.iter().filter(|field| field.is_quoted).count();
    let around = around - usize::from(fields.last().is_some_and(|field| field.is_quoted));
    quotes == if quote == b'"' { around } else { 0 }
}

/// Returns the length of the first line, its end too.
fn line_length(text: &[u8], is_all: bool) -> Option<usize> {
    match memchr2(b'\n', b'\r', text) {
        Some(at) if text.get(at) == Some(&b'\n') => Some(at + 1),
        Some(at) => match text.get(at + 1) {
            Some(b'\n') => Some(at + 2),
            None if !is_all => None,
            _ => Some(at + 1),
        },
        None => is_all.then_some(text.len()),
    }
}

/// Counts line breaks within a field, however they are written.
fn line_breaks(text: &[u8]) -> u64 {
    if memchr2(b'\n', b'\r', text).is_none() {
        return 0;
    }
    let mut count = 0;
    let mut before = 0;
    for &byte in text {
        count += u64::from(byte == b'\r' || (byte == b'\n' && before != b'\r'));
        before = byte;
    }
    count
}

/// Writes quotes once that are written twice.
fn once(raw: &str, quote: u8) -> String {
    let quote = char::from(quote);
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(char) = chars.next() {
        text.push(char);
        if char == quote {
            _ = chars.next();
        }
    }
    text
}

/// Writes a name as a member of a JSON object begins.
fn member(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    write_string(name, &mut out);
    out.push(b':');
    out
}

/// Writes all records as a JSON list.
pub(super) fn to_json(text: &str, rules: &CsvRules) -> Result<String, CsvError> {
    let mut reader = CsvReader::new(rules);
    let mut out = Vec::with_capacity(text.len() * 2);
    let (mut rest, mut is_first, mut values) = (text, true, Vec::new());
    out.push(b'[');
    while !rest.is_empty() {
        let before = out.len();
        if !is_first {
            out.push(b',');
        }
        values.clear();
        let read = match reader.read(rest, true, &mut out, &mut values)? {
            CsvStep::Record(read) => {
                is_first = false;
                read
            }
            CsvStep::Passed(read) => {
                out.truncate(before);
                read
            }
            CsvStep::More => rest.len(),
        };
        rest = rest.get(read..).unwrap_or_default();
    }
    out.push(b']');
    Ok(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;

    use super::*;
    use crate::draft::tests::{read, scope};

    fn rules(yaml: &str) -> CsvRules {
        let format: CsvFormat = read(yaml);
        CsvRules::new(Some(&format), None, &scope(r#"{"size": 1}"#)).unwrap()
    }

    #[track_caller]
    fn check(yaml: &str, text: &str, expected: &str) {
        let found = to_json(text, &rules(yaml)).unwrap_or_else(|error| error.to_string());
        assert_eq!(found, expected, "{yaml}: {text:?}");
    }

    #[test]
    fn reads_rows_below_a_header() {
        check("{}", "a,b\n1,x\n2,\n", r#"[{"a":"1","b":"x"},{"a":"2","b":""}]"#);
        check("{}", "a,b\r\n1,x\r\n\r\n2,y", r#"[{"a":"1","b":"x"},{"a":"2","b":"y"}]"#);
        check("{}", "a\r1\r2\r", r#"[{"a":"1"},{"a":"2"}]"#);
        check("{}", "a,b\n", "[]");
        check("{}", "", "[]");
    }

    #[test]
    fn reads_quotes() {
        check("{}", "a,\"b \"\"q\"\"\"\n\"1,\n2\",\"\"\"\"\n", r#"[{"a":"1,\n2","b \"q\"":"\""}]"#);
        check("{}", "a,b\n5\" pipe,\"\"\n", r#"[{"a":"5\" pipe","b":""}]"#);
        check("{delimiter: \";\", quote: \"'\"}", "a;b\n'x;y';\"z\"", r#"[{"a":"x;y","b":"\"z\""}]"#);
        check("{}", "a,b\n\"x\"y\",1\n", "line 2 has more after the quote that closes a field");
        check("{}", "a,b\nx\"y\",\"1\"\n", r#"[{"a":"x\"y\"","b":"1"}]"#);
        check("{}", "a,b\n\\,\"\t\"\n", r#"[{"a":"\\","b":"\t"}]"#);
        check("{}", "a,b\n\"1,2\n", "line 2 has a quote that is never closed: the text may be cut off");
        check("{}", "a\n\"1\"2\n", "line 2 has more after the quote that closes a field");
    }

    #[test]
    fn names_columns() {
        check("{header: [id, name]}", "1,x\n", r#"[{"id":"1","name":"x"}]"#);
        check("{header: false}", "1,x\n2,y", r#"[{"column_1":"1","column_2":"x"},{"column_1":"2","column_2":"y"}]"#);
        check("{skip: 2}", "Report\n\na\n1\n", r#"[{"a":"1"}]"#);
        check("{skip: '{{ params.size }}'}", "Report\na\n1\n", r#"[{"a":"1"}]"#);
        check("{}", "a,b,a\n", "line 1 names the column `a` twice");
    }

    #[test]
    fn says_on_which_line_a_row_is_ragged() {
        check("{}", "a,b\n\"x\ny\",1\n\n1,2,3\n", "line 5 has 3 fields, and there are 2 columns");
        check("{}", "a,b\n1\n", "line 2 has 1 field, and there are 2 columns");
        check("{header: false}", "1,2\n1\n", "line 2 has 1 field, and there are 2 columns");
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a,\"\n\r;é ]{0,40}") {
            _ = to_json(&text, &CsvRules::default());
        }

        #[test]
        fn reads_back_what_is_written(rows in prop::collection::vec(prop::collection::vec("[a,\"\n\r;é ]{0,5}", 3), 0..5)) {
            let mut text = "x,y,z\n".to_owned();
            for row in &rows {
                let fields: Vec<String> = row.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
                text += &(fields.join(",") + "\r\n");
            }
            let value = engine_expr::Value::from_json(&to_json(&text, &CsvRules::default()).unwrap()).unwrap();
            let found: Vec<Vec<String>> = value.as_list().unwrap().iter().map(|row| {
                row.as_object().unwrap().iter().map(|(_, field)| field.as_str().unwrap().to_owned()).collect()
            }).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn a_text_that_grows_gives_the_same(text in "[a,\"\n\r ]{0,30}", cut in 0_usize..30) {
            let whole = to_json(&text, &CsvRules::default());
            let mut reader = CsvReader::new(&CsvRules::default());
            let (mut at, mut end, mut records) = (0, cut.min(text.len()), Vec::new());
            let parts = loop {
                if at == text.len() {
                    break Ok(records);
                }
                let (mut out, mut values) = (Vec::new(), Vec::new());
                match reader.read(text.get(at..end).unwrap(), end == text.len(), &mut out, &mut values) {
                    Ok(CsvStep::Record(read)) => {
                        records.push(String::from_utf8(out).unwrap());
                        at += read;
                    }
                    Ok(CsvStep::Passed(read)) => at += read,
                    Ok(CsvStep::More) => end = text.len().min(end + 1),
                    Err(error) => break Err(error),
                }
                if at == end {
                    end = text.len().min(end + 1);
                }
            };
            prop_assert_eq!(parts.map(|records| format!("[{}]", records.join(","))), whole);
        }
    }
}
