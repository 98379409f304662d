//! Reads JSON text in place (RFC 8259): values with exact numbers, and slices of the text for what is only passed on.
//!
//! It exists beside `serde_json` because a record's numbers must keep their digits, and because a page is cut into records without a
//! tree; both need the text of a value, which `serde_json` gives only at the price of a second pass.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::value::{Members, Number, Value};

/// How deep lists and objects may be nested.
const MAX_DEPTH: u32 = 128;

/// What is wrong with a JSON text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at byte {at}")]
pub struct JsonError {
    /// What is wrong, in the reader's words.
    pub message: &'static str,
    /// The byte at which it shows.
    pub at: usize,
}

/// What a value begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `{`
    Object,
    /// `[`
    List,
    /// `"`
    String,
    /// A digit or `-`.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// Walks over a JSON text.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    /// Whether the string that was stepped over last has an escape in it.
    is_escaped: bool,
}

impl<'a> Scanner<'a> {
    /// Begins at the start of a text.
    pub fn new(text: &'a str) -> Self {
        Self::within(text, 0)
    }

    /// Begins at the start of a text that stands within so many lists and objects.
    pub fn within(text: &'a str, depth: u32) -> Self {
        Self { text, at: 0, depth, is_escaped: false }
    }

    /// Returns the byte at which the scanner stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Requires that nothing but blanks follows.
    pub fn end(&mut self) -> Result<(), JsonError> {
        self.blanks();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.error("there is more after the end of the JSON value"))
        }
    }

    /// Looks at what the next value begins with.
    pub fn start(&mut self) -> Result<Start, JsonError> {
        self.blanks();
        match self.peek() {
            Some(b'{') => Ok(Start::Object),
            Some(b'[') => Ok(Start::List),
            Some(b'"') => Ok(Start::String),
            Some(b'-' | b'0'..=b'9') => Ok(Start::Number),
            Some(b't' | b'f') => Ok(Start::Bool),
            Some(b'n') => Ok(Start::Null),
            Some(_) => Err(self.error("this is not JSON")),
            None => Err(self.error("the JSON ends too early")),
        }
    }

    /// Reads the next value whole.
    pub fn value(&mut self) -> Result<Value, JsonError> {
        Ok(match self.start()? {
            Start::Object => {
                let mut members = Members::new();
                self.object(|scanner, name| {
                    let value = scanner.value()?;
                    members.insert(Arc::<str>::from(&*name), value);
                    Ok(())
                })?;
                Value::Object(Arc::new(members))
            }
            Start::List => {
                let mut items = Vec::new();
                self.list(|scanner| {
                    items.push(scanner.value()?);
                    Ok(())
                })?;
                Value::list(items)
            }
            Start::String => Value::String(self.string()?.into()),
            Start::Number => Value::Number(Number::from_json_text(self.number()?)),
            Start::Bool => Value::Bool(self.boolean()?),
            Start::Null => {
                self.word("null")?;
                Value::Null
            }
        })
    }

    /// Steps over the next value and returns its text.
    pub fn raw(&mut self) -> Result<&'a str, JsonError> {
        self.blanks();
        let start = self.at;
        self.skip()?;
        Ok(self.slice(start..self.at))
    }

    /// Steps over the next value.
    pub fn skip(&mut self) -> Result<(), JsonError> {
        match self.start()? {
            Start::Object => self.object_raw(|scanner, _| scanner.skip()),
            Start::List => self.list(Self::skip),
            Start::String => self.string_range().map(drop),
            Start::Number => self.number().map(drop),
            Start::Bool => self.boolean().map(drop),
            Start::Null => self.word("null"),
        }
    }

    /// Walks over an object; `member` must read or skip each member's value.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.object_raw(|scanner, name| {
            let name = scanner.last(name)?;
            member(scanner, name)
        })
    }

    /// Walks over an object, with each name as it is written between its quotes; `member` must read or skip each value.
    pub fn object_raw(
        &mut self,
        mut member: impl FnMut(&mut Self, Range<usize>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.enter(b'{')?;
        self.blanks();
        if self.peek() == Some(b'}') {
            return self.leave();
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member's name in quotes is expected"));
            }
            let name = self.string_range()?;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.expected("a `:` is expected"));
            }
            self.at += 1;
            member(self, name)?;
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.leave(),
                _ => return Err(self.expected("a `,` or `}` is expected")),
            }
        }
    }

    /// Walks over a list; `item` must read or skip each item.
    pub fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), JsonError>) -> Result<(), JsonError> {
        self.enter(b'[')?;
        self.blanks();
        if self.peek() == Some(b']') {
            return self.leave();
        }
        loop {
            item(self)?;
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.leave(),
                _ => return Err(self.expected("a `,` or `]` is expected")),
            }
        }
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let range = self.string_range()?;
        self.last(range)
    }

    /// Steps over a string and returns where its inside is.
    pub fn string_range(&mut self) -> Result<Range<usize>, JsonError> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        self.is_escaped = false;
        loop {
            at = next_special(bytes, at);
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(start..at);
                }
                Some(b'\\') => {
                    self.is_escaped = true;
                    self.at = at;
                    self.escape()?;
                    at = self.at;
                }
                Some(0..=0x1F) => {
                    self.at = at;
                    return Err(self.error("a control character must be escaped in a JSON string"));
                }
                Some(_) => at += 1,
                None => {
                    self.at = at;
                    return Err(self.error("the JSON ends within a string"));
                }
            }
        }
    }

    /// Tells whether the string that was stepped over last has an escape in it.
    pub fn is_escaped(&self) -> bool {
        self.is_escaped
    }

    /// Reads what the inside of the string stands for that was stepped over last.
    fn last(&self, range: Range<usize>) -> Result<Cow<'a, str>, JsonError> {
        if self.is_escaped { self.unescape(range) } else { Ok(Cow::Borrowed(self.slice(range))) }
    }

    /// Returns the whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Returns a part of the text.
    pub fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// Reads what an inside of a string stands for.
    pub fn unescape(&self, range: Range<usize>) -> Result<Cow<'a, str>, JsonError> {
        let start = range.start;
        let raw = self.slice(range);
        if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
            return Ok(Cow::Borrowed(raw));
        }
        let quoted = self.text.get(start - 1..=start + raw.len()).unwrap_or_default();
        serde_json::from_str(quoted)
            .map(Cow::Owned)
            .map_err(|_| JsonError { message: "a string has an escape that stands for no character", at: start })
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let first = self.hex(self.at + 2)?;
                self.at += 6;
                // A half of a surrogate pair alone is no character (RFC 8259 §8.2): what could not be written again is refused.
                if (0xD800..0xDC00).contains(&first) {
                    if bytes.get(self.at..self.at + 2) != Some(b"\\u")
                        || !(0xDC00..0xE000).contains(&self.hex(self.at + 2)?)
                    {
                        return Err(self.error("a string has half of a surrogate pair"));
                    }
                    self.at += 6;
                } else if (0xDC00..0xE000).contains(&first) {
                    return Err(self.error("a string has half of a surrogate pair"));
                }
            }
            _ => return Err(self.error("a string has an unknown escape")),
        }
        Ok(())
    }

    fn hex(&self, at: usize) -> Result<u32, JsonError> {
        self.text
            .get(at..at + 4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or(JsonError { message: "`\\u` needs four hexadecimal digits", at })
    }

    /// Reads a number's text.
    pub fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.expected("a digit is expected")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(self.slice(start..self.at))
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.digits();
        if self.at == start { Err(self.expected("a digit is expected")) } else { Ok(()) }
    }

    fn boolean(&mut self) -> Result<bool, JsonError> {
        if self.peek() == Some(b't') { self.word("true").map(|()| true) } else { self.word("false").map(|()| false) }
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        if word.as_bytes().starts_with(rest) {
            self.at = self.text.len();
        }
        Err(self.expected("`true`, `false` or `null` is expected"))
    }

    fn enter(&mut self, open: u8) -> Result<(), JsonError> {
        self.blanks();
        if self.peek() != Some(open) {
            return Err(self.expected(if open == b'{' { "an object is expected" } else { "a list is expected" }));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("the JSON is nested deeper than 128 levels"));
        }
        self.at += 1;
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "it ends every walk, which may fail")]
    fn leave(&mut self) -> Result<(), JsonError> {
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn blanks(&mut self) {
        // Mostly there are none, and one comparison says so.
        while let Some(byte @ ..=b' ') = self.peek()
            && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
        {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, message: &'static str) -> JsonError {
        if self.at >= self.text.len() { self.error("the JSON ends too early") } else { self.error(message) }
    }

    fn error(&self, message: &'static str) -> JsonError {
        JsonError { message, at: self.at }
    }
}

/// Finds where the next byte is, from a place on, that means something within a string: eight at a time, and one at a time at the end.
///
/// A byte that means nothing may be found where fewer than eight are left.
#[inline]
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let marks = special(u64::from_le_bytes(*word));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
}

