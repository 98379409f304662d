//! Finds a part of a scalar's value in the text of the file.
//!
//! The scalar is decoded once more, by the style that its first character shows, and every byte of the value remembers
//! the bytes that it came from. This happens only where something is said, so it need not be fast.

use std::ops::Range;

use crate::span::Span;

/// Returns the place of `range`, in bytes of the value, of the scalar that `span` covers.
///
/// What lies beyond the value is cut off; a span that is no scalar comes back whole.
pub(crate) fn within(text: &str, span: Span, range: Range<usize>) -> Span {
    let Some(value) = decode(text, span.range()) else { return span };
    let Some(last) = value.places.last() else { return span };
    let start = value.places.get(range.start).map_or(last.end, |place| place.start);
    let end = match range.end.min(value.places.len()).checked_sub(1) {
        Some(before) if range.end > range.start => value.places.get(before).map_or(start, |place| place.end),
        _ => start,
    };
    Span::new(span.source, start..end.max(start))
}

/// The value of a scalar, with the bytes of the file that each of its bytes came from.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) value: String,
    places: Vec<Range<usize>>,
}

impl Decoded {
    fn push(&mut self, letter: char, place: &Range<usize>) {
        self.value.push(letter);
        self.places.extend(std::iter::repeat_n(place.clone(), letter.len_utf8()));
    }

    /// Takes blanks off the end, down to a length.
    fn trim(&mut self, least: usize) {
        while self.value.len() > least && self.value.ends_with([' ', '\t']) {
            self.value.pop();
            self.places.pop();
        }
    }
}

/// Decodes the scalar at a range of a text; nothing if there is none.
pub(crate) fn decode(text: &str, range: Range<usize>) -> Option<Decoded> {
    let written = text.get(range.clone())?;
    let mut decoded = Decoded::default();
    match written.as_bytes().first()? {
        b'[' | b'{' | b'*' | b'&' | b'!' => return None,
        b'|' | b'>' => block(text, range, &mut decoded),
        b'\'' => flow(written.get(1..)?, range.start + 1, Some('\''), &mut decoded),
        b'"' => flow(written.get(1..)?, range.start + 1, Some('"'), &mut decoded),
        _ => flow(written, range.start, None, &mut decoded),
    }
    Some(decoded)
}

/// Decodes a plain or quoted scalar after its opening quote.
fn flow(written: &str, start: usize, quote: Option<char>, out: &mut Decoded) {
    let mut letters = written.char_indices().map(|(index, letter)| (start + index, letter)).peekable();
    // What stands before was escaped and is not trimmed.
    let mut kept = 0;
    while let Some((at, letter)) = letters.next() {
        let place = at..at + letter.len_utf8();
        match letter {
            '\'' if quote == Some('\'') => match letters.next_if(|(_, next)| *next == '\'') {
                Some(_) => out.push('\'', &(at..at + 2)),
                None => return,
            },
            '"' if quote == Some('"') => return,
            '\\' if quote == Some('"') => {
                escape(at, &mut letters, out);
                kept = out.value.len();
            }
            '\n' | '\r' => {
                out.trim(kept);
                let mut breaks = 1;
                let mut end = place.end;
                if letter == '\r' && letters.next_if(|(_, next)| *next == '\n').is_some() {
                    end += 1;
                }
                while let Some((index, next)) = letters.next_if(|(_, next)| matches!(next, ' ' | '\t' | '\n' | '\r')) {
                    end = index + 1;
                    if next == '\n' || (next == '\r' && letters.peek().is_none_or(|(_, after)| *after != '\n')) {
                        breaks += 1;
                    }
                }
                match breaks {
                    1 => out.push(' ', &(at..end)),
                    _ => (1..breaks).for_each(|_| out.push('\n', &(at..end))),
                }
            }
            _ => out.push(letter, &place),
        }
    }
}

/// Decodes what follows a backslash in a double-quoted scalar.
fn escape(at: usize, letters: &mut std::iter::Peekable<impl Iterator<Item = (usize, char)>>, out: &mut Decoded) {
    let Some((index, letter)) = letters.next() else { return };
    let mut hex = |digits: u32| {
        let mut value = 0;
        let mut end = index + 1;
        for _ in 0..digits {
            let Some((at, digit)) = letters.next() else { break };
            value = value * 16 + digit.to_digit(16).unwrap_or_default();
            end = at + digit.len_utf8();
        }
        (value, end)
    };
    let (letter, end) = match letter {
        'x' | 'u' | 'U' => {
            let (mut value, mut end) = hex(match letter {
                'x' => 2,
                'u' => 4,
                _ => 8,
            });
            if (0xD800..0xDC00).contains(&value) && letters.next_if(|(_, next)| *next == '\\').is_some() {
                letters.next();
                let mut low = 0;
                for _ in 0..4 {
                    let Some((at, digit)) = letters.next() else { break };
                    low = low * 16 + digit.to_digit(16).unwrap_or_default();
                    end = at + digit.len_utf8();
                }
                value = 0x10000 + ((value - 0xD800) << 10) + (low & 0x3FF);
            }
            (char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER), end)
        }
        '\n' | '\r' => {
            // The line goes on, without a space.
            while letters.next_if(|(_, next)| matches!(next, ' ' | '\t' | '\n')).is_some() {}
            return;
        }
        _ => {
            let value = match letter {
                '0' => '\0',
                'a' => '\x07',
                'b' => '\x08',
                't' => '\t',
                'n' => '\n',
                'v' => '\x0b',
                'f' => '\x0c',
                'r' => '\r',
                'e' => '\x1b',
                'N' => '\u{85}',
                '_' => '\u{a0}',
                'L' => '\u{2028}',
                'P' => '\u{2029}',
                other => other,
            };
            (value, index + letter.len_utf8())
        }
    };
    out.push(letter, &(at..end));
}

