//! What a machine is told, and what it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::shape::Part;
use super::source::{PageId, WrittenUnit};
use crate::report::Counts;
use crate::sink::Extent;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// A page of a source was delivered, and all before it.
    Delivered {
        page: PageId,
        /// The page under whose item it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<PageId>,
        /// Where the source goes on.
        next: String,
        /// What pages are known by that came since the one before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seen: Vec<u64>,
        /// Whether what comes after it is read from a new beginning, where pages may be known by the same.
        #[serde(default)]
        is_last: bool,
    },
    /// This was counted for a page that is delivered, and since the one before, by the addresses of steps.
    Counted { counts: BTreeMap<String, Counts> },
    /// A source has no more pages than so many, and all were delivered.
    SourceEnded {
        source: String,
        step: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<PageId>,
        ordinal: u64,
    },
    /// A step came to its end.
    StepEnded { path: String, end: StepEnd },
    /// Something is to be kept for the next runs, once all was delivered.
    Kept { keep: Vec<String> },
    /// A page is about to be written to a file, with these items.
    Writing { file: String, extent: Extent, units: Vec<WrittenUnit> },
    /// What was about to be written to a file was written, or nothing of it.
    Wrote { file: String, is_there: bool },
    /// Of what was about to be written to a file these pages, by their numbers, are not there.
    Missing { file: String, pages: Vec<usize> },
    /// A file is so long on disk, with all that was written to it and these items.
    Written {
        file: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
        units: Vec<WrittenUnit>,
    },
    /// What was done for an item was undone, so many times now: what is done for it from here on is done anew.
    Anew { key: String, page: String, times: u32 },
    /// A step waits for an item, until so many milliseconds after 1970 began.
    Waits { key: String, page: String, until: i64 },
    /// The run failed, though none of its steps did.
    Failed { message: String },
    /// The run ends before its time: the groups to come are not run.
    Interrupted,
    /// Somebody wants the run to end.
    Cancelled,
}

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Run the steps of a group, along with each other.
    Run { part: Part, group: usize },
    /// The run is at its end.
    Finish { outcome: Outcome },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Interrupted,
    Cancelled,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepEnd {
    pub(crate) status: StepStatus,
    /// What it counted, as who runs it reads it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) counts: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// How a step ended, as far as the rest of the run depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepStatus {
    Ok,
    Skipped,
    Failed,
    /// Somebody wanted the run to end.
    Interrupted,
    /// Another step failed.
    Stopped,
}
