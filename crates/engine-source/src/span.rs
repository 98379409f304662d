//! A range of bytes in one of the files that were read.

use std::ops::Range;

/// Names one file of a [`Sources`](crate::Sources).
///
/// The default names no file: what was made up rather than read has it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub(crate) u32);

impl SourceId {
    /// Returns whether this names no file.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// A range of bytes in a file.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// Makes a span of a range of bytes; what lies beyond 4 GB is cut off.
    pub fn new(source: SourceId, range: Range<usize>) -> Self {
        Self { source, start: offset(range.start), end: offset(range.end.max(range.start)) }
    }

    /// Returns the bytes as a range.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns how many bytes it covers.
    pub fn len(self) -> usize {
        self.range().len()
    }

    /// Returns whether it covers no byte.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Returns whether this is a place in no file.
    pub fn is_none(self) -> bool {
        self.source.is_none()
    }

    /// Returns the smallest span that covers both, which are of one file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Makes an offset of a length in memory.
pub(crate) fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
