//! What is said about text that cannot be read as YAML.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

use crate::finding::Finding;
use crate::quoting::quoted;
use crate::span::{SourceId, Span};
use crate::tree::MAX_DEPTH;

/// Explains why reading stopped; `open` is where the brackets start that are still open.
pub(crate) fn explain(text: &str, source: SourceId, error: &ScanError, open: &[usize]) -> Finding {
    let _ = open;
    let at = error.marker().byte_offset().unwrap_or_default().min(text.len());
    let span = Span::new(source, at..at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8));
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        kind => Finding::error("yaml-syntax", kind.to_string()).label(span, "here"),
    }
}

/// Says that there are too many levels.
pub(crate) fn too_deep(span: Span) -> Finding {
    Finding::error("too-deep", format!("lists and objects stand more than {MAX_DEPTH} deep in one another"))
        .label(span, "one level too many")
        .help("name the inner part and refer to it")
}

/// Says that a template stands without quotes.
pub(crate) fn unquoted_template(text: &str, source: SourceId, start: usize) -> Finding {
    let range = flow_value(text, start);
    let whole = text.get(range.clone()).unwrap_or_default();
    Finding::error("unquoted-template", "a template that starts a value must be quoted")
        .label(Span::new(source, range), "YAML reads `{` as an object")
        .help(format!("quote it: `{}`", quoted(whole)))
}

/// Says that a value inside brackets must be quoted.
pub(crate) fn needs_quotes(text: &str, source: SourceId, range: Range<usize>) -> Finding {
    let whole = text.get(range.clone()).unwrap_or_default();
    Finding::error("flow-value", "a value with `,`, `[`, `]`, `{`, `}` or `: ` must be quoted inside brackets")
        .label(Span::new(source, range), "not in quotes")
        .help(format!("quote it: `{}`", quoted(whole)))
}

/// Returns the range of the value that an author meant to write inside brackets from `start` on.
pub(crate) fn flow_value(text: &str, start: usize) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find('\n').unwrap_or(rest.len());
    start..start + end
}
