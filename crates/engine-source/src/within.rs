//! Finds a part of a scalar's value in the text of the file.

use std::ops::Range;

use crate::span::Span;

/// Returns the place of `range`, in bytes of the value, of the scalar that `span` covers.
pub(crate) fn within(text: &str, span: Span, range: Range<usize>) -> Span {
    let written = text.get(span.range()).unwrap_or_default();
    if written.get(range.clone()).is_none() {
        return span;
    }
    let start = span.range().start;
    Span::new(span.source, start + range.start..start + range.end)
}
