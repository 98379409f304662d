//! A body that is larger than memory, read twice: once to see that it is whole and what stands beside its records, and once to hand these on.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytestring::ByteString;
use encoding_rs::Encoding;
use engine_expr::Segment;
use engine_request::{Content, CsvReader, CsvRules, CsvStep, Fingerprint, Recognizer, check_json, trim_line};
use tokio::sync::mpsc;

use super::cutter::{Cut, CutError, MAX_RECORD, cut};
use super::packing::Source;
use super::text::{TextError, TextSource};

/// How much text is handed on at once.
const BATCH: usize = 1 << 20;

/// How many records are handed on at once.
const RECORDS: usize = 2000;

/// A body whose records are handed on in parts. What it holds was found to be whole.
#[derive(Debug)]
pub(crate) struct Large {
    source: Source,
    encoding: &'static Encoding,
    kind: Kind,
    /// How large the text may be.
    most: u64,
    /// How many records there are.
    pub(crate) count: u64,
    /// The text of the last one.
    pub(crate) last: Option<String>,
    /// What they are recognized by.
    pub(crate) fingerprint: Fingerprint,
    /// The body without its records, as JSON.
    pub(crate) skeleton: String,
}

/// How the records follow each other.
#[derive(Debug)]
enum Kind {
    /// In a list of a JSON document; it counts which of several lists of that name it is.
    Json { path: Arc<[Segment]>, list: u64 },
    /// One per line.
    Lines,
    /// As rows.
    Rows(Arc<CsvRules>),
}

/// Some records of a large body.
#[derive(Debug)]
pub(crate) struct Part {
    /// Their texts.
    pub(crate) text: ByteString,
    /// Where they are in it.
    pub(crate) ranges: Vec<Range<usize>>,
}

/// Why a large body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LargeError {
    /// A document is broken.
    #[error("{0}")]
    Cut(#[from] CutError),
    /// A line is broken.
    #[error("{0}")]
    Line(String),
    /// The body cannot be had.
    #[error("{0}")]
    Read(#[from] io::Error),
}

impl From<TextError> for LargeError {
    fn from(error: TextError) -> Self {
        Self::Cut(error.into())
    }
}

impl Large {
    /// Reads a body to its end, and finds what stands beside its records: those of the list at the path, or all lines or rows.
    pub(crate) fn survey(
        source: Source,
        encoding: &'static Encoding,
        content: &Content,
        path: &Arc<[Segment]>,
        most: u64,
    ) -> Result<Self, LargeError> {
        let kind = match content {
            Content::Ndjson => Kind::Lines,
            Content::Csv(rules) => Kind::Rows(Arc::clone(rules)),
            _ => Kind::Json { path: Arc::clone(path), list: 0 },
        };
        let mut recognizer = Recognizer::default();
        let (mut count, mut last, mut lists) = (0, String::new(), 0);
        let mut see = |cut: Cut<'_>| {
            match cut {
                Cut::Record(record) => {
                    count += 1;
                    recognizer.add(record.as_bytes());
                    last.clear();
                    last.push_str(record);
                }
                Cut::List | Cut::Forget => {
                    lists += u64::from(matches!(cut, Cut::List));
                    count = 0;
                    recognizer = Recognizer::default();
                }
            }
            Ok(())
        };
        let skeleton = source.read(|input| run(input, encoding, &kind, most, true, &mut see))?;
        let kind = match kind {
            Kind::Json { path, .. } => Kind::Json { path, list: lists },
            kind => kind,
        };
        let last = (count > 0).then_some(last);
        Ok(Self { source, encoding, kind, most, count, last, fingerprint: recognizer.fingerprint(), skeleton })
    }

    /// Tells whether the list was found, even if it is empty.
    pub(crate) fn has_list(&self) -> bool {
        !matches!(self.kind, Kind::Json { list: 0, .. })
    }

    /// Hands the records on, part by part, as they are taken.
    pub(crate) fn parts(self: &Arc<Self>) -> mpsc::Receiver<Result<Part, LargeError>> {
        let (sender, receiver) = mpsc::channel(1);
        let large = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let told = match large.hand_on(&mut |part| sender.blocking_send(Ok(part)).is_ok()) {
                Err(LargeError::Cut(CutError::Unwanted)) | Ok(()) => return,
                Err(error) => error,
            };
            _ = sender.blocking_send(Err(told));
        });
        receiver
    }

    fn hand_on(&self, take: &mut dyn FnMut(Part) -> bool) -> Result<(), LargeError> {
        if self.count == 0 {
            return Ok(());
        }
        let wanted = if let Kind::Json { list, .. } = &self.kind { *list } else { 0 };
        let (mut text, mut ranges, mut list) = (String::new(), Vec::new(), 0);
        let mut see = |cut: Cut<'_>| {
            match cut {
                Cut::List => list += 1,
                Cut::Forget => {}
                Cut::Record(record) if list == wanted => {
                    let start = text.len();
                    text.push_str(record);
                    ranges.push(start..text.len());
                    if text.len() >= BATCH || ranges.len() >= RECORDS {
                        let part = Part { text: std::mem::take(&mut text).into(), ranges: std::mem::take(&mut ranges) };
                        text.reserve(BATCH + BATCH / 8);
                        if !take(part) {
                            return Err(CutError::Unwanted);
                        }
                    }
                }
                Cut::Record(_) => {}
            }
            Ok(())
        };
        self.source.read(|input| run(input, self.encoding, &self.kind, self.most, false, &mut see))?;
        if !ranges.is_empty() && !take(Part { text: text.into(), ranges }) {
            return Err(CutError::Unwanted.into());
        }
        Ok(())
    }
}

