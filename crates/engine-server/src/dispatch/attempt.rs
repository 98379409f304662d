//! One attempt at an event: its run begins, or goes on where it was, and what came of it is said to the inbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine_expr::Value;
use engine_runtime::{
    Journaling, Outcome, Parking, Recorders, Results, Resume, RunOptions, RunReport, RunStatus, StateError, Status,
    Stop, StoredEvent,
};

use super::backoff;
use super::endings::Finished;
use super::held::Held;
use super::lease;
use crate::flows::Flow;
use crate::log::Notice;
use crate::server::Server;
use crate::webhook::trigger_of;

/// How often it is tried to say what came of an event, where the state can't be reached.
const SAID: u32 = 20;

/// How long to wait before that is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// An attempt at an event.
pub(super) struct Attempt {
    pub(super) server: Arc<Server>,
    pub(super) held: Arc<Held>,
    pub(super) flow: Arc<Flow>,
    pub(super) event: StoredEvent,
    /// Which of all attempts of this process it is.
    pub(super) number: u64,
    /// Stops the run.
    pub(super) stop: Stop,
}

/// An attempt that has ended.
pub(super) struct Ended {
    attempt: Attempt,
    outcome: Outcome,
    /// What is told to those who wait, where it is not tried again.
    finished: Option<Finished>,
}

/// What there is to do for an event.
enum Next {
    /// Its run begins, or goes on.
    Run(Resume),
    /// Its run had come to its end: only nobody had said so.
    Done(Status),
    /// Somebody does not want it.
    Cancelled,
}

impl Attempt {
    /// Runs the flow; what came of it is still to be said. Nothing where it is another's by now.
    pub(super) async fn run(self) -> Option<Ended> {
        let (outcome, finished) = match self.next().await {
            Ok(Next::Run(resume)) => {
                let results = self.server.endings.is_watched(&self.event.id).then(Results::default);
                let parking = Parking::new(&self.server.public_url, self.stop.clone());
                let report = self.attempt(resume, results.clone(), parking.clone()).await;
                let outcome = self.outcome(&report, &parking).await?;
                let steps = results.and_then(|results| results.steps().cloned()).unwrap_or_default();
                (outcome, Finished { status: report.status, steps, error: None })
            }
            Ok(Next::Done(status)) => (Outcome::Done, Finished { status, steps: Value::Null, error: None }),
            Ok(Next::Cancelled) => {
                let error = "its run was cancelled".to_owned();
                (Outcome::Dead { error }, Finished { status: Status::Interrupted, steps: Value::Null, error: None })
            }
            Err(error) => {
                let message = format!("event {} waits: {error}", self.event.id);
                self.server.log.notice(Notice::Trouble { message: &message });
                // It was no fault of the event, so it is no failure of it; whoever takes it next had better not do so at once.
                self.server.clock.sleep(PAUSE).await;
                return Some(Ended { attempt: self, outcome: Outcome::Released, finished: None });
            }
        };
        let error = match &outcome {
            Outcome::Dead { error } => Some(error.clone()),
            _ => None,
        };
        let has_ended = matches!(outcome, Outcome::Done | Outcome::Dead { .. });
        let finished = has_ended.then_some(Finished { error, ..finished });
        Some(Ended { attempt: self, outcome, finished })
    }

    /// Finds out what there is to do: the run of an event has its id, so whoever takes it after a crash goes on with the very same.
    async fn next(&self) -> Result<Next, StateError> {
        if !self.event.may_have_begun {
            return Ok(Next::Run(Resume::Fresh));
        }
        self.known().await
    }

    /// Looks at how the run stands.
    async fn known(&self) -> Result<Next, StateError> {
        let Some(run) = self.server.state.find_run(&self.event.id).await? else { return Ok(Next::Run(Resume::Fresh)) };
        Ok(match run.status {
            RunStatus::Ok => Next::Done(Status::Ok),
            RunStatus::Partial => Next::Done(Status::Partial),
            RunStatus::Cancelled => Next::Cancelled,
            RunStatus::Running | RunStatus::Failed | RunStatus::Interrupted => Next::Run(Resume::Run(run.id)),
        })
    }

