//! Runs that are kept as long as the process lives: for tests.

use std::collections::{BTreeMap, HashMap};

use super::store::{Ack, KEPT_RUNS, Lease, RunChanges, RunEntry, RunLog, RunRecords, RunRequests, RunStatus, Standing};
use crate::state::StateError;

/// The runs of a process.
#[derive(Debug, Default)]
pub(crate) struct MemoryRuns {
    runs: HashMap<String, Run>,
}

/// A run, and what was journaled of it.
#[derive(Debug)]
struct Run {
    entry: RunEntry,
    snapshot: Option<(i64, Vec<u8>)>,
    chunks: BTreeMap<i64, Vec<u8>>,
    acks: BTreeMap<String, Ack>,
    records: BTreeMap<(String, i64), RunRecords>,
    requests: BTreeMap<i64, RunRequests>,
}

impl MemoryRuns {
    pub(crate) fn begin(&mut self, entry: &RunEntry) -> Result<(), StateError> {
        if self.runs.contains_key(&entry.id) {
            return Err(StateError::new(format!("there is a run `{}` already", entry.id)));
        }
        let old: Vec<String> = self
            .list(Some(&entry.flow), u32::MAX)
            .into_iter()
            .filter(|run| run.status.is_done())
            .skip(KEPT_RUNS as usize)
            .map(|run| run.id)
            .collect();
        for id in old {
            self.runs.remove(&id);
        }
        let run = Run {
            entry: entry.clone(),
            snapshot: None,
            chunks: BTreeMap::new(),
            acks: BTreeMap::new(),
            records: BTreeMap::new(),
            requests: BTreeMap::new(),
        };
        self.runs.insert(entry.id.clone(), run);
        Ok(())
    }

    pub(crate) fn take(&mut self, id: &str, from: Option<&str>, lease: &Lease) -> bool {
        let Some(Run { entry, .. }) = self.runs.get_mut(id) else { return false };
        let is_free = entry.holder.is_none()
            || entry.held_until <= lease.now
            || entry.holder.as_deref() == Some(&*lease.holder)
            || (from.is_some() && entry.holder.as_deref() == from);
        if is_free {
            entry.holder = Some(lease.holder.clone());
            entry.held_until = lease.until();
            entry.status = RunStatus::Running;
            entry.ended_at = None;
            entry.error = None;
            entry.is_cancelled = false;
        }
        is_free
    }

    pub(crate) fn find(&self, id: &str) -> Option<RunEntry> {
        self.runs.get(id).map(|run| run.entry.clone())
    }

    pub(crate) fn list(&self, flow: Option<&str>, most: u32) -> Vec<RunEntry> {
        let mut runs: Vec<RunEntry> = self
            .runs
            .values()
            .filter(|run| flow.is_none_or(|flow| run.entry.flow == flow))
            .map(|run| RunEntry { inputs: Vec::new(), trigger: None, ..run.entry.clone() })
            .collect();
        runs.sort_by(|left, right| (right.started_at, &right.id).cmp(&(left.started_at, &left.id)));
        runs.truncate(most as usize);
        runs
    }

    pub(crate) fn log(&self, id: &str) -> RunLog {
        let Some(run) = self.runs.get(id) else { return RunLog::default() };
        RunLog {
            snapshot: run.snapshot.clone(),
            chunks: run.chunks.iter().map(|(number, chunk)| (*number, chunk.clone())).collect(),
            acks: run.acks.values().cloned().collect(),
        }
    }

    pub(crate) fn records(&self, id: &str, step: &str) -> Vec<RunRecords> {
        let Some(run) = self.runs.get(id) else { return Vec::new() };
        run.records.values().filter(|records| records.step == step).cloned().collect()
    }

    /// Returns how the run stands; what is kept for other runs is the caller's to keep.
    pub(crate) fn commit(&mut self, id: &str, lease: &Lease, changes: &RunChanges) -> Standing {
        let Some(run) = self.runs.get_mut(id) else { return Standing::Lost };
        if run.entry.holder.as_deref() != Some(&*lease.holder) {
            return Standing::Lost;
        }
        run.entry.held_until = lease.until();
        run.chunks.extend(changes.chunk.clone());
        if let Some((next, state)) = &changes.snapshot {
            run.snapshot = Some((*next, state.clone()));
            run.chunks.retain(|number, _| number >= next);
        }
        for ack in &changes.acks {
            run.acks.insert(ack.key.clone(), ack.clone());
        }
        run.acks.retain(|_, ack| !changes.delivered.contains(&ack.page));
        for records in &changes.records {
            if records.is_last {
                run.records.retain(|(step, _), _| *step != records.step);
            }
            run.records.insert((records.step.clone(), records.number), records.clone());
        }
        if let Some(requests) = &changes.requests {
            run.requests.insert(requests.number, requests.clone());
            run.requests.retain(|number, _| *number > requests.forgotten);
        }
        if let Some((status, error)) = &changes.end {
            run.entry.status = *status;
            run.entry.error.clone_from(error);
            run.entry.steps.clone_from(&changes.steps);
            run.entry.ended_at = Some(lease.now);
            run.entry.holder = None;
            if status.is_done() {
                run.snapshot = None;
                run.chunks.clear();
                run.acks.clear();
                run.records.clear();
                run.entry.inputs.clear();
                run.entry.trigger = None;
            }
        }
        if run.entry.is_cancelled { Standing::Cancelled } else { Standing::Held }
    }

    pub(crate) fn requests(&self, id: &str) -> Vec<RunRequests> {
        self.runs.get(id).map(|run| run.requests.values().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn cancel(&mut self, id: &str) -> bool {
        let Some(run) = self.runs.get_mut(id).filter(|run| run.entry.holder.is_some()) else { return false };
        run.entry.is_cancelled = true;
        true
    }

    pub(crate) fn forget(&mut self, id: &str) -> bool {
        self.runs.remove(id).is_some()
    }
}
