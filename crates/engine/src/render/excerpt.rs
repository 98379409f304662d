//! The lines of a file around the places of a finding, made fit to be shown. Knows no way of drawing them.

use engine_source::{Finding, Label, SourceFile, Sources};
use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::plain::shown;

/// How many lines away from the primary place a further one is still shown in the same excerpt.
const NEAR: usize = 6;

/// How many lines are shown before and after those that have a place.
const CONTEXT: usize = 1;

/// How many columns of a line are shown where there is no terminal.
const COLUMNS: usize = 140;

/// Some lines of a file with places in them.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    /// The lines, each with a line break after it; long ones are cut.
    text: String,
    first_line: usize,
    /// The line and the column, both from 1, of the primary place in the file.
    start: (usize, usize),
    labels: Vec<LabeledSpan>,
    /// The places that are too far away, in words.
    pub(super) notes: Vec<String>,
}

/// A place as lines and columns, in characters from 0 as they are shown; never more than one line.
struct Mark {
    line: usize,
    start: usize,
    end: usize,
    text: String,
    primary: bool,
}

impl Excerpt {
    /// Takes the lines around the places of a finding out of their file, or nothing if it has no place.
    ///
    /// `width` is how many columns there are for a line, `cut` what stands where a part of it is left out.
    pub(super) fn of(finding: &Finding, sources: &Sources, width: Option<usize>, cut: char) -> Option<Self> {
        let primary = finding.labels.first().filter(|label| !label.span.is_none())?;
        let file = sources.get(primary.span.source);
        let start = file.line_column(primary.span.start);
        let mut marks = Vec::new();
        let mut notes = Vec::new();
        for (at, label) in finding.labels.iter().enumerate() {
            let near = label.span.source == primary.span.source
                && file.line_column(label.span.start).0.abs_diff(start.0) <= NEAR;
            if near {
                marks.push(Mark::new(label, file, at == 0));
            } else if !label.span.is_none() {
                notes.push(format!("{}: {}", sources.place(label.span), label.text));
            }
        }
        let first = marks.iter().map(|mark| mark.line).min()?.saturating_sub(CONTEXT).max(1);
        let last = marks.iter().map(|mark| mark.line).max()?;
        let mut end = file.line_column(u32::MAX).0;
        if end > last && file.line(end).is_empty() {
            end -= 1;
        }
        let window = Window::around(&marks, width.map_or(COLUMNS, |width| width.saturating_sub(10).max(20)));
        let mut excerpt = Self {
            name: file.name().to_owned(),
            text: String::new(),
            first_line: first,
            start,
            labels: Vec::new(),
            notes,
        };
        for line in first..=(last + CONTEXT).min(end.max(last)) {
            let characters: Vec<char> = characters(file, line).collect();
            let begin = excerpt.text.len();
            let offsets = window.write(&characters, cut, &mut excerpt.text);
            for mark in marks.iter().filter(|mark| mark.line == line) {
                let offset = |column: usize| {
                    let column = column.saturating_sub(window.from);
                    begin + offsets.get(column).or(offsets.last()).copied().unwrap_or_default()
                };
                let (from, to) = (offset(mark.start), offset(mark.end));
                let text = (!mark.text.is_empty()).then(|| mark.text.clone());
                let span = SourceSpan::from((from, to - from));
                excerpt.labels.push(if mark.primary {
                    LabeledSpan::new_primary_with_span(text, span)
                } else {
                    LabeledSpan::new_with_span(text, span)
                });
            }
        }
        Some(excerpt)
    }

    /// Returns the places in the excerpt.
    pub(super) fn labels(&self) -> impl Iterator<Item = LabeledSpan> {
        self.labels.iter().cloned()
    }
}

impl Mark {
    fn new(label: &Label, file: &SourceFile, primary: bool) -> Self {
        let (line, start) = file.line_column(label.span.start);
        let (last, end) = file.line_column(label.span.end);
        let text: Vec<char> = characters(file, line).collect();
        let start = (start - 1).min(text.len());
        // A place of several lines is shown by its first one.
        let end =
            if last > line { text.iter().rposition(|it| !it.is_whitespace()).map_or(0, |at| at + 1) } else { end - 1 };
        Self {
            line,
            start,
            end: end.clamp(start, text.len()),
            text: super::plain::plain(&label.text).into_owned(),
            primary,
        }
    }
}

/// The columns that are shown, the same of all lines so that they stay below each other.
struct Window {
    from: usize,
    columns: usize,
}

impl Window {
    fn around(marks: &[Mark], columns: usize) -> Self {
        let end = marks.iter().map(|mark| mark.end).max().unwrap_or_default();
        let start = marks.iter().find(|mark| mark.primary).map_or(0, |mark| mark.start);
        let from = if end < columns { 0 } else { start.saturating_sub(columns / 3) };
        Self { from, columns }
    }

    /// Writes a line, and returns where each character of it begins, and its end.
    fn write(&self, line: &[char], cut: char, text: &mut String) -> Vec<usize> {
        let begin = text.len();
        let mut offsets = Vec::new();
        let to = line.len().min(self.from + self.columns);
        for (at, character) in line.iter().enumerate().take(to).skip(self.from) {
            offsets.push(text.len() - begin);
            let left_out = (at == self.from && self.from > 0) || (at + 1 == to && to < line.len());
            text.push(if left_out { cut } else { *character });
        }
        offsets.push(text.len() - begin);
        text.push('\n');
        offsets
    }
}

/// Returns the characters of a line as they are shown.
fn characters(file: &SourceFile, line: usize) -> impl Iterator<Item = char> {
    file.line(line).trim_start_matches('\u{feff}').chars().map(shown)
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.read_span(span, before, after)?;
        let (line, column) = (contents.line() + self.first_line - 1, contents.column());
        // Asked without context, it is for the place in the headline: that of the file, not of a line that may be cut.
        let (line, column) =
            if before == 0 && after == 0 { (self.start.0 - 1, self.start.1 - 1) } else { (line, column) };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            contents.data(),
            *contents.span(),
            line,
            column,
            contents.line_count(),
        )))
    }
}
