//! Counts what a log is told, and hands it on.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_runtime::{Counts, Event, Observer, Record, Recorder, WaitingFor};

use super::families::Metrics;
use super::labels::{OfApi, OfFlow, OfOutcome, OfRecords, OfStepOutcome, OfWait};
use crate::flows::Flow;
use crate::log::{Log, Notice};

/// A log whose notices are counted too.
pub struct Metered {
    inner: Arc<dyn Log>,
    metrics: Arc<Metrics>,
}

impl Metered {
    /// Counts what a log is told.
    pub fn new(inner: Arc<dyn Log>, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics }
    }
}

impl Log for Metered {
    fn notice(&self, notice: Notice<'_>) {
        let metrics = &self.metrics;
        let of = |flow: &str| OfFlow { flow: flow.to_owned() };
        match &notice {
            Notice::RunStarted { flow, .. } => {
                metrics.started.get_or_create(&of(flow)).inc();
                metrics.active.get_or_create(&of(flow)).inc();
            }
            Notice::RunEnded { flow, report, took, .. } => {
                metrics.active.get_or_create(&of(flow)).dec();
                let labels = OfOutcome { flow: (*flow).to_owned(), status: report.status.as_str() };
                metrics.ended.get_or_create(&labels).inc();
                metrics.run_time.get_or_create(&of(flow)).observe(took.as_secs_f64());
            }
            Notice::Skipped { flow, .. } => _ = metrics.skipped.get_or_create(&of(flow)).inc(),
            Notice::Missed { flow, .. } => _ = metrics.missed.get_or_create(&of(flow)).inc(),
            Notice::EventRefused { flow, .. } => _ = metrics.refused.get_or_create(&of(flow)).inc(),
            Notice::Loaded { flow, .. } => {
                let labels = OfOutcome { flow: (*flow).to_owned(), status: "taken" };
                metrics.reloads.get_or_create(&labels).inc();
            }
            Notice::Refused { .. } => {
                let labels = OfOutcome { flow: String::new(), status: "refused" };
                metrics.reloads.get_or_create(&labels).inc();
            }
            _ => {}
        }
        self.inner.notice(notice);
    }

    fn observer(&self, flow: &Flow, run: &str) -> Arc<dyn Observer> {
        Arc::new(MeteredRun {
            flow: flow.name().to_owned(),
            inner: self.inner.observer(flow, run),
            metrics: Arc::clone(&self.metrics),
            told: Mutex::default(),
        })
    }

    fn recorder(&self, flow: &Flow, run: &str) -> Option<Arc<dyn Recorder>> {
        self.inner.recorder(flow, run)
    }
}

/// Counts how a run goes, and hands it on.
struct MeteredRun {
    flow: String,
    inner: Arc<dyn Observer>,
    metrics: Arc<Metrics>,
    /// What was counted so far of each step: the run tells of all that a step did so far.
    told: Mutex<HashMap<Arc<str>, Counts>>,
}

impl MeteredRun {
    fn counts(&self, step: &Arc<str>, counts: &Counts) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.insert(Arc::clone(step), *counts).unwrap_or_default();
        for (kind, now, before) in [
            ("read", counts.read, before.read),
            ("dropped", counts.dropped, before.dropped),
            ("invalid", counts.invalid, before.invalid),
            ("sent", counts.sent, before.sent),
            ("failed", counts.failed, before.failed),
            ("skipped", counts.skipped, before.skipped),
            ("dead_lettered", counts.dead_lettered, before.dead_lettered),
            ("out", counts.out, before.out),
        ] {
            if now > before {
                let labels = OfRecords { flow: self.flow.clone(), step: step.to_string(), kind };
                self.metrics.records.get_or_create(&labels).inc_by(now - before);
            }
        }
    }

    fn waited(&self, reason: &'static str, wait: Duration) {
        let labels = OfWait { flow: self.flow.clone(), reason };
        self.metrics.waits.get_or_create(&labels).inc();
        self.metrics.waited.get_or_create(&labels).inc_by(wait.as_secs_f64());
    }

    fn of_api(&self, api: &str) -> OfApi {
        OfApi { flow: self.flow.clone(), api: api.to_owned() }
    }
}

impl Observer for MeteredRun {
    fn begun(&self, run: &str) {
        self.inner.begun(run);
    }

    fn event(&self, event: Event) {
        match &event {
            Event::Progress { step, counts } => self.counts(step, counts),
            Event::StepFinished { step, status, counts } => {
                self.counts(step, counts);
                let labels = OfStepOutcome { flow: self.flow.clone(), step: step.to_string(), status: status.as_str() };
                self.metrics.steps.get_or_create(&labels).inc();
            }
            Event::Retrying { wait, .. } => {
                self.metrics.retries.get_or_create(&OfFlow { flow: self.flow.clone() }).inc();
                self.waited("retry", *wait);
            }
            Event::Waiting { wait, why, .. } => {
                let reason = match why {
                    WaitingFor::RateLimit => "rate_limit",
                    WaitingFor::Api => "api_down",
                    WaitingFor::Until => "until",
                    WaitingFor::Step => "step",
                };
                self.waited(reason, *wait);
            }
            Event::CircuitOpened { api, .. } => _ = self.metrics.open_circuits.get_or_create(&self.of_api(api)).set(1),
            Event::CircuitClosed { api, .. } => _ = self.metrics.open_circuits.get_or_create(&self.of_api(api)).set(0),
            _ => {}
        }
        self.inner.event(event);
    }

    fn records(&self, stream: Option<&str>, records: &[Record]) -> io::Result<()> {
        self.inner.records(stream, records)
    }
}
