//! Places as editors count them: lines from 0, columns in the units of the encoding that was agreed on.

use gen_lsp_types::{Position, Range};

/// In what columns are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// In bytes of UTF-8.
    Utf8,
    /// In units of UTF-16, as all editors can.
    #[default]
    Utf16,
}

/// Where the lines of a text start.
#[derive(Clone, Debug)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    /// Finds the lines of a text; one ends at a line feed, a carriage return, or both.
    pub(crate) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                starts.push(at + 1);
            }
        }
        Self(starts)
    }

    /// Returns the place of a byte.
    pub(crate) fn position(&self, text: &str, at: usize, encoding: Encoding) -> Position {
        let at = floor(text, at);
        let line = self.0.partition_point(|start| *start <= at).saturating_sub(1);
        let start = self.0.get(line).copied().unwrap_or_default();
        let before = text.get(start..at).unwrap_or_default();
        let character = match encoding {
            Encoding::Utf8 => before.len(),
            Encoding::Utf16 => before.chars().map(char::len_utf16).sum(),
        };
        Position { line: number(line), character: number(character) }
    }

    /// Returns the range of some bytes.
    pub(crate) fn range(&self, text: &str, range: std::ops::Range<usize>, encoding: Encoding) -> Range {
        Range {
            start: self.position(text, range.start, encoding),
            end: self.position(text, range.end.max(range.start), encoding),
        }
    }

    /// Returns the byte at a place; what lies beyond the end of a line is its end, beyond the last line the end of the text.
    pub(crate) fn offset(&self, text: &str, position: Position, encoding: Encoding) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(start) = self.0.get(line).copied() else { return text.len() };
        let next = self.0.get(line.saturating_add(1)).copied().unwrap_or(text.len());
        let written = text.get(start..next).unwrap_or_default().trim_end_matches(['\n', '\r']);
        let wanted = usize::try_from(position.character).unwrap_or(usize::MAX);
        let mut units = 0;
        for (index, letter) in written.char_indices() {
            if units >= wanted {
                return start + index;
            }
            units += match encoding {
                Encoding::Utf8 => letter.len_utf8(),
                Encoding::Utf16 => letter.len_utf16(),
            };
        }
        start + written.len()
    }
}

/// Returns the start of the character that a byte is in.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_the_units_that_were_agreed_on() {
        let text = "a: 1\r\nä😀b: 2\rc\n";
        let lines = Lines::new(text);
        for (needle, line, utf16, utf8) in [("a", 0, 0, 0), ("b", 1, 3, 6), ("c", 2, 0, 0)] {
            let at = text.find(needle).unwrap_or_default();
            for (encoding, character) in [(Encoding::Utf16, utf16), (Encoding::Utf8, utf8)] {
                let position = Position { line, character };
                assert_eq!(lines.position(text, at, encoding), position, "{needle}");
                assert_eq!(lines.offset(text, position, encoding), at, "{needle}");
            }
        }
    }

    #[test]
    fn takes_places_that_are_not_there() {
        let text = "ab\ncd";
        let lines = Lines::new(text);
        let at = |line, character| lines.offset(text, Position { line, character }, Encoding::Utf16);
        assert_eq!((at(0, 99), at(9, 0), at(1, 1)), (2, 5, 4));
        assert_eq!(lines.position(text, 99, Encoding::Utf16), Position { line: 1, character: 2 });
        // In the middle of a pair of surrogates.
        let text = "😀x";
        assert_eq!(Lines::new(text).offset(text, Position { line: 0, character: 1 }, Encoding::Utf16), 4);
    }
}