    async fn attempt(&self, resume: Resume, results: Option<Results>, parking: Parking) -> RunReport {
        let Self { server, flow, event, stop, .. } = self;
        let mut inputs = flow.inputs.clone();
        inputs.extend(members(&event.inputs));
        let trigger = trigger_of(&event.body);
        // The recorder belongs to a run that was told of.
        let header = |name| trigger.as_ref()?.get("headers")?.get(name).and_then(Value::as_str).map(str::to_owned);
        let (traceparent, tracestate) = (header("traceparent"), header("tracestate"));
        server.log.notice(Notice::RunStarted {
            flow: flow.name(),
            run: &event.id,
            trigger: &event.trigger,
            attempts: event.failures,
            parent: traceparent.as_deref().map(|parent| (parent, tracestate.as_deref())),
        });
        let options = RunOptions {
            inputs,
            trigger: Some(trigger.unwrap_or_default()),
            run_id: Some(event.id.clone()),
            results,
            parking: Some(parking.clone()),
            recorder: Recorders::of([Some(server.metrics.requests(flow.name())), server.log.recorder(flow, &event.id)]),
            journaling: Some(Journaling {
                spec: flow.file.display().to_string(),
                holder: server.holder.name.clone(),
                lives: server.holder.lives,
                resume,
                requests: server.limits.kept_requests,
            }),
            ..RunOptions::default()
        };
        let observer = server.log.observer(flow, &event.id);
        let (plan, world, sinks) = (Arc::clone(&flow.plan), flow.world.clone(), Arc::clone(&server.sinks));
        let begun = server.clock.now();
        let report = engine_runtime::run(plan, world, options, sinks, observer, stop.clone()).await;
        let took = Duration::try_from(server.clock.now().duration_since(begun)).unwrap_or_default();
        let ended = Notice::RunEnded {
            flow: flow.name(),
            trigger: &event.trigger,
            report: &report,
            sources: &flow.plan.sources,
            took,
            again: self.pause(&report).and_then(|pause| server.clock.now().checked_add(pause).ok()),
        };
        server.log.notice(ended);
        if let Some(until) = parking.until().filter(|_| report.status == Status::Interrupted) {
            server.log.notice(Notice::RunParked { flow: flow.name(), run: &event.id, until });
        }
        report
    }

    /// Returns how long to wait before it is tried again, where it failed and is.
    fn pause(&self, report: &RunReport) -> Option<Duration> {
        if report.status != Status::Failed {
            return None;
        }
        let codes: Vec<&str> = report.errors.iter().map(|error| error.code).collect();
        // The same chance for the message and for what is done.
        let chance = self.event.id.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        backoff::pause(self.event.failures + 1, &codes, chance)
    }

    /// Returns what came of the event; nothing where it is another's by now.
    async fn outcome(&self, report: &RunReport, parking: &Parking) -> Option<Outcome> {
        if self.held.is_lost(&self.event.id) {
            return None;
        }
        let error = || report.errors.first().map_or_else(String::new, |error| error.message.clone());
        Some(match (report.status, self.pause(report)) {
            (Status::Ok | Status::Partial | Status::Skipped, _) => Outcome::Done,
            (Status::Failed, Some(pause)) => {
                let now = self.server.clock.now();
                Outcome::Retry { at: now.checked_add(pause).unwrap_or(now), error: error() }
            }
            (Status::Failed, None) => Outcome::Dead { error: error() },
            // Either the server is about to end, or somebody does not want this run.
            (Status::Interrupted, _) => match (self.known().await, parking.until()) {
                (Ok(Next::Cancelled), _) => Outcome::Dead { error: "its run was cancelled".to_owned() },
                (Ok(_), Some(until)) => Outcome::Parked { until },
                _ => Outcome::Released,
            },
        })
    }
}

impl Ended {
    /// Says what came of the event, then tells who waits for it; returns its id, and which attempt it was.
    pub(super) async fn settle(self) -> (String, u64) {
        self.say().await;
        let Self { attempt: Attempt { server, event, number, .. }, finished, .. } = self;
        if let Some(finished) = finished {
            server.endings.tell(&event.id, finished);
        }
        (event.id, number)
    }

    /// Says it again and again where the state can't be reached: else it would be run once more.
    async fn say(&self) {
        let Self { attempt: Attempt { server, event, .. }, outcome, .. } = self;
        for _ in 0..SAID {
            match server.events.settle_event(&event.id, lease(server), outcome.clone()).await {
                Ok(_) => return,
                Err(error) => {
                    let message = format!("what came of event {} can't be kept: {error}", event.id);
                    server.log.notice(Notice::Trouble { message: &message });
                    server.clock.sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Reads the members of an object.
fn members(json: &[u8]) -> BTreeMap<String, Value> {
    let object = std::str::from_utf8(json).ok().and_then(|text| Value::from_json(text).ok());
    match object {
        Some(Value::Object(members)) => members.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
        _ => BTreeMap::new(),
    }
}
