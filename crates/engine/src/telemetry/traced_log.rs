//! The log of a server, of which the runs are traces too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_runtime::{Observer, Recorder};
use engine_server::{Flow, Log, Notice};
use engine_telemetry::{Begun, Link, RunTrace, Telemetry};

/// Of so many runs that are tried again it is known what their last attempt was.
const LINKS: usize = 10_000;

/// A log, of which the runs are traces too.
pub(crate) struct TracedLog {
    inner: Arc<dyn Log>,
    telemetry: Arc<Telemetry>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The runs that are under way.
    runs: HashMap<String, Arc<RunTrace>>,
    /// The last attempts at runs that are tried again.
    before: HashMap<String, Link>,
}

impl TracedLog {
    /// Makes traces of what a log is told.
    pub(crate) fn new(inner: Arc<dyn Log>, telemetry: Arc<Telemetry>) -> Self {
        Self { inner, telemetry, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, run: &str) -> Option<Arc<RunTrace>> {
        self.known().runs.get(run).cloned()
    }
}

impl Log for TracedLog {
    fn notice(&self, notice: Notice<'_>) {
        match &notice {
            Notice::RunStarted { flow, run, trigger, attempts, parent } => {
                let mut known = self.known();
                let before = known.before.remove(*run);
                let begun = Begun {
                    flow,
                    run: Some(run),
                    trigger: Some(trigger),
                    attempts: *attempts,
                    parent: *parent,
                    before: before.as_ref(),
                };
                known.runs.insert((*run).to_owned(), self.telemetry.run(&begun));
            }
            Notice::RunEnded { report, again, .. } => {
                let run = self.known().runs.remove(&report.id);
                let link = run.and_then(|run| run.end(report));
                if let Some(link) = link.filter(|_| again.is_some()) {
                    let mut known = self.known();
                    if known.before.len() >= LINKS {
                        known.before.clear();
                    }
                    known.before.insert(report.id.clone(), link);
                }
            }
            Notice::Skipped { flow, .. } => self.telemetry.notice("run_skipped", Some(flow)),
            Notice::Missed { flow, .. } => self.telemetry.notice("runs_missed", Some(flow)),
            Notice::EventRefused { flow, .. } => self.telemetry.notice("event_refused", Some(flow)),
            Notice::Loaded { flow, .. } => self.telemetry.notice("flow_loaded", Some(flow)),
            Notice::Removed { flow, .. } => self.telemetry.notice("flow_removed", Some(flow)),
            Notice::Refused { .. } => self.telemetry.notice("flow_refused", None),
            Notice::Trouble { .. } => self.telemetry.notice("trouble", None),
            _ => {}
        }
        self.inner.notice(notice);
    }

    fn observer(&self, flow: &Flow, run: &str) -> Arc<dyn Observer> {
        let inner = self.inner.observer(flow, run);
        match self.run(run) {
            Some(trace) => trace.observer(inner),
            None => inner,
        }
    }

    fn recorder(&self, _flow: &Flow, run: &str) -> Option<Arc<dyn Recorder>> {
        self.run(run).map(|trace| trace.recorder())
    }
}
