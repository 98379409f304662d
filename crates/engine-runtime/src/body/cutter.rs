//! Cuts a JSON document into the records of one list without holding it: the document is read a piece at a time, each record is given away,
//! and what stands beside the list is kept. Says yes to the same documents as [`Scanner`], and of others what it says.

use engine_expr::{JsonError, Scanner, Segment, Start};

use super::text::{TextError, TextSource};

/// How large a record may be.
pub(crate) const MAX_RECORD: usize = 64 * 1024 * 1024;

/// How much may stand beside the list.
pub(crate) const MAX_BESIDE: usize = 16 * 1024 * 1024;

/// How close to the end of what was read an error may be a matter of what comes next: no word, escape or surrogate pair is longer.
const UNDECIDED: usize = 16;

/// Why a document cannot be cut.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CutError {
    /// It is not JSON.
    #[error("{message} at byte {at}")]
    Json {
        /// What is wrong.
        message: &'static str,
        /// The byte of the document, in UTF-8.
        at: u64,
    },
    /// Its text cannot be read.
    #[error("{0}")]
    Text(#[from] TextError),
    /// A part of it is too large to be held.
    #[error("{what} is larger than {} MB", .most / (1024 * 1024))]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it may be.
        most: usize,
    },
    /// Nobody wants the rest.
    #[error("nobody takes the records")]
    Unwanted,
}

/// What comes while a document is cut.
#[derive(Debug)]
pub(crate) enum Cut<'t> {
    /// The list begins. One that comes after another in its place counts instead of it.
    List,
    /// A record of the list.
    Record(&'t str),
    /// What came before does not count: the object that held the list comes again.
    Forget,
}

/// Cuts a document at the list of this path, of names and of indexes from the start. Returns what stands beside the records: the document with
/// an empty list in their place.
pub(crate) fn cut(
    source: TextSource<'_>,
    path: &[Segment],
    on: &mut dyn FnMut(Cut<'_>) -> Result<(), CutError>,
) -> Result<String, CutError> {
    let mut cutter =
        Cutter { source, text: String::new(), at: 0, passed: 0, ended: false, depth: 0, skeleton: String::new(), on };
    cutter.walk(path)?;
    match cutter.next()? {
        None => Ok(cutter.skeleton),
        Some(_) => Err(cutter.error("there is more after the end of the JSON value")),
    }
}

struct Cutter<'s, 'o> {
    source: TextSource<'s>,
    /// What was read and not given away.
    text: String,
    /// The byte of it at which the cutter stands.
    at: usize,
    /// How many bytes came before the text.
    passed: u64,
    ended: bool,
    depth: u32,
    skeleton: String,
    on: &'o mut dyn FnMut(Cut<'_>) -> Result<(), CutError>,
}

impl Cutter<'_, '_> {
    /// Follows the path to the list.
    fn walk(&mut self, path: &[Segment]) -> Result<(), CutError> {
        let start = self.start()?;
        let Some((step, below)) = path.split_first() else {
            if start != Start::List {
                return self.copy();
            }
            (self.on)(Cut::List)?;
            self.enter("[")?;
            return self.items(|cutter, _| cutter.record(), false);
        };
        match (step, start) {
            (Segment::Name(wanted), Start::Object) => self.members(wanted, below),
            (Segment::Index(wanted), Start::List) => {
                self.enter("[")?;
                self.items(
                    |cutter, index| {
                        if i64::try_from(index) == Ok(*wanted) { cutter.walk(below) } else { cutter.copy() }
                    },
                    true,
                )
            }
            _ => self.copy(),
        }
    }

    fn members(&mut self, wanted: &str, below: &[Segment]) -> Result<(), CutError> {
        self.enter("{")?;
        if self.next()? == Some(b'}') {
            self.leave("}");
            return Ok(());
        }
        loop {
            if self.next()? != Some(b'"') {
                return Err(self.expected("a member's name in quotes is expected"));
            }
            let length = self.value("what stands beside the records", MAX_BESIDE)?;
            let quoted = self.text.get(self.at..self.at + length).unwrap_or_default();
            let is_it = Scanner::new(quoted).string().map_err(|error| self.told(&error))? == wanted;
            self.keep(length)?;
            if self.next()? != Some(b':') {
                return Err(self.expected("a `:` is expected"));
            }
            self.keep(1)?;
            if is_it {
                // A name that comes twice: the last one counts, with all that is below it.
                (self.on)(Cut::Forget)?;
                self.walk(below)?;
            } else {
                self.copy()?;
            }
            match self.next()? {
                Some(b',') => self.keep(1)?,
                Some(b'}') => {
                    self.leave("}");
                    return Ok(());
                }
                _ => return Err(self.expected("a `,` or `}` is expected")),
            }
        }
    }

