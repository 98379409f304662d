//! Beginning a run, or finding the one to go on with.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use engine_expr::{Members, Value};
use engine_plan::{Plan, Target, Wait};
use engine_request::Method;
use engine_source::Span;
use jiff::Timestamp;

use super::driver::{Driver, LEASE};
use super::request::Requests;
use super::store::{Lease, RunEntry, RunStatus};
use super::{Effect, Journal, Shared, fingerprint};
use crate::failure::Failure;
use crate::machine::{Machine, Shape};
use crate::run::RunOptions;
use crate::state::StateError;
use crate::stop::Stop;
use crate::world::World;

/// How a run is journaled.
#[derive(Clone)]
pub struct Journaling {
    /// The file of the spec, as it was named: for who takes the run up by its id.
    pub spec: String,
    /// Who runs it: what no other process has.
    pub holder: String,
    /// Tells whether a holder lives, as far as that is known here.
    pub lives: fn(&str) -> Option<bool>,
    /// Which run is gone on with.
    pub resume: Resume,
    /// How many of its requests are kept, the newest.
    pub requests: u32,
}

impl fmt::Debug for Journaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journaling").field("spec", &self.spec).field("resume", &self.resume).finish_non_exhaustive()
    }
}

/// Which run is gone on with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// The last one of the same flow that was given the same, if it did not come to its end.
    #[default]
    Last,
    /// None.
    Fresh,
    /// That of this id.
    Run(String),
}

/// What was found before a run begins.
pub(crate) struct Found {
    /// The run to go on with.
    pub(crate) entry: Option<RunEntry>,
    plan: String,
    given: String,
    /// What there is to say.
    pub(crate) note: Option<String>,
}

/// A run that begins, or goes on.
pub(crate) struct Begin<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    pub(crate) started_at: Timestamp,
    /// All its inputs.
    pub(crate) inputs: &'a Value,
    /// What started it, if it was not somebody by hand.
    pub(crate) trigger: Option<&'a Value>,
    pub(crate) plan: &'a Plan,
    pub(crate) world: &'a World,
    pub(crate) journaling: &'a Journaling,
    /// Ends it.
    pub(crate) stop: &'a Stop,
}

/// How many runs are looked at for the one to go on with.
const LOOKED_AT: u32 = 50;

/// Finds the run to go on with. Nothing where runs of this plan are not journaled: nothing that they do would be lost or done twice.
///
/// # Errors
///
/// Fails where the run that was asked for can't be gone on with.
pub(crate) async fn find(plan: &Plan, world: &World, options: &RunOptions) -> Result<Option<Found>, Failure> {
    let Some(journaling) = options.journaling.as_ref().filter(|_| !options.dry_run && !options.placeholders) else {
        return Ok(None);
    };
    let wanted = match &journaling.resume {
        Resume::Run(id) => Some(id),
        _ => None,
    };
    if wanted.is_none() && !acts(plan) {
        return Ok(None);
    }
    match look(plan, world, options, journaling).await {
        Ok(found) => Ok(Some(found)),
        Err(Trouble::Refused(failure)) => Err(*failure),
        // To begin anew because it can't be seen what was done before would do it twice.
        Err(Trouble::State(error)) => Err(Failure::from(error)),
    }
}

enum Trouble {
    State(StateError),
    Refused(Box<Failure>),
}