/// Decodes a literal or folded scalar from its header on.
fn block(text: &str, range: Range<usize>, out: &mut Decoded) {
    let written = text.get(range.clone()).unwrap_or_default();
    let folded = written.starts_with('>');
    let header = written.split(['\n', '\r']).next().unwrap_or_default();
    let indicators = header.split([' ', '\t', '#']).next().unwrap_or_default();
    let digit = indicators.chars().find_map(|letter| letter.to_digit(10));
    let lines = lines(written, range.start);
    let body = lines.get(1..).unwrap_or_default();
    let indent = match digit {
        Some(digit) => parent_indent(text, range.start) + digit as usize,
        None => body
            .iter()
            .find(|line| !line.text.trim_matches(' ').is_empty())
            .map_or(usize::MAX, |line| line.text.len() - line.text.trim_start_matches(' ').len()),
    };
    let mut breaks: Vec<Range<usize>> = Vec::new();
    let mut before: Option<bool> = None;
    for line in body {
        let spaces = line.text.bytes().take(indent).take_while(|byte| *byte == b' ').count();
        let content = line.text.get(spaces..).unwrap_or_default();
        if content.is_empty() {
            breaks.push(line.end.clone());
            continue;
        }
        let more = content.starts_with([' ', '\t']);
        let last = breaks.pop();
        match (before, last) {
            (None, last) => breaks.into_iter().chain(last).for_each(|place| out.push('\n', &place)),
            (Some(more_before), Some(last)) if folded && !more && !more_before => {
                // One break alone is a space; more than one lose the first.
                if breaks.is_empty() {
                    out.push(' ', &last);
                } else {
                    breaks.into_iter().skip(1).chain([last]).for_each(|place| out.push('\n', &place));
                }
            }
            (Some(_), last) => breaks.into_iter().chain(last).for_each(|place| out.push('\n', &place)),
        }
        let start = line.start + spaces;
        for (index, letter) in content.char_indices() {
            out.push(letter, &(start + index..start + index + letter.len_utf8()));
        }
        breaks = vec![line.end.clone()];
        before = Some(more);
    }
    // How many of the last line ends are kept does not matter: what lies beyond the value is never asked for.
    for place in breaks {
        out.push('\n', &place);
    }
}

/// A line, where it starts, and where its end is.
struct Line<'a> {
    text: &'a str,
    start: usize,
    end: Range<usize>,
}

fn lines(written: &str, mut start: usize) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut rest = written;
    while !rest.is_empty() {
        // A line ends at a line feed, a carriage return, or both.
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let (text, after) = rest.split_at(length);
        let ending = if after.starts_with("\r\n") { 2 } else { usize::from(!after.is_empty()) };
        lines.push(Line { text, start, end: start + length..start + length + ending });
        start += length + ending;
        rest = after.get(ending..).unwrap_or_default();
    }
    lines
}

