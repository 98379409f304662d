//! All that one test runs on: its clock, its answers, its sinks, its state.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine_expr::{Host, Scope, Value, parse_moment};
use engine_plan::{Plan, Target, Trial};
use engine_record::Replay;
use engine_runtime::{
    Clock, Entry, Kind, MemoryState, Parking, RunOptions, RunReport, StateStore, Stop, Transport, World,
};
use engine_source::{Finding, Node, Span};
use engine_spec::OneOrMany;
use jiff::Timestamp;

use crate::apis::Apis;
use crate::clock::VirtualClock;
use crate::environment::{self, MadeUp};
use crate::event::{Gate, is_awaited, trigger};
use crate::signing::{self, Answered};
use crate::sinks::MemorySinks;
use crate::watch::{Seen, Watch};

/// When tests run that do not say.
const NOW: &str = "2030-01-01T00:00:00Z";

/// Where a test is played.
pub(crate) struct Stage<'a> {
    /// The flow, or what the test runs instead.
    pub(crate) plan: Arc<Plan>,
    trial: &'a Trial,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) stop: Stop,
    pub(crate) apis: Arc<Apis>,
    pub(crate) sinks: MemorySinks,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) world: World,
    /// The recording that answers what no endpoint does.
    replay: Option<Arc<Replay>>,
    /// The events that runs wait for.
    parking: Parking,
    inputs: BTreeMap<String, Value>,
    scope: Scope,
    /// What was answered to each event over HTTP.
    answered: Mutex<Vec<Answered>>,
}

/// A clock as templates may ask it.
struct ClockHost(Arc<VirtualClock>);

impl Host for ClockHost {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn random(&self) -> u64 {
        self.0.random()
    }
}

impl<'a> Stage<'a> {
    /// Sets the stage, within a runtime whose clock is paused.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the test itself.
    pub(crate) fn new(plan: &Arc<Plan>, trial: &'a Trial, seed: u64) -> Result<Self, Box<Finding>> {
        let test = &trial.test;
        let plan = Arc::clone(trial.plan.as_ref().unwrap_or(plan));
        let plans = flows(&plan);
        let stop = Stop::new();
        let place = trial.node.entry("mock").map(|entry| entry.key.span);
        let place = place.or_else(|| trial.node.get("name").map(Node::span)).unwrap_or_default();
        let folder = plan.folder(place).to_path_buf();
        let replay = replay(trial, &folder)?;
        let start = match &replay {
            Some(replay) if test.now.is_none() => replay.clock().now(),
            _ => now(trial)?,
        };
        let clock = Arc::new(VirtualClock::new(start, seed, stop.clone()));
        let inputs = match &replay {
            // What is not given is as it was recorded.
            Some(_) => {
                test.inputs.iter().map(|(name, value)| (name.value.to_string(), value.value().clone())).collect()
            }
            None => environment::inputs(&plan, test),
        };
        let scope = Scope::new(Arc::new(ClockHost(Arc::clone(&clock))));
        let scope = scope.with("inputs", all_inputs(&plan, &inputs, &scope));
        let mocks = trial.node.get("mock");
        let apis = Apis::new(&plans, &test.mock, mocks, place, folder, scope.clone(), Arc::clone(&clock), stop.clone());
        let answering = replay.as_ref().map(|replay| Arc::clone(replay) as Arc<dyn Transport>);
        let apis = Arc::new(apis.replaying(answering));
        let state: Arc<dyn StateStore> = Arc::new(MemoryState::default());
        let world = World {
            clock: Arc::clone(&clock) as _,
            environment: Arc::new(MadeUp::new(&plans, test)),
            transport: Arc::clone(&apis) as Arc<dyn Transport>,
            state: Arc::clone(&state),
            shared: Arc::default(),
        };
        let sinks = MemorySinks::new(test);
        let events = test.event.as_ref().map(OneOrMany::as_slice).unwrap_or_default();
        let awaited = events.iter().filter(|event| is_awaited(event)).map(|event| trigger(&plan, event, start));
        let parking = Parking::given(awaited.collect());
        let watch = Arc::default();
        let answered = Mutex::default();
        Ok(Self {
            plan,
            trial,
            clock,
            stop,
            apis,
            sinks,
            state,
            watch,
            world,
            replay,
            parking,
            inputs,
            scope,
            answered,
        })
    }

    /// Runs the flow, once for each event.
    ///
    /// # Errors
    ///
    /// Fails where what a trigger says of its events does.
    pub(crate) async fn play(&self) -> Result<Vec<RunReport>, Box<Finding>> {
        let mut reports = Vec::new();
        for trigger in self.triggers()? {
            if self.stop.is_stopped() {
                break;
            }
            reports.push(self.run(trigger).await);
        }
        Ok(reports)
    }

