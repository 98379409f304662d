//! What a run does, written down as it goes, so that one that was broken off goes on where it was.

mod memory;
mod store;

pub(crate) use memory::MemoryRuns;
pub use store::{
    Ack, KEPT_RUNS, Lease, RunChanges, RunEntry, RunLog, RunRecords, RunStatus, RunStore, Standing, ToKeep,
};