/// Returns the indentation of the list or object that a block scalar is a part of, by the line of its header.
fn parent_indent(text: &str, header: usize) -> usize {
    let before = text.get(..header).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let mut rest = line.trim_start_matches(' ');
    let mut column = line.len() - rest.len();
    while let Some(inner) = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("? ")) {
        let inner = inner.trim_start_matches(' ');
        if inner.is_empty() || inner.starts_with(['!', '&']) {
            return column;
        }
        column += rest.len() - inner.len();
        rest = inner;
    }
    column
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::path::PathBuf;

    use crate::{Findings, Kind, Node, Sources, Tree};

    fn strings<'a>(node: &'a Node, found: &mut Vec<&'a Node>) {
        match node.kind() {
            Kind::String(_) => found.push(node),
            Kind::Seq(items) => items.iter().for_each(|item| strings(item, found)),
            Kind::Map(entries) => entries.iter().for_each(|entry| strings(&entry.value, found)),
            _ => {}
        }
    }

    /// Every string of the YAML suite decodes here to the value that the parser gave.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test reads where its suite is from the environment")]
    #[expect(clippy::print_stderr, reason = "a skipped suite must be seen")]
    fn decodes_as_the_parser_does() {
        let shared = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites");
        let suites = std::env::var_os("ENGINE_SUITES").map_or_else(shared, PathBuf::from);
        let Ok(cases) = std::fs::read_to_string(suites.join("yaml/cases.json")) else {
            assert!(std::env::var_os("CI").is_none(), "in CI the YAML suite must be there");
            eprintln!("skipped: the YAML suite is not there");
            return;
        };
        let cases: serde_json::Value = serde_json::from_str(&cases).unwrap();
        let mut count = 0;
        for case in cases.as_array().unwrap() {
            let text = case.get("yaml").and_then(serde_json::Value::as_str).unwrap();
            for text in [text.to_owned(), text.replace('\n', "\r\n")] {
                let mut sources = Sources::new();
                let id = sources.add("x.yaml", text.as_str());
                let documents = Tree::parse_documents(&sources, id, &mut Findings::new()).unwrap_or_default();
                let mut found = Vec::new();
                for tree in &documents {
                    strings(&tree.root, &mut found);
                }
                for node in found {
                    let value = node.as_str().unwrap();
                    let Some(decoded) = super::decode(&text, node.span().range()) else { continue };
                    // Blank lines at the end of a block are not part of its span.
                    assert_eq!(decoded.value.trim_end(), value.trim_end(), "{}: {text:?}", case["id"]);
                    count += 1;
                }
            }
        }
        assert!(count > 800, "{count}");
    }

    /// Finds `needle` in the value of `k`, and expects its place to hold `expected`.
    #[track_caller]
    fn check(text: &str, needle: &str, expected: &str) {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let mut sources = Sources::new();
            let id = sources.add("x.yaml", text.as_str());
            let mut findings = Findings::new();
            let tree = Tree::parse(&sources, id, &mut findings).unwrap();
            assert_eq!(findings, Findings::new());
            let node = tree.locate("/k").unwrap();
            let value = node.as_str().unwrap();
            let at = value.find(needle).unwrap();
            let place = sources.within(node.span(), at..at + needle.len());
            assert_eq!(sources.text_of(place).replace("\r\n", "\n"), expected, "{text:?}");
        }
    }

    #[test]
    fn sees_through_all_styles() {
        check("k: a {{ x }} b\n", "x", "x");
        check("k: ä€ {{ ünï }} b\n", "ünï", "ünï");
        check("k: one\n  two {{ x }}\n\n  three\n", "x }}\nthree", "x }}\n\n  three");
        check("k: one\n  two\n", "one two", "one\n  two");
        check("k: 'it''s {{ x }}'\n", "x", "x");
        check("k: 'it''s {{ x }}'\n", "t's", "t''s");
        check("k: 'a\n\n  b {{ x }}'\n", "b {{", "b {{");
        check(r#"k: "ä\u00e9\t\"{{ x }}\"\U0001F600!""#, "x", "x");
        check(r#"k: "ä\u00e9\t\"{{ x }}\"\U0001F600!""#, "é\t", r"\u00e9\t");
        check(r#"k: "ä\u00e9\t\"{{ x }}\"\U0001F600!""#, "!", "!");
        check(r#"k: "\ud83d\ude00 x""#, "😀", r"\ud83d\ude00");
        check("k: \"a \\\n   b {{ x }}\"\n", "a b", "a \\\n   b");
        check("k: \"a\n   b {{ x }}\"\n", "x", "x");
        check("k: |\n  one ä\n    two {{ x }}\n\n  three {{ y }}\n", "x", "x");
        check("k: |\n  one ä\n    two {{ x }}\n\n  three {{ y }}\n", "y", "y");
        check("k: |2-  # why\n    two {{ x }}\n  y\n", "x", "x");
        check("k: >\n  one\n  two {{ x }}\n\n\n  three\n    four {{ y }}\n  five {{ z }}\n", "x", "x");
        check("k: >\n  one\n  two {{ x }}\n\n\n  three\n    four {{ y }}\n  five {{ z }}\n", "y", "y");
        check("k: >\n  one\n  two {{ x }}\n\n\n  three\n    four {{ y }}\n  five {{ z }}\n", "z", "z");
        check("k: >-\n\n  a\n  b {{ x }}\n\nl: 1\n", "b {{ x", "b {{ x");
    }

    #[test]
    fn gives_a_place_for_every_range() {
        let mut sources = Sources::new();
        let id = sources.add("x.yaml", "k: 'ab'\n");
        let span = crate::Span::new(id, 3..7);
        assert_eq!(sources.within(span, 0..2).range(), 4..6);
        assert_eq!(sources.within(span, 1..1).range(), 5..5);
        assert_eq!(sources.within(span, 2..2).range(), 6..6);
        assert_eq!(sources.within(span, 2..9).range(), 6..6);
        assert_eq!(sources.within(span, 9..12).range(), 6..6);
        assert_eq!(sources.within(crate::Span::new(id, 0..0), 0..1).range(), 0..0);
    }
}