impl From<StateError> for Trouble {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

async fn look(plan: &Plan, world: &World, options: &RunOptions, journaling: &Journaling) -> Result<Found, Trouble> {
    let known_by = fingerprint::of_plan(plan);
    let given = fingerprint::of_given(plan, options, &*world.environment, &*world.state)?;
    let found = |entry, note| Found { entry, plan: known_by.clone(), given: given.clone(), note };
    let refused = |text: String, help: &str| {
        Trouble::Refused(Box::new(Failure::new("run-not-resumable", text, Span::default()).help(help)))
    };
    match &journaling.resume {
        Resume::Fresh => Ok(found(None, None)),
        Resume::Run(id) => {
            let Some(entry) = world.state.find_run(id).await? else {
                return Err(refused(
                    format!("there is no run `{id}`"),
                    "`engine runs list` shows those that there are",
                ));
            };
            if entry.status.is_done() {
                return Err(refused(
                    format!("run `{id}` is at its end: nothing of it is left to do"),
                    "run the spec without `--resume`",
                ));
            }
            if entry.flow != plan.name {
                let text = format!("run `{id}` is one of the flow `{}`, and this is `{}`", entry.flow, plan.name);
                return Err(refused(text, "name the spec of that run"));
            }
            if is_under_way(&entry, world, journaling).await? {
                return Err(refused(
                    format!("run `{id}` is under way"),
                    "wait for it, or end it with `engine runs cancel`",
                ));
            }
            let note = format!("goes on with run {id}, which {}", how(&entry));
            Ok(found(Some(entry), Some(note)))
        }
        Resume::Last => {
            let runs = world.state.list_runs(Some(&plan.name), LOOKED_AT).await?;
            let same = runs.iter().find(|run| run.given == given);
            let Some(last) = same.filter(|run| !run.status.is_done() && run.status != RunStatus::Cancelled) else {
                return Ok(found(None, None));
            };
            if last.plan != known_by {
                let note = format!(
                    "the spec has changed since run {} {}: this is a new run (`--resume {}` goes on with that one)",
                    last.id,
                    how(last),
                    last.id
                );
                return Ok(found(None, Some(note)));
            }
            if is_under_way(last, world, journaling).await? {
                return Err(refused(
                    format!("run `{}` of this flow, which was given the same, is under way", last.id),
                    "wait for it, end it with `engine runs cancel`, or run beside it with `--fresh`",
                ));
            }
            let Some(entry) = world.state.find_run(&last.id).await? else { return Ok(found(None, None)) };
            let note = format!("goes on with run {}, which {} (`--fresh` begins anew)", entry.id, how(&entry));
            Ok(found(Some(entry), Some(note)))
        }
    }
}

fn how(entry: &RunEntry) -> &'static str {
    match entry.status {
        RunStatus::Failed => "failed",
        RunStatus::Interrupted => "was interrupted",
        RunStatus::Cancelled => "was cancelled",
        RunStatus::Running | RunStatus::Ok | RunStatus::Partial => "was broken off",
    }
}

