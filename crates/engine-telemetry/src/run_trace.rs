//! The trace of a run: its own span, and those of its steps within it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use engine_runtime::{Observer, Recorder, RunReport, Status};
use jiff::Timestamp;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{self, Span as _, SpanContext, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::Span;

use crate::observed::Observed;
use crate::recorded::Recorded;
use crate::telemetry::Telemetry;

/// A run that begins, or goes on.
#[derive(Clone, Copy, Debug)]
pub struct Begun<'a> {
    /// Its flow.
    pub flow: &'a str,
    /// Its id, where it is known already.
    pub run: Option<&'a str>,
    /// What started it.
    pub trigger: Option<&'a str>,
    /// How often it was tried before.
    pub attempts: u32,
    /// The `traceparent` and the `tracestate` that came with what started it.
    pub parent: Option<(&'a str, Option<&'a str>)>,
    /// The attempt before.
    pub before: Option<&'a Link>,
}

/// An attempt at a run, for the one after it.
#[derive(Clone, Debug)]
pub struct Link(SpanContext);

/// The trace of a run.
pub struct RunTrace {
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) flow: String,
    pub(crate) open: Mutex<Open>,
    begun: Timestamp,
    is_named: bool,
}

/// What has begun and not ended.
pub(crate) struct Open {
    /// That of the run; nothing where no traces are wanted, or not this one.
    run: Option<Spanned>,
    /// Those of steps, by their addresses.
    steps: HashMap<Arc<str>, Spanned>,
    /// Requests whose hosts know their spans, by what they were told.
    pub(crate) requests: HashMap<String, Span>,
}

/// A span, and what is within it.
struct Spanned {
    span: Span,
    within: Context,
}

impl RunTrace {
    pub(crate) fn begin(telemetry: Arc<Telemetry>, begun: &Begun<'_>) -> Arc<Self> {
        let now = telemetry.clock.now();
        if let Some(instruments) = &telemetry.instruments {
            instruments.active.add(1, &[KeyValue::new("engine.flow", begun.flow.to_owned())]);
        }
        let run = telemetry.tracer.as_ref().map(|tracer| {
            let parent = begun.parent.map_or_else(Context::new, remote);
            let mut attributes = vec![KeyValue::new("engine.flow", begun.flow.to_owned())];
            attributes.extend(begun.run.map(|run| KeyValue::new("engine.run.id", run.to_owned())));
            attributes.extend(begun.trigger.map(|trigger| KeyValue::new("engine.trigger", trigger.to_owned())));
            if begun.attempts > 0 {
                attributes.push(KeyValue::new("engine.run.attempts", i64::from(begun.attempts)));
            }
            let kind = if begun.trigger.is_some() { SpanKind::Consumer } else { SpanKind::Internal };
            let link = begun.before.map(|Link(before)| trace::Link::new(before.clone(), Vec::new(), 0));
            let span = tracer
                .span_builder(format!("run {}", begun.flow))
                .with_kind(kind)
                .with_start_time(SystemTime::from(now))
                .with_attributes(attributes)
                .with_links(link.into_iter().collect())
                .start_with_context(tracer, &parent);
            Spanned::new(span)
        });
        let run = run.filter(|run| run.span.is_recording());
        let open = Open { run, steps: HashMap::new(), requests: HashMap::new() };
        Arc::new(Self {
            telemetry,
            flow: begun.flow.to_owned(),
            open: Mutex::new(open),
            begun: now,
            is_named: begun.run.is_some(),
        })
    }

    /// Makes who is told how the run goes, and tells another.
    pub fn observer(self: &Arc<Self>, inner: Arc<dyn Observer>) -> Arc<dyn Observer> {
        Arc::new(Observed::new(Arc::clone(self), inner))
    }

    /// Makes who is told of the requests of the run.
    pub fn recorder(self: &Arc<Self>) -> Arc<dyn Recorder> {
        Arc::new(Recorded::new(Arc::clone(self)))
    }

    /// Ends it; returns what the next attempt names it by.
    pub fn end(&self, report: &RunReport) -> Option<Link> {
        let now = self.telemetry.clock.now();
        let flow = KeyValue::new("engine.flow", self.flow.clone());
        if let Some(instruments) = &self.telemetry.instruments {
            let took = now.duration_since(self.begun).as_secs_f64().max(0.0);
            instruments.active.add(-1, std::slice::from_ref(&flow));
            instruments.runs.record(took, &[flow, KeyValue::new("engine.run.status", report.status.as_str())]);
        }
        let mut open = self.open();
        let end = SystemTime::from(now);
        open.requests.drain().for_each(|(_, mut span)| span.end_with_timestamp(end));
        open.steps.drain().for_each(|(_, mut step)| step.span.end_with_timestamp(end));
        let mut run = open.run.take()?;
        if !self.is_named {
            run.span.set_attribute(KeyValue::new("engine.run.id", report.id.clone()));
        }
        run.span.set_attribute(KeyValue::new("engine.run.status", report.status.as_str()));
        run.span.set_attribute(KeyValue::new("engine.run.rejected", number(report.rejected)));
        if let Some(error) = report.errors.first().filter(|_| report.status == Status::Failed) {
            run.span.set_attribute(KeyValue::new("error.type", error.code));
            // A finding of a run is without secrets.
            run.span.set_status(trace::Status::error(error.message.clone()));
        }
        let link = Link(run.span.span_context().clone());
        run.span.end_with_timestamp(end);
        Some(link)
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Begins the span of a step, within that of the step around it.
    pub(crate) fn begin_step(&mut self, tracer: &impl Tracer<Span = Span>, step: &Arc<str>, now: SystemTime) {
        if self.run.is_none() || self.steps.contains_key(step) {
            return;
        }
        let around = step.rsplit_once('.').map_or("", |(around, _)| around);
        let Some(within) = self.within(around).cloned() else { return };
        let span = tracer
            .span_builder(format!("step {step}"))
            .with_kind(SpanKind::Internal)
            .with_start_time(now)
            .with_attributes([KeyValue::new("engine.step", step.to_string())])
            .start_with_context(tracer, &within);
        self.steps.insert(Arc::clone(step), Spanned::new(span));
    }

    /// Returns the context within a step, or within the one around it that has a span, or within the run.
    pub(crate) fn within(&self, step: &str) -> Option<&Context> {
        let mut address = step;
        loop {
            if let Some(step) = self.steps.get(address) {
                return Some(&step.within);
            }
            match address.rsplit_once('.') {
                Some((around, _)) => address = around,
                None => return self.run.as_ref().map(|run| &run.within),
            }
        }
    }

    /// Returns the span of a step that has not ended.
    pub(crate) fn step(&mut self, step: &str) -> Option<&mut Span> {
        self.steps.get_mut(step).map(|step| &mut step.span)
    }

    /// Takes the span of a step that ends.
    pub(crate) fn end_step(&mut self, step: &str) -> Option<Span> {
        self.steps.remove(step).map(|step| step.span)
    }
}

impl Spanned {
    fn new(span: Span) -> Self {
        let within = Context::new().with_remote_span_context(span.span_context().clone());
        Self { span, within }
    }
}

/// Reads who is around what came in (<https://www.w3.org/TR/trace-context/>).
fn remote((parent, state): (&str, Option<&str>)) -> Context {
    struct Headers<'a>(&'a str, Option<&'a str>);
    impl Extractor for Headers<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            match key {
                "traceparent" => Some(self.0),
                "tracestate" => self.1,
                _ => None,
            }
        }

        fn keys(&self) -> Vec<&str> {
            vec!["traceparent", "tracestate"]
        }
    }
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(parent, state))
}

pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
