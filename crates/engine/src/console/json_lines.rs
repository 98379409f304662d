//! A run as lines of JSON: an object with `time`, `level` and `event` for all that happens.

use std::sync::OnceLock;
use std::time::Duration;

use engine_runtime::{Clock, Counts, Event, RunReport, Status, StepReport, SystemClock, WaitingFor};
use engine_source::Severity;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::render::json;
use crate::report::Reported;
use crate::terminal::tell;

/// Writes an object for each event.
pub(super) struct JsonLines {
    verbose: u8,
    quiet: bool,
    /// The id of the run, once it is known: all that is told after it names it.
    run: OnceLock<String>,
}

impl JsonLines {
    pub(super) fn new(verbose: u8, quiet: bool) -> Self {
        Self { verbose, quiet, run: OnceLock::new() }
    }

    /// Tells that the run begins.
    pub(super) fn begun(&self, run: &str) {
        if self.run.set(run.to_owned()).is_ok() && !self.quiet {
            self.say("info", "run_started", Value::Null);
        }
    }

    /// Writes an object that names the run.
    fn say(&self, level: &str, event: &str, fields: Value) {
        let run = self.run.get().map(|run| ("run".to_owned(), json!(run)));
        let mut named: Map<String, Value> = run.into_iter().collect();
        if let Value::Object(fields) = fields {
            named.extend(fields);
        }
        say(level, event, Value::Object(named));
    }

    /// Tells an event; progress only where much is to be told.
    pub(super) fn event(&self, event: &Event) {
        if self.quiet || (matches!(event, Event::Progress { .. }) && self.verbose == 0) {
            return;
        }
        if let Some((level, name, fields)) = fields(event) {
            self.say(level, name, fields);
        }
    }

    /// Tells a finding.
    pub(super) fn finding(&self, reported: &Reported) {
        let level = match reported.finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warn",
        };
        if !self.quiet || reported.finding.is_error() {
            self.say(level, "finding", serde_json::to_value(json::Object::new(reported)).unwrap_or_default());
        }
    }

    /// Tells why there is no run.
    pub(super) fn failure(&self, failure: &Failure) {
        match failure {
            Failure::Plain { message, help, .. } => {
                self.say("error", "failure", json!({"message": message, "help": help}));
            }
            Failure::Findings(report) => report.iter().for_each(|reported| self.finding(reported)),
        }
    }

    /// Tells that the run was asked to stop.
    pub(super) fn stopping(&self) {
        if !self.quiet {
            self.say("warn", "stopping", Value::Null);
        }
    }

    /// Sums up the run.
    pub(super) fn summary(&self, run: &RunReport, elapsed: Duration) {
        if self.quiet {
            return;
        }
        let level = if run.status == Status::Failed { "error" } else { "info" };
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.say(
            level,
            "run_finished",
            json!({"run": run.id, "status": run.status.as_str(), "elapsed_ms": millis, "steps": steps(run)}),
        );
    }
}

/// Returns the level, the name and the members of an event.
pub(super) fn fields(event: &Event) -> Option<(&'static str, &'static str, Value)> {
    Some(match event {
        Event::StepStarted { step } => ("info", "step_started", json!({"step": &**step})),
        Event::Progress { step, counts: it } => ("debug", "progress", json!({"step": &**step, "counts": counts(it)})),
        Event::Retrying { step, what, wait, attempt } => (
            "warn",
            "retrying",
            json!({"step": &**step, "what": what, "wait_s": wait.as_secs_f64(), "attempt": attempt}),
        ),
        Event::Waiting { step, wait, why } => {
            ("info", "waiting", json!({"step": &**step, "wait_s": wait.as_secs_f64(), "for": waiting_for(*why)}))
        }
        Event::CircuitOpened { step, api, failures, wait, error } => (
            "warn",
            "circuit_opened",
            json!({"step": &**step, "api": api, "failures": failures, "wait_s": wait.as_secs_f64(), "error": error}),
        ),
        Event::CircuitClosed { step, api, after } => {
            ("info", "circuit_closed", json!({"step": &**step, "api": api, "after_s": after.as_secs_f64()}))
        }
        Event::Note { message } => ("info", "note", json!({"message": message})),
        Event::Log { step, message } => ("info", "log", json!({"step": &**step, "message": message})),
        Event::StepFinished { step, status: it, counts: done } => {
            ("info", "step_finished", json!({"step": &**step, "status": it.as_str(), "counts": counts(done)}))
        }
        // A rejected record is told as a finding.
        Event::Rejected { .. } => return None,
    })
}

/// Returns what all steps of a run did.
pub(super) fn steps(run: &RunReport) -> Vec<Value> {
    let step =
        |step: &StepReport| json!({"id": &*step.id, "status": step.status.as_str(), "counts": counts(&step.counts)});
    run.steps.iter().map(step).collect()
}

/// Writes an object.
pub(super) fn say(level: &str, event: &str, fields: Value) {
    let mut object = Map::new();
    object.insert("time".to_owned(), json!(SystemClock.now().to_string()));
    object.insert("level".to_owned(), json!(level));
    object.insert("event".to_owned(), json!(event));
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    tell(format!("{}\n", Value::Object(object)));
}

fn waiting_for(why: WaitingFor) -> &'static str {
    match why {
        WaitingFor::RateLimit => "rate_limit",
        WaitingFor::Api => "api",
        WaitingFor::Until => "until",
        WaitingFor::Step => "wait",
    }
}

fn counts(counts: &Counts) -> Value {
    json!({
        "read": counts.read, "dropped": counts.dropped, "invalid": counts.invalid, "sent": counts.sent, "failed": counts.failed,
        "skipped": counts.skipped, "dead_lettered": counts.dead_lettered, "out": counts.out,
        "pages": counts.pages, "requests": counts.requests, "retries": counts.retries,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_event_with_its_members() {
        let event =
            Event::Waiting { step: "orders".into(), wait: Duration::from_millis(1500), why: WaitingFor::RateLimit };
        assert_eq!(
            fields(&event),
            Some(("info", "waiting", json!({"step": "orders", "wait_s": 1.5, "for": "rate_limit"})))
        );
        let finished = Event::StepFinished {
            step: "orders".into(),
            status: Status::Partial,
            counts: Counts { read: 2, ..Counts::default() },
        };
        let (_, name, fields) = fields(&finished).unwrap_or_default();
        assert_eq!(
            (name, fields.pointer("/counts/read"), fields.get("status")),
            ("step_finished", Some(&json!(2)), Some(&json!("partial")))
        );
    }
}