    /// Returns what starts a run, once for each.
    ///
    /// # Errors
    ///
    /// Fails where what a trigger says of its events does.
    pub(crate) fn triggers(&self) -> Result<Vec<Option<Value>>, Box<Finding>> {
        let Some(events) = self.trial.test.event.as_ref().map(OneOrMany::as_slice) else { return Ok(vec![None]) };
        let (mut gate, now, mut triggers) = (Gate::default(), self.clock.now(), Vec::new());
        // What is missing the run says itself.
        let given = engine_runtime::given(&self.plan, &self.world, &self.options(None)).ok();
        let mut answered = Vec::new();
        for event in events {
            if is_awaited(event) {
                continue;
            }
            let trigger = trigger(&self.plan, event, now);
            let webhook = signing::webhook(&self.plan, &trigger);
            let trigger = match (webhook, &given) {
                (Some(webhook), Some(given)) => match signing::verified(webhook, event, trigger, &given.scope, now) {
                    Ok(trigger) => trigger,
                    Err(why) => {
                        answered.push(Answered { status: signing::REFUSED, why: Some(given.redactor.redact(&why)) });
                        continue;
                    }
                },
                _ => trigger,
            };
            answered.extend(webhook.map(|webhook| Answered { status: signing::status(webhook), why: None }));
            let is_taken = gate.takes(&self.plan, &trigger, &self.scope).map_err(|error| {
                let finding = Finding::error("template-failed", error.message);
                Box::new(finding.label(error.span, "evaluated here").help_if(error.help))
            })?;
            if is_taken {
                triggers.push(Some(trigger));
            }
        }
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = answered;
        // Where all events are for runs that wait, somebody starts one.
        if triggers.is_empty() && events.iter().all(is_awaited) {
            triggers.push(None);
        }
        Ok(triggers)
    }

    async fn run(&self, trigger: Option<Value>) -> RunReport {
        let mut options = self.options(trigger);
        if let Some(replay) = &self.replay {
            replay.prepare(&mut options, |name| self.plan.inputs.contains_key(name));
            // A state in memory does not fail.
            _ = replay.restore(&*self.state).await;
        }
        let (plan, sinks, watch) = (Arc::clone(&self.plan), Arc::new(self.sinks.clone()), Arc::clone(&self.watch) as _);
        engine_runtime::run(plan, self.world.clone(), options, sinks, watch, self.stop.clone()).await
    }

    /// Returns how the flow is run.
    pub(crate) fn options(&self, trigger: Option<Value>) -> RunOptions {
        let state = &self.trial.test.state;
        RunOptions {
            inputs: self.inputs.clone(),
            trigger,
            offline: true,
            parking: Some(self.parking.clone()),
            cursors: state.iter().map(|(name, cursor)| (name.value.to_string(), cursor.value().to_json())).collect(),
            ..RunOptions::default()
        }
    }

    /// Returns what was answered to each event over HTTP.
    pub(crate) fn answered(&self) -> Vec<Answered> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what was seen of the runs.
    pub(crate) fn seen(&self) -> Seen {
        self.watch.seen()
    }

    /// Returns the cursors that are kept.
    pub(crate) async fn cursors(&self) -> Vec<Entry> {
        self.state.list(Kind::Cursor).await.unwrap_or_default()
    }
}

/// Returns a flow and all within it, each once.
fn flows(plan: &Arc<Plan>) -> Vec<Arc<Plan>> {
    let mut found = vec![Arc::clone(plan)];
    let mut next = 0;
    while let Some(plan) = found.get(next).cloned() {
        next += 1;
        plan.walk(&mut |step| {
            if let Target::Flow(call) = &step.target
                && found.iter().all(|known| known.path != call.plan.path)
            {
                found.push(Arc::clone(&call.plan));
            }
        });
    }
    found
}

/// Returns all inputs of a run, as templates of answers see them.
fn all_inputs(plan: &Plan, given: &BTreeMap<String, Value>, scope: &Scope) -> Value {
    let value = |name: &str, input: &engine_spec::Input| {
        let default = || input.default.as_ref().and_then(|default| default.evaluate(scope).ok().flatten());
        given.get(name).cloned().or_else(default).unwrap_or_default()
    };
    Value::object(plan.inputs.iter().map(|(name, input)| (Arc::clone(&name.value), value(&name.value, input))))
}

fn now(trial: &Trial) -> Result<Timestamp, Box<Finding>> {
    let (text, span) = match &trial.test.now {
        Some(now) => (now.as_str(), now.span()),
        None => (NOW, Span::default()),
    };
    parse_moment(&Value::from(text)).and_then(|moment| moment.timestamp()).ok_or_else(|| {
        let finding = Finding::error("invalid-value", format!("`{text}` is not a point in time"));
        Box::new(finding.label(span, "when the test runs").help("write one such as `2025-03-01T10:00:00Z`"))
    })
}

/// Opens the recording that a test names.
fn replay(trial: &Trial, folder: &Path) -> Result<Option<Arc<Replay>>, Box<Finding>> {
    let Some(name) = &trial.test.mock.replay else { return Ok(None) };
    Replay::open(&folder.join(name.as_str())).map(|replay| Some(Arc::new(replay))).map_err(|error| {
        let finding = Finding::error("unreadable-file", error.message).label(name.span(), "the recording");
        Box::new(finding.help(error.help.unwrap_or_else(|| "the path is relative to the spec".to_owned())))
    })
}