/// Reads a body once. Returns what stands beside the records.
fn run(
    input: &mut dyn Read,
    encoding: &'static Encoding,
    kind: &Kind,
    most: u64,
    checks: bool,
    see: &mut dyn FnMut(Cut<'_>) -> Result<(), CutError>,
) -> Result<String, LargeError> {
    // One byte more than there may be, to see that there is.
    let mut bounded = Bounded { input, left: most };
    let mut source = TextSource::new(&mut bounded, encoding);
    match kind {
        Kind::Json { path, .. } => Ok(cut(source, path, see)?),
        Kind::Lines => {
            let mut number = 0;
            walk(&mut source, &mut |text, is_all| {
                let end = memchr::memchr(b'\n', text.as_bytes()).map(|at| at + 1);
                let Some(end) = end.or(is_all.then_some(text.len())) else { return Ok(None) };
                number += 1;
                let record = trim_line(text.get(..end).unwrap_or_default());
                if !record.is_empty() {
                    if record.starts_with('[') {
                        return Err(LargeError::Line(format!("line {number} is a list, not a record")));
                    }
                    if checks {
                        check_json(record).map_err(|error| LargeError::Line(format!("line {number}: {error}")))?;
                    }
                    see(Cut::Record(record))?;
                }
                Ok(Some(end))
            })?;
            Ok("[]".to_owned())
        }
        Kind::Rows(rules) => {
            let mut reader = CsvReader::new(rules);
            let (mut record, mut values) = (Vec::new(), Vec::new());
            walk(&mut source, &mut |text, is_all| {
                record.clear();
                values.clear();
                let step = reader.read(text, is_all, &mut record, &mut values);
                Ok(match step.map_err(|error| LargeError::Line(error.to_string()))? {
                    CsvStep::Record(read) => {
                        let text = std::str::from_utf8(&record).map_err(io::Error::other)?;
                        see(Cut::Record(text))?;
                        Some(read)
                    }
                    CsvStep::Passed(read) => Some(read),
                    CsvStep::More => None,
                })
            })?;
            Ok("[]".to_owned())
        }
    }
}

/// Takes a record off what was read; the flag says whether that is all. Says how much it took, or nothing where it needs more.
type Take<'t> = dyn FnMut(&str, bool) -> Result<Option<usize>, LargeError> + 't;

/// Walks over a text from record to record.
fn walk(source: &mut TextSource<'_>, take: &mut Take<'_>) -> Result<(), LargeError> {
    let (mut text, mut at, mut ended) = (String::new(), 0, false);
    loop {
        while at < text.len() {
            match take(text.get(at..).unwrap_or_default(), ended)? {
                Some(taken) => at += taken,
                None => break,
            }
        }
        if ended {
            return Ok(());
        }
        if text.len() - at > MAX_RECORD {
            return Err(CutError::TooLarge { what: "a record", most: MAX_RECORD }.into());
        }
        text.drain(..at);
        at = 0;
        let wanted = text.len() * 2 + 1;
        while !ended && text.len() < wanted {
            ended = !source.more(&mut text)?;
        }
    }
}

/// Ends a body that unpacks to more than there may be.
struct Bounded<'r> {
    input: &'r mut dyn Read,
    left: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(too_large)?;
        Ok(read)
    }
}