    /// Walks over a list whose bracket was read.
    fn items(
        &mut self,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), CutError>,
        keeps: bool,
    ) -> Result<(), CutError> {
        if self.next()? == Some(b']') {
            self.leave("]");
            return Ok(());
        }
        let mut index = 0;
        loop {
            item(self, index)?;
            index += 1;
            match self.next()? {
                Some(b',') if keeps => self.keep(1)?,
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.leave("]");
                    return Ok(());
                }
                _ => return Err(self.expected("a `,` or `]` is expected")),
            }
        }
    }

    fn record(&mut self) -> Result<(), CutError> {
        _ = self.start()?;
        let length = self.value("a record", MAX_RECORD)?;
        (self.on)(Cut::Record(self.text.get(self.at..self.at + length).unwrap_or_default()))?;
        self.at += length;
        Ok(())
    }

    /// Keeps the next value, whatever it is.
    fn copy(&mut self) -> Result<(), CutError> {
        _ = self.start()?;
        let length = self.value("what stands beside the records", MAX_BESIDE)?;
        self.keep(length)
    }

    fn keep(&mut self, length: usize) -> Result<(), CutError> {
        if self.skeleton.len() + length > MAX_BESIDE {
            return Err(CutError::TooLarge { what: "what stands beside the records", most: MAX_BESIDE });
        }
        self.skeleton.push_str(self.text.get(self.at..self.at + length).unwrap_or_default());
        self.at += length;
        Ok(())
    }

    fn enter(&mut self, open: &str) -> Result<(), CutError> {
        // The scanner knows how deep is too deep; the smallest value in here would be one level further down.
        if let Err(error) = Scanner::within("[]", self.depth).skip() {
            return Err(CutError::Json { message: error.message, at: self.passed + self.at as u64 });
        }
        self.depth += 1;
        self.at += open.len();
        self.skeleton.push_str(open);
        Ok(())
    }

    fn leave(&mut self, close: &str) {
        self.depth -= 1;
        self.at += close.len();
        self.skeleton.push_str(close);
    }

    /// Returns the length of the value at which the cutter stands, once all of it was read.
    fn value(&mut self, what: &'static str, most: usize) -> Result<usize, CutError> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let mut scanner = Scanner::within(rest, self.depth);
            match scanner.start().and_then(|_| scanner.skip()) {
                // A number that ends where the piece does may go on.
                Ok(()) if scanner.at() < rest.len() || self.ended => return Ok(scanner.at()),
                Err(error) if self.ended || error.at + UNDECIDED < rest.len() => return Err(self.told(&error)),
                _ => {}
            }
            if rest.len() > most {
                return Err(CutError::TooLarge { what, most });
            }
            // Twice as much each time, so that what is scanned again is no more than what is there.
            let wanted = rest.len() * 2 + 1;
            while !self.ended && self.text.len() - self.at < wanted {
                self.more()?;
            }
        }
    }

    /// Looks at what the next value begins with.
    fn start(&mut self) -> Result<Start, CutError> {
        _ = self.next()?;
        let rest = self.text.get(self.at..).unwrap_or_default();
        Scanner::new(rest).start().map_err(|error| self.told(&error))
    }

    /// Steps over blanks, and returns the byte after them.
    fn next(&mut self) -> Result<Option<u8>, CutError> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(Some(*byte)),
                None if self.ended => return Ok(None),
                None => self.more()?,
            }
        }
    }

    fn more(&mut self) -> Result<(), CutError> {
        if self.at > 0 {
            self.text.drain(..self.at);
            self.passed += self.at as u64;
            self.at = 0;
        }
        self.ended = !self.source.more(&mut self.text)?;
        Ok(())
    }

    fn told(&self, error: &JsonError) -> CutError {
        CutError::Json { message: error.message, at: self.passed + (self.at + error.at) as u64 }
    }

    fn expected(&self, message: &'static str) -> CutError {
        if self.at >= self.text.len() { self.error("the JSON ends too early") } else { self.error(message) }
    }

    fn error(&self, message: &'static str) -> CutError {
        CutError::Json { message, at: self.passed + self.at as u64 }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use encoding_rs::UTF_8;
    use engine_expr::{JsonPath, Slots, Value, Wanted};
    use engine_source::Span;
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> Vec<Segment> {
        JsonPath::new(text, Span::default()).singular().unwrap().to_vec()
    }

    /// The records of the last list, and what stands beside them; or the error.
    fn cut_in(text: &str, at: &str, piece: usize) -> Result<(Vec<String>, String), String> {
        let mut input = text.as_bytes();
        let source = TextSource::in_pieces(&mut input, UTF_8, piece);
        let mut records = Vec::new();
        let skeleton = cut(source, &path(at), &mut |cut| {
            match cut {
                Cut::List | Cut::Forget => records.clear(),
                Cut::Record(record) => records.push(record.to_owned()),
            }
            Ok(())
        });
        skeleton.map(|skeleton| (records, skeleton)).map_err(|error| error.to_string())
    }

    fn in_memory(text: &str, at: &str) -> Result<(Vec<String>, Option<Start>), String> {
        let mut wanted = Wanted::new();
        assert!(wanted.add_list(&path(at)));
        let mut slots = Slots::default();
        wanted.fill(text, &mut slots).map_err(|error| error.to_string())?;
        let records = slots.items().iter().map(|range| text.get(range.clone()).unwrap().to_owned()).collect();
        Ok((records, slots.list_shape()))
    }

    #[track_caller]
    fn agrees(text: &str, at: &str, piece: usize) {
        let found = cut_in(text, at, piece).map(|(records, skeleton)| {
            let (left, shape) = in_memory(&skeleton, at).unwrap();
            assert_eq!(left.len(), 0, "{text}: {skeleton}");
            (records, shape)
        });
        assert_eq!(found, in_memory(text, at), "{at} in {piece}: {text}");
    }

    #[test]
    fn cuts_a_list_wherever_it_is() {
        let text = r#" {"meta": {"next": "u\"]"}, "data": {"items": [ {"id": 1}, 2 ,"x,]" ], "n": 3}, "z": [true]} "#;
        for piece in [1, 2, 3, 7, 1000] {
            let (records, skeleton) = cut_in(text, "$.data.items", piece).unwrap();
            assert_eq!(records, ["{\"id\": 1}", "2", "\"x,]\""]);
            assert_eq!(skeleton, r#"{"meta":{"next": "u\"]"},"data":{"items":[],"n":3},"z":[true]}"#);
        }
    }

    #[test]
    fn agrees_with_the_scanner() {
        let documents = [
            "[1, 2, 3]",
            "[]",
            "{}",
            "",
            " ",
            "[1,]",
            "[1 2]",
            "[1",
            "12",
            "[12",
            "{\"a\": [1, {\"b\": \"\\ud83d\\ude00\"}]}",
            "{\"a\": [\"\\ud83d\"]}",
            "{\"a\": [\"\\u00\"]}",
            "{\"a\": [\"\\x\"]}",
            "{\"a\": [tru]}",
            "{\"a\": [true, fals",
            "{\"a\": [-]}",
            "{\"a\": [1.]}",
            "{\"a\": [1], \"a\": [2, 3]}",
            "{\"a\": [1], \"a\": {}}",
            "{\"a\": [1], \"a\": null}",
            "{\"a\": [1]} x",
            "{\"a\": [1], }",
            "{\"a\" [1]}",
            "{a: [1]}",
            "{\"\\u0061\": [1]}",
            "{\"a\": [\"\n\"]}",
            "[[1], [2, 3]]",
            "{\"b\": {\"a\": [1]}, \"b\": {}}",
            "{\"b\": {\"a\": [1]}, \"b\": {\"a\": [5, 6]}}",
        ];
        let deep = |levels: usize| format!("{{\"a\": [{}{}]}}", "[".repeat(levels), "]".repeat(levels));
        let documents = documents.map(ToOwned::to_owned).into_iter().chain([deep(126), deep(127), deep(200)]);
        for document in documents {
            for at in ["$", "$.a", "$.b.a", "$[1]", "$[0]"] {
                for piece in [1, 2, 5, 100] {
                    agrees(&document, at, piece);
                }
            }
        }
    }

    #[test]
    fn says_where_a_document_is_broken_behind_many_records() {
        let text = format!("{{\"a\": [{}, {{\"b\": tru}}]}}", vec!["{\"id\": 1}"; 500].join(", "));
        let expected = in_memory(&text, "$.a").unwrap_err();
        assert_eq!(cut_in(&text, "$.a", 64).unwrap_err(), expected);
        let bytes = [b"[\"".as_slice(), &[b'x'; 300], b"\xFF\"]"].concat();
        let mut input = bytes.as_slice();
        let error = cut(TextSource::in_pieces(&mut input, UTF_8, 16), &[], &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "byte 302 is not UTF-8");
    }

    #[test]
    fn bounds_what_it_holds() {
        let large = format!("{{\"x\": \"{}\", \"a\": []}}", "x".repeat(MAX_BESIDE + 1));
        let error = cut_in(&large, "$.a", 1 << 20).unwrap_err();
        assert_eq!(error, "what stands beside the records is larger than 16 MB");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-c\"\\\\\n é😀]{0,6}".prop_map(|text| Value::from(text.as_str())),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
                prop::collection::vec(("[ab]", inner), 0..4).prop_map(Value::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_on_random_documents(value in value(), at in prop::sample::select(vec!["$", "$.a", "$.b", "$.a.b", "$[0]", "$.a[1]"]), piece in 1_usize..20) {
            agrees(&value.to_json(), at, piece);
        }

        #[test]
        fn agrees_on_broken_documents(value in value(), at in prop::sample::select(vec!["$", "$.a", "$.a.b", "$[0]"]), piece in 1_usize..20, cut in 0_usize..60, put in "[\\[\\]{},:\"a1 ]{0,2}") {
            let text = value.to_json();
            let mut place = cut.min(text.len());
            while !text.is_char_boundary(place) {
                place -= 1;
            }
            let (before, after) = text.split_at(place);
            agrees(&format!("{before}{put}{after}"), at, piece);
            agrees(before, at, piece);
        }
    }
}