/// Marks, by the high bit of its byte, the first of eight bytes that is a quote, a backslash or a control character. Bytes above that one
/// may be marked wrongly; zero says that there is none.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    // Each subtraction borrows from the high bit of a byte that is looked for. Where that bit was set before, the byte is none of them.
    let quotes = (word ^ u64::from_le_bytes([b'"'; 8])).wrapping_sub(ONES);
    let backslashes = (word ^ u64::from_le_bytes([b'\\'; 8])).wrapping_sub(ONES);
    let controls = word.wrapping_sub(u64::from_le_bytes([0x20; 8]));
    (quotes | backslashes | controls) & !word & HIGHS
}

/// Appends a text as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let (mut from, mut next) = (0, 0);
    loop {
        let at = next_special(bytes, next);
        let Some(&byte) = bytes.get(at) else { break };
        next = at + 1;
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0C => b"\\f",
            0..=0x1F => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
                out.extend_from_slice(b"\\u00");
                out.push(DIGITS[usize::from(byte >> 4)]);
                out.push(DIGITS[usize::from(byte & 15)]);
                from = at + 1;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        out.extend_from_slice(escape);
        from = at + 1;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_order_digits_and_texts() {
        let text = r#"{"b":1.50,"a":[true,null,"x\n\u00e9\ud83d\ude00"],"n":123456789012345678901234567890.5}"#;
        let value = Value::from_json(text).unwrap();
        assert_eq!(value.to_json(), r#"{"b":1.50,"a":[true,null,"x\né😀"],"n":123456789012345678901234567890.5}"#);
    }

    #[test]
    fn says_where_it_is_broken() {
        let at = |text: &str| Value::from_json(text).unwrap_err().at;
        assert_eq!(at("{\"a\":1,}"), 7);
        assert_eq!(at("[1 2]"), 3);
        assert_eq!(at("[1,2"), 4);
        assert_eq!(at("{} x"), 3);
        assert_eq!(at("\"a"), 2);
        assert_eq!(at("<html>"), 0);
    }

    #[test]
    fn finds_the_end_of_strings_at_every_length() {
        for length in 0..40 {
            for (end, expected) in
                [("\"", Ok(length + 2)), ("\\n\"", Ok(length + 4)), ("\t\"", Err(length + 1)), ("", Err(length + 1))]
            {
                let text = format!("\"{}{end}", "é".repeat(length / 2) + &"x".repeat(length % 2));
                let mut scanner = Scanner::new(&text);
                assert_eq!(scanner.skip().map(|()| scanner.at()).map_err(|error| error.at), expected, "{text}");
            }
        }
    }

    #[test]
    fn refuses_what_is_nested_too_deep_without_running_out_of_stack() {
        let deep = "[".repeat(100_000);
        assert!(Value::from_json(&deep).is_err());
        assert!(Scanner::new(&deep).skip().is_err());
    }

    /// Makes JSON texts, and near misses of them.
    fn texts() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\\u00e9\"",
            "\"\\ud800\"",
            "1",
            "-0",
            "0.5",
            "01",
            "1e3",
            "1.",
            "true",
            "false",
            "nul",
            "null",
            " ",
            "\n",
            "\"\t\"",
            "\"",
            "\\",
            "é",
        ]);
        prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn accepts_exactly_what_serde_json_accepts(text in texts()) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // A number that no float can hold is JSON too; serde_json stops there.
            prop_assume!(!theirs.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range")));
            let theirs = theirs.is_ok();
            prop_assert_eq!(Value::from_json(&text).is_ok(), theirs, "{}", text);
            let mut scanner = Scanner::new(&text);
            prop_assert_eq!(scanner.skip().and_then(|()| scanner.end()).is_ok(), theirs, "{}", text);
        }

        #[test]
        fn writes_strings_that_read_back(text in "\\PC*|[\\x00-\\x1f\"\\\\é😀]*") {
            let mut out = Vec::new();
            write_string(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
