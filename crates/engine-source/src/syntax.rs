//! What is said about text that cannot be read as YAML.

mod brackets;
mod lines;
mod quotes;
mod rest;
mod values;

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

pub(crate) use self::values::{flow_value, quoted_start, unquoted_template};
use crate::extent;
use crate::finding::Finding;
use crate::span::{SourceId, Span};
use crate::tree::MAX_DEPTH;

/// Why reading stopped.
pub(crate) struct Stop {
    /// What to say.
    pub(crate) finding: Box<Finding>,
    /// The value that is to blame: with another in its place reading can go on.
    pub(crate) blame: Option<Range<usize>>,
}

impl Stop {
    /// There is nothing to be done about it.
    pub(crate) fn for_good(finding: Finding) -> Self {
        Self { finding: Box::new(finding), blame: None }
    }
}

/// Explains why reading stopped; `open` is where the brackets start that are still open, outermost first.
pub(crate) fn explain(text: &str, source: SourceId, error: &ScanError, open: &[usize]) -> Stop {
    let at = error.marker().byte_offset().unwrap_or_default().min(text.len());
    let cause = Cause { text, source, at, open };
    let kind = error.kind();
    if *kind == ErrorKind::RecursionLimitExceeded {
        return Stop::for_good(too_deep(cause.character(at)));
    }
    if let Some(finding) = cause.tab(kind) {
        return Stop::for_good(finding);
    }
    let blamed = cause.star(kind);
    let blamed = blamed.or_else(|| if open.is_empty() { cause.in_block(kind) } else { cause.in_brackets(kind) });
    if let Some((finding, range)) = blamed {
        return Stop { finding: Box::new(finding), blame: Some(range) };
    }
    Stop::for_good(cause.structure(kind).unwrap_or_else(|| cause.other(kind)))
}

/// Says that there are too many levels.
pub(crate) fn too_deep(span: Span) -> Finding {
    Finding::error("too-deep", format!("lists and objects stand more than {MAX_DEPTH} deep in one another"))
        .label(span, "one level too many")
        .help("name the inner part and refer to it")
}

/// A place at which reading stopped.
struct Cause<'a> {
    text: &'a str,
    source: SourceId,
    at: usize,
    open: &'a [usize],
}

type Blamed = Option<(Finding, Range<usize>)>;

impl Cause<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range)
    }

    fn written(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Returns the place of one character; at the end of a line that of the line's last.
    fn character(&self, at: usize) -> Span {
        let line = extent::line(self.text, at);
        let line_end = line.start + self.written(line.clone()).trim_end().len();
        let mut start = at;
        if start >= line_end && line_end > line.start {
            start =
                self.written(line.start..line_end).char_indices().next_back().map_or(start, |(i, _)| line.start + i);
        }
        let width = self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        self.span(start..start + width)
    }

    /// Explains what is wrong with brackets, quotes and indentation.
    fn structure(&self, kind: &ErrorKind) -> Option<Finding> {
        let here = self.character(self.at);
        let innermost = self.open.last().copied();
        Some(match kind {
            ErrorKind::UnclosedQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::DocumentIndicatorInQuotedScalar
                if self.open_quote().is_some() =>
            {
                self.never_ends(self.open_quote()?)
            }
            ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
                let start = innermost.unwrap_or(self.at);
                let end = self.text.get(start..)?.find(*close).map_or(self.at, |found| start + found);
                let closed = Finding::error("yaml-syntax", format!("`{open}` is closed by `{close}`"))
                    .label(self.character(end), format!("expected `{}`", closing(*open)));
                let near = extent::line(self.text, start) == extent::line(self.text, end);
                let closed = if near { closed.label(self.character(start), "opened here") } else { closed };
                closed.help(format!("close it with `{}`", closing(*open)))
            }
            ErrorKind::MisplacedFlowCollectionEnd => {
                let close = self.written(here.range()).to_owned();
                Finding::error("yaml-syntax", format!("this `{close}` closes nothing"))
                    .label(here, "nothing is open")
                    .help("remove it, or quote the value")
            }
            _ if innermost.is_some_and(|open| self.never_closed(open)) && self.open_quote().is_some() => {
                self.never_ends(self.open_quote()?)
            }
            _ if innermost.is_some_and(|open| self.never_closed(open) && self.closed_later(open)) => {
                let line = extent::line(self.text, self.at);
                let written = self.written(line.clone());
                let start = line.start + (written.len() - written.trim_start().len());
                Finding::error("yaml-syntax", "what stands in brackets must be indented more than its key")
                    .label(self.span(start..line.start + written.trim_end().len()), "indent this")
                    .help("indent the lines between the brackets")
            }
            ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::InvalidColonPlacement
                if innermost.is_some_and(|open| !self.never_closed(open) && self.comma_at(open).is_some()) =>
            {
                let range = self.comma_at(innermost?)?;
                Finding::error("yaml-syntax", "a comma is missing between two members")
                    .label(self.span(range), "expected `,` after this")
                    .help("write `,` at the end of the member before")
            }
            _ if innermost.is_some_and(|open| {
                self.never_closed(open)
                    || self.at >= self.text.trim_end().len()
                    || matches!(kind, ErrorKind::UnclosedFlowCollection { .. })
            }) =>
            {
                let start = innermost?;
                let bracket = self.written(start..start + 1).chars().next()?;
                Finding::error("yaml-syntax", format!("this `{bracket}` is never closed"))
                    .label(self.span(start..start + 1), "opened here")
                    .help(format!("write `{}` where it ends", closing(bracket)))
            }
            _ if innermost.is_some() && self.written(here.range()).starts_with([']', '}']) => {
                let close = self.written(here.range()).to_owned();
                Finding::error("yaml-syntax", format!("this `{close}` stands too far left"))
                    .label(here, "indent it")
                    .help("indent it more than the key that it belongs to, or put it on the line before")
            }
            ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey
                if innermost.is_none() =>
            {
                self.second_value()?
            }
            ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::InvalidIndentation
            | ErrorKind::ExpectedDocumentStart
                if innermost.is_none() && !self.written(here.range()).starts_with(['%', '.']) =>
            {
                self.indentation()
            }
            ErrorKind::BlockSequenceEntryNotAllowed => {
                Finding::error("yaml-syntax", "a list cannot begin on the line of its key")
                    .label(here, "a list item")
                    .help("put it on the next line, indented")
            }
            _ => return None,
        })
    }
}

/// Returns the bracket that closes one.
fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}
