//! Takes what a run says of its steps, and hands it on.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use engine_runtime::{Counts, Event, Observer, Record, Status, WaitingFor};
use opentelemetry::KeyValue;
use opentelemetry::trace::{self, Span as _};

use crate::run_trace::{RunTrace, number};

/// Takes what a run says of its steps, and hands it on.
pub(crate) struct Observed {
    trace: Arc<RunTrace>,
    inner: Arc<dyn Observer>,
    /// What was counted so far of each step: the run tells of all that a step did so far.
    told: Mutex<HashMap<Arc<str>, Counts>>,
}

impl Observed {
    pub(crate) fn new(trace: Arc<RunTrace>, inner: Arc<dyn Observer>) -> Self {
        Self { trace, inner, told: Mutex::default() }
    }

    fn now(&self) -> SystemTime {
        SystemTime::from(self.trace.telemetry.clock.now())
    }

    fn counts(&self, step: &Arc<str>, counts: &Counts) {
        let Some(instruments) = &self.trace.telemetry.instruments else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.insert(Arc::clone(step), *counts).unwrap_or_default();
        drop(told);
        for ((outcome, now), (_, before)) in outcomes(counts).into_iter().zip(outcomes(&before)) {
            if now > before {
                let labels = [
                    KeyValue::new("engine.flow", self.trace.flow.clone()),
                    KeyValue::new("engine.step", step.to_string()),
                    KeyValue::new("engine.record.outcome", outcome),
                ];
                instruments.records.add(now - before, &labels);
            }
        }
    }

    fn step_started(&self, step: &Arc<str>) {
        if let Some(tracer) = &self.trace.telemetry.tracer {
            self.trace.open().begin_step(tracer, step, self.now());
        }
    }

    fn step_ended(&self, step: &Arc<str>, status: Status, counts: &Counts) {
        self.counts(step, counts);
        if let Some(instruments) = &self.trace.telemetry.instruments {
            let labels = [
                KeyValue::new("engine.flow", self.trace.flow.clone()),
                KeyValue::new("engine.step", step.to_string()),
                KeyValue::new("engine.step.status", status.as_str()),
            ];
            instruments.steps.add(1, &labels);
        }
        let Some(mut span) = self.trace.open().end_step(step) else { return };
        span.set_attribute(KeyValue::new("engine.step.status", status.as_str()));
        for (outcome, count) in outcomes(counts).into_iter().filter(|(_, count)| *count > 0) {
            span.set_attribute(KeyValue::new(format!("engine.records.{outcome}"), number(count)));
        }
        if counts.requests > 0 {
            span.set_attribute(KeyValue::new("engine.requests", number(counts.requests)));
        }
        if status == Status::Failed {
            span.set_status(trace::Status::error(""));
        }
        span.end_with_timestamp(self.now());
    }

    /// Takes note on the span of a step that something happened.
    fn happened(&self, step: &str, what: &'static str, attributes: Vec<KeyValue>) {
        let now = self.now();
        if let Some(span) = self.trace.open().step(step) {
            span.add_event_with_timestamp(what, now, attributes);
        }
    }

    fn waited(&self, step: &str, reason: &'static str, wait: Duration) {
        if let Some(instruments) = &self.trace.telemetry.instruments {
            instruments.wait(&self.trace.flow, reason, wait);
        }
        let attributes =
            vec![KeyValue::new("engine.wait.reason", reason), KeyValue::new("engine.wait.seconds", wait.as_secs_f64())];
        self.happened(step, "wait", attributes);
    }
}

impl Observer for Observed {
    fn begun(&self, run: &str) {
        self.inner.begun(run);
    }

    fn event(&self, event: Event) {
        match &event {
            Event::StepStarted { step } => self.step_started(step),
            Event::Progress { step, counts } => self.counts(step, counts),
            Event::StepFinished { step, status, counts } => self.step_ended(step, *status, counts),
            Event::Retrying { step, wait, attempt, .. } => {
                if let Some(instruments) = &self.trace.telemetry.instruments {
                    instruments.retries.add(1, &[KeyValue::new("engine.flow", self.trace.flow.clone())]);
                    instruments.wait(&self.trace.flow, "retry", *wait);
                }
                let attributes = vec![
                    KeyValue::new("engine.attempt", i64::from(*attempt)),
                    KeyValue::new("engine.wait.seconds", wait.as_secs_f64()),
                ];
                self.happened(step, "retry", attributes);
            }
            Event::Waiting { step, wait, why } => {
                let reason = match why {
                    WaitingFor::RateLimit => "rate_limit",
                    WaitingFor::Api => "api_down",
                    WaitingFor::Until => "until",
                    WaitingFor::Step => "step",
                };
                self.waited(step, reason, *wait);
            }
            Event::CircuitOpened { step, api, .. } => {
                self.happened(step, "circuit opened", vec![KeyValue::new("engine.api", api.clone())]);
            }
            Event::CircuitClosed { step, api, .. } => {
                self.happened(step, "circuit closed", vec![KeyValue::new("engine.api", api.clone())]);
            }
            Event::Rejected { step, finding } => {
                self.happened(step, "record rejected", vec![KeyValue::new("error.type", finding.code)]);
            }
            _ => {}
        }
        self.inner.event(event);
    }

    fn records(&self, stream: Option<&str>, records: &[Record]) -> io::Result<()> {
        self.inner.records(stream, records)
    }

    fn watches(&self) -> bool {
        self.inner.watches()
    }

    fn handed_on(&self, step: &str, records: &[Record]) {
        self.inner.handed_on(step, records);
    }

    fn ruled(&self, rule: engine_source::Span) {
        self.inner.ruled(rule);
    }
}

/// Lists what became of records.
fn outcomes(counts: &Counts) -> [(&'static str, u64); 8] {
    [
        ("read", counts.read),
        ("dropped", counts.dropped),
        ("invalid", counts.invalid),
        ("sent", counts.sent),
        ("failed", counts.failed),
        ("skipped", counts.skipped),
        ("dead_lettered", counts.dead_lettered),
        ("out", counts.out),
    ]
}
