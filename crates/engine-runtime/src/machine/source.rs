//! Where the sources of a run are.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sink::Extent;

/// A page of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct PageId {
    /// The source: a step's path, with what it reads and under which item.
    pub(crate) source: String,
    /// The path of the step.
    pub(crate) step: String,
    /// Its number in the source, from 1.
    pub(crate) ordinal: u64,
}

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.source, self.ordinal)
    }
}

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceState {
    /// The path of its step.
    pub(crate) step: String,
    /// The page under whose item it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<PageId>,
    /// How many of its pages were delivered.
    pub(crate) ordinal: u64,
    /// Where it goes on; nothing before the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<String>,
    /// What the pages are known by that came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) seen: Vec<u64>,
    /// Whether it has no more pages.
    pub(crate) has_ended: bool,
}

impl SourceState {
    pub(super) fn new(step: String, parent: Option<PageId>) -> Self {
        Self { step, parent, ordinal: 0, position: None, seen: Vec::new(), has_ended: false }
    }
}

/// What was written of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrittenUnit {
    /// The page.
    pub(crate) page: String,
    /// What its items are known by.
    pub(crate) items: String,
}

/// How far a file was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrittenFile {
    /// How long it is on disk, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) length: Option<u64>,
    /// What is in it of pages that were not delivered yet.
    pub(crate) units: Vec<WrittenUnit>,
    /// What was to be written to it since, in order; all but the last one was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tail: Vec<WrittenExtent>,
}

/// A page that was to be written to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrittenExtent {
    pub(crate) extent: Extent,
    /// What is in it of pages that were not delivered yet.
    pub(crate) units: Vec<WrittenUnit>,
}
