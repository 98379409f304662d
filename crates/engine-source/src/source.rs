//! The files that were read, by name and text.

use std::ops::Range;
use std::sync::Arc;

use crate::span::{SourceId, Span, offset};
use crate::within;

/// The text of one file, with where its lines start.
#[derive(Clone, Debug, Default)]
pub struct SourceFile {
    name: String,
    text: Arc<str>,
    lines: Vec<u32>,
}

impl SourceFile {
    /// Makes a file of its name, as it is to be shown, and its text.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        let text: Arc<str> = text.into();
        let mut lines = vec![0];
        lines.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| offset(at + 1)));
        Self { name: name.into(), text, lines }
    }

    /// Returns the name as it is shown to the user.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the whole text, shared.
    pub fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// Returns the line and the column of a byte, both from 1, the column in characters.
    ///
    /// An offset beyond the end is the end; one inside a character is that character.
    pub fn line_column(&self, at: u32) -> (usize, usize) {
        let at = (at as usize).min(self.text.len());
        let line = self.lines.partition_point(|start| *start as usize <= at).max(1);
        let start = self.lines.get(line - 1).map_or(0, |start| *start as usize);
        let before = self.text.as_bytes().get(start..at).unwrap_or_default();
        // A byte that does not continue a character begins one; the mark at the start of a file has no width.
        let mut column = before.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count();
        if start == 0 && at > 0 && self.text.starts_with('\u{feff}') {
            column -= 1;
        }
        if !self.text.is_char_boundary(at) {
            column = column.saturating_sub(1);
        }
        (line, column + 1)
    }

    /// Returns the bytes of a line (from 1), without its end.
    pub fn line(&self, line: usize) -> &str {
        let Some(start) = line.checked_sub(1).and_then(|index| self.lines.get(index)) else { return "" };
        let end = self.lines.get(line).map_or(self.text.len(), |next| *next as usize);
        self.text.get(*start as usize..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }
}

/// All files that belong to one question, in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Default for Sources {
    fn default() -> Self {
        Self::new()
    }
}

impl Sources {
    /// Makes an empty collection.
    pub fn new() -> Self {
        // The first one stands for "no file", so that every id has a file.
        Self { files: vec![SourceFile::new("", "")] }
    }

    /// Adds a file under the name by which it is shown.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let id = SourceId(offset(self.files.len()));
        self.files.push(SourceFile::new(name, text));
        id
    }

    /// Returns a file; the empty one without a name, where the id names none.
    pub fn get(&self, id: SourceId) -> &SourceFile {
        const { assert!(size_of::<u32>() <= size_of::<usize>()) };
        self.files.get(id.0 as usize).unwrap_or_else(|| &self.files[0])
    }

    /// Returns the files with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &SourceFile)> {
        self.files.iter().enumerate().skip(1).map(|(index, file)| (SourceId(offset(index)), file))
    }

    /// Returns the text that a span covers, as it stands in the file.
    pub fn text_of(&self, span: Span) -> &str {
        self.get(span.source).text().get(span.range()).unwrap_or_default()
    }

    /// Returns a span's place for people: `specs/x.yaml:4:3`.
    pub fn place(&self, span: Span) -> String {
        let file = self.get(span.source);
        let (line, column) = file.line_column(span.start);
        format!("{}:{line}:{column}", file.name())
    }

    /// Returns the place of a part of a scalar: `range` is in bytes of its value, `span` is the scalar in the file.
    ///
    /// Sees through quotes, escapes, and the indentation and folding of block scalars. A range that cannot be found
    /// gives the whole scalar.
    pub fn within(&self, span: Span, range: Range<usize>) -> Span {
        within::within(self.get(span.source).text(), span, range)
    }
}