/// What a body is that unpacks to more than there may be.
fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "the unpacked body is too large")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use encoding_rs::UTF_8;
    use engine_expr::JsonPath;
    use engine_source::Span;

    use super::super::packing::Packed;
    use super::*;
    use crate::transport::Body;

    fn survey(text: &str, content: &Content, path: &str, most: u64) -> Result<Large, LargeError> {
        let path = JsonPath::new(path, Span::default()).singular().unwrap().to_vec();
        let source = Source { body: Body::Bytes(text.to_owned().into()), packed: Packed::No };
        Large::survey(source, UTF_8, content, &path.into(), most)
    }

    fn records(large: &Large) -> Vec<String> {
        let mut records = Vec::new();
        large
            .hand_on(&mut |part| {
                records.extend(part.ranges.iter().map(|range| part.text.get(range.clone()).unwrap().to_owned()));
                true
            })
            .unwrap();
        records
    }

    #[test]
    fn counts_and_hands_on_the_list_that_counts() {
        let text = r#"{"a": [1, 2], "n": 7, "a": [3, 4, 5]}"#;
        let large = survey(text, &Content::Json, "$.a", 100).unwrap();
        assert_eq!(
            (large.count, large.last.as_deref(), large.skeleton.as_str()),
            (3, Some("5"), r#"{"a":[],"n":7,"a":[]}"#)
        );
        assert_eq!(records(&large), ["3", "4", "5"]);
        let none = survey(r#"{"a": [1], "a": null}"#, &Content::Json, "$.a", 100).unwrap();
        assert_eq!((none.count, none.last.is_none(), records(&none).len()), (0, true, 0));
    }

    #[test]
    fn reads_lines_and_rows() {
        let lines = survey("{\"a\": 1}\n\n{\"a\": 2}\r\n3", &Content::Ndjson, "$", 100).unwrap();
        assert_eq!((lines.count, records(&lines)), (3, vec!["{\"a\": 1}".to_owned(), "{\"a\": 2}".into(), "3".into()]));
        let rows = survey("a,b\n1,\"x\ny\"\n2,", &Content::Csv(Arc::default()), "$", 100).unwrap();
        assert_eq!(records(&rows), [r#"{"a":"1","b":"x\ny"}"#, r#"{"a":"2","b":""}"#]);
        let error = survey("1\n{\n", &Content::Ndjson, "$", 100).unwrap_err();
        assert_eq!(error.to_string(), "line 2: the JSON ends too early at byte 1");
        let error = survey("a,b\n1\n", &Content::Csv(Arc::default()), "$", 100).unwrap_err();
        assert_eq!(error.to_string(), "line 2 has 1 field, and there are 2 columns");
    }

    #[test]
    fn large_bodies_come_in_parts() {
        let text = format!("[{}]", (0..100_000).map(|id| format!("{{\"id\":{id}}}")).collect::<Vec<_>>().join(","));
        let large = survey(&text, &Content::Json, "$", 10_000_000).unwrap();
        let mut sizes = Vec::new();
        large
            .hand_on(&mut |part| {
                sizes.push(part.ranges.len());
                true
            })
            .unwrap();
        assert_eq!((large.count, sizes.iter().sum::<usize>(), sizes.len()), (100_000, 100_000, 50));
        let mut taken = 0;
        let stopped = large.hand_on(&mut |_| {
            taken += 1;
            taken < 3
        });
        assert!(matches!(stopped, Err(LargeError::Cut(CutError::Unwanted))) && taken == 3);
    }

    #[test]
    fn bounds_what_is_unpacked() {
        let error = survey("[1, 2, 3]", &Content::Json, "$", 5).unwrap_err();
        assert_eq!(error.to_string(), "the unpacked body is too large");
    }
}