/// Tells whether somebody works on a run; where nobody knows, waits until its lease is renewed or over.
async fn is_under_way(entry: &RunEntry, world: &World, journaling: &Journaling) -> Result<bool, StateError> {
    let Some(holder) = &entry.holder else { return Ok(false) };
    if let Some(lives) = (journaling.lives)(holder) {
        return Ok(lives);
    }
    while entry.held_until > world.clock.now() {
        world.clock.sleep(Duration::from_millis(500)).await;
        match world.state.find_run(&entry.id).await? {
            Some(now) if now.holder == entry.holder && now.held_until == entry.held_until => {}
            Some(now) => return Ok(now.holder.is_some()),
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// Begins the journal of a run: of a new one, or of the one that was found.
///
/// # Errors
///
/// Fails where what was journaled can't be read, or does not fit the plan.
pub(crate) async fn begin(found: Found, run: &Begin<'_>) -> Result<(Journal, Option<String>), Failure> {
    let Begin { id, started_at, inputs, trigger, plan, world, journaling, stop } = *run;
    let shape = Shape::of(plan);
    let lease = Lease { holder: journaling.holder.clone(), now: world.clock.now(), time: LEASE };
    let mut acks = HashMap::new();
    let (machine, commands, next) = match &found.entry {
        None => {
            if found.plan.is_empty() {
                return Ok((Journal::unkept(shape), found.note));
            }
            let entry = RunEntry {
                id: id.to_owned(),
                flow: plan.name.clone(),
                spec: journaling.spec.clone(),
                plan: found.plan,
                given: found.given,
                inputs: inputs.to_json().into_bytes(),
                trigger: trigger.map(|trigger| trigger.to_json().into_bytes()),
                status: RunStatus::Running,
                started_at,
                ended_at: None,
                error: None,
                holder: Some(lease.holder.clone()),
                held_until: lease.until(),
                is_cancelled: false,
                steps: None,
            };
            world.state.begin_run(&entry).await?;
            let (machine, commands) = Machine::start(shape);
            (machine, commands, 0)
        }
        Some(entry) => {
            if !world.state.take_run(&entry.id, entry.holder.as_deref(), &lease).await? {
                return Err(Failure::new("run-not-resumable", format!("run `{id}` is under way"), Span::default())
                    .help("wait for it, or end it with `engine runs cancel`"));
            }
            let log = world.state.run_log(&entry.id).await?;
            let damaged = || {
                Failure::new("run-not-resumable", format!("the journal of run `{id}` can't be read"), Span::default())
                    .help("begin anew with `--fresh`")
            };
            let mut next = 0;
            let mut machine = match &log.snapshot {
                Some((from, state)) => {
                    next = *from;
                    serde_json::from_slice::<Machine>(state).map_err(|_| damaged())?
                }
                None => Machine::start(shape.clone()).0,
            };
            for (number, chunk) in &log.chunks {
                for line in chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    machine.on(serde_json::from_slice(line).map_err(|_| damaged())?);
                }
                next = number + 1;
            }
            if *machine.shape() != shape {
                let text = format!("the steps of the spec are others than when run `{id}` began");
                return Err(Failure::new("run-not-resumable", text, Span::default())
                    .help("bring the spec back as it was, or begin anew with `--fresh`"));
            }
            for ack in log.acks {
                let effect = ack.effect.map(|bytes| Effect::read(&bytes).ok_or_else(damaged)).transpose()?;
                acks.insert(ack.key, effect);
            }
            let commands = machine.resume();
            (machine, commands, next)
        }
    };
    let kept = (Arc::clone(&world.state), id.to_owned());
    let mut asked = 0;
    if found.entry.is_some() && journaling.requests > 0 {
        asked = world.state.run_requests(id).await?.last().map_or(0, |last| last.number);
    }
    let requests = Requests::new(journaling.requests, asked);
    let shared = Arc::new(Shared::new(machine, &commands, Some(kept), acks, requests, stop.clone()));
    shared.is_resumed.store(found.entry.is_some(), Ordering::Relaxed);
    {
        let machine = shared.machine();
        let waits =
            machine.waits().filter_map(|(key, until)| Some((key.clone(), Timestamp::from_millisecond(until).ok()?)));
        shared.deadlines.lock().unwrap_or_else(PoisonError::into_inner).extend(waits);
    }
    // The state that the run begins with, or goes on from, is the first thing that is written.
    shared.buffer().is_whole = true;
    let driver = Driver {
        shared: Arc::clone(&shared),
        run: id.to_owned(),
        holder: journaling.holder.clone(),
        store: Arc::clone(&world.state),
        clock: Arc::clone(&world.clock),
        next,
    };
    tokio::spawn(driver.drive());
    let journal = Journal(shared);
    journal.flush().await?;
    Ok((journal, found.note))
}

/// Reads the inputs that a run was given.
pub(crate) fn inputs_of(entry: &RunEntry) -> BTreeMap<String, Value> {
    let inputs = std::str::from_utf8(&entry.inputs).ok().and_then(|text| Value::from_json(text).ok());
    let members = inputs.as_ref().and_then(Value::as_object);
    let given = members.into_iter().flat_map(Members::iter).filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.to_string(), value.clone())).collect()
}

/// Reads what a run was started by.
pub(crate) fn trigger_of(entry: &RunEntry) -> Option<Value> {
    let text = std::str::from_utf8(entry.trigger.as_deref()?).ok()?;
    Value::from_json(text).ok()
}

/// Tells whether a plan does anything that must not be lost or done twice, beside reading and printing.
fn acts(plan: &Plan) -> bool {
    let mut acts = false;
    plan.walk(&mut |step| {
        acts |= match &step.target {
            Target::Write(write) => !matches!(write.sink.sink, engine_spec::Sink::Stdout(_)),
            Target::Call(call) => !matches!(call.endpoint.request.method(), Method::Get | Method::Head),
            Target::Flow(_) => true,
            // What is parked is gone on with by what was written down.
            Target::Wait(wait) => matches!(**wait, Wait::Event { .. }),
            _ => false,
        };
    });
    acts
}
