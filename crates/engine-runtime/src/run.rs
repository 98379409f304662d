//! A run: inputs and secrets, then the steps of the flow, then those for its end.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use engine_expr::{Members, Scope, Secret, Value};
use engine_plan::Plan;
use engine_source::{Finding, Findings};
use jiff::Timestamp;
use url::Url;

use crate::body::Placed;
use crate::book::Book;
use crate::exchange::Exchanges;
use crate::failure::Failure;
use crate::frame::Frame;
use crate::hidden::Hidden;
use crate::inputs;
use crate::journal::{self, Journal, Journaling};
use crate::letters::{DeadLetters, StoredLetters};
use crate::machine::{self, Part, Shape};
use crate::mapping::Mappers;
use crate::parking::{Parking, awaits};
use crate::recorder::{RecordedRun, Recorder, Replayed};
use crate::report::{Event, Observer, RunReport, Status};
use crate::results::Results;
use crate::retry::Retry;
use crate::secrets::SecretsFrom;
use crate::sink::Sinks;
use crate::stage::no_server;
use crate::stop::Stop;
use crate::trigger::trigger;
use crate::world::{ClockHost, World};
use crate::writers::Writers;

/// How a plan is run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The inputs that are given, as texts or as values of their types.
    pub inputs: BTreeMap<String, Value>,
    /// What started it, the name `trigger` of the spec; somebody by hand if none.
    pub trigger: Option<Value>,
    /// How many records each read takes at most.
    pub limit: Option<u64>,
    /// Whether everything is read, as if no run had been before.
    pub full_refresh: bool,
    /// Whether nothing is written or changed: sinks stay closed, and only GET and HEAD requests are sent.
    pub dry_run: bool,
    /// Where APIs are instead of their `base_url`, by their names.
    pub base_urls: HashMap<String, Url>,
    /// The same for the flows within, by the paths of their specs; one that is not among them asks where this one does.
    pub flow_base_urls: HashMap<PathBuf, HashMap<String, Url>>,
    /// The id of the run, where it goes on with one that began before: its idempotency keys are those of then.
    pub run_id: Option<String>,
    /// Whether inputs and secrets that are not given get a value that stands for one: for mocked runs.
    pub placeholders: bool,
    /// When the run began, where it goes on with one that began before.
    pub started_at: Option<Timestamp>,
    /// The dead letters that are sent again; nothing else is read then.
    pub retry: Option<Retry>,
    /// Whether nobody is reached and no file is written: how hosts are connected to is not looked at, so that certificates need not be there. For
    /// tests.
    pub offline: bool,
    /// How far reads came before where nothing is kept of them, by the addresses of steps or the names of endpoints. For tests.
    pub cursors: BTreeMap<String, String>,
    /// Who keeps the exchanges, if anybody does.
    pub recorder: Option<Arc<dyn Recorder>>,
    /// What the run is given, where its exchanges come from a recording.
    pub replayed: Option<Arc<Replayed>>,
    /// Takes what the steps have come to, for who waits for the end of the run.
    pub results: Option<Results>,
    /// Where the events come from that it waits for, if there is somebody who takes them.
    pub parking: Option<Parking>,
    /// How the run is written down, so that it is gone on with where it breaks off; if it is.
    pub journaling: Option<Journaling>,
}

impl RunOptions {
    /// Returns how far a read came before: that of a step, or that of an endpoint.
    pub(crate) fn cursor(&self, step: &str, endpoint: &str) -> Option<Vec<u8>> {
        let name = endpoint.split_once('.').map_or(endpoint, |(_, name)| name);
        [step, endpoint, name]
            .iter()
            .find_map(|stream| self.cursors.get(*stream))
            .map(|cursor| cursor.clone().into_bytes())
    }
}

/// What all steps of a flow share.
pub(crate) struct RunContext {
    pub(crate) plan: Arc<Plan>,
    pub(crate) options: RunOptions,
    pub(crate) sinks: Arc<dyn Sinks>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) exchanges: Arc<Exchanges>,
    pub(crate) base: Scope,
    /// The run's own id.
    pub(crate) id: String,
    pub(crate) started_at: Timestamp,
    /// What idempotency keys are made of: the run's own id, or for a flow within another that and the item that it runs for.
    pub(crate) key: String,
    /// What there is to tell of the steps.
    pub(crate) book: Arc<Book>,
    /// The sinks that steps within others write to, for all items.
    pub(crate) writers: Writers,
    /// The mappings of the steps, compiled.
    pub(crate) mappers: Mappers,
    /// The files that calls have put into their places.
    pub(crate) placed: Arc<Placed>,
    /// Where records go that failed.
    pub(crate) letters: Arc<dyn DeadLetters>,
    pub(crate) hidden: Hidden,
    /// Where what is done is written down.
    pub(crate) journal: Journal,
}

/// Runs a plan to its end.
///
/// Nothing is sent before all inputs and secrets are there. A failure of one step stops the run; what was delivered stays. Then come the
/// steps for a failure, if there was one, and in any case those for the end.
pub async fn run(
    plan: Arc<Plan>,
    world: World,
    options: RunOptions,
    sinks: Arc<dyn Sinks>,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> RunReport {
    let mut options = options;
    // What the steps after a letter read, they read as if they had not before: what they kept was not for this record.
    options.full_refresh |= options.retry.is_some();
    let found = match can_wait(&plan, &options) {
        Ok(()) => journal::find(&plan, &world, &options).await,
        Err(failure) => Err(failure),
    };
    let found = match found {
        Ok(found) => found,
        Err(failure) => {
            let id = options.run_id.unwrap_or_else(|| run_id(&world));
            let errors = vec![failure.finding(None, &plan.sources)];
            return RunReport { id, status: Status::Failed, steps: Vec::new(), errors, rejected: 0 };
        }
    };
    if let Some(entry) = found.as_ref().and_then(|found| found.entry.as_ref()) {
        options.run_id = Some(entry.id.clone());
        options.started_at = Some(entry.started_at);
        options.inputs = journal::inputs_of(entry);
        options.trigger = journal::trigger_of(entry);
    }
    let id = options.run_id.clone().unwrap_or_else(|| run_id(&world));
    let mut context = match prepare(plan, &world, options, sinks, observer, id.clone()) {
        Ok(context) => context,
        Err(findings) => {
            let errors = findings.into_iter().collect();
            return RunReport { id, status: Status::Failed, steps: Vec::new(), errors, rejected: 0 };
        }
    };
    context.observer.begun(&context.id);
    if let Err(failure) = journaled(&mut context, found, &world, &stop).await {
        let errors = vec![context.finding("", &failure)];
        return RunReport { id, status: Status::Failed, steps: Vec::new(), errors, rejected: 0 };
    }
    if let Some(recorder) = &context.options.recorder {
        recorder.begin(&RecordedRun {
            id: &context.id,
            flow: &context.plan.name,
            spec: &context.plan.path,
            started_at: context.started_at,
            inputs: context.base.get("inputs").unwrap_or(&Value::Null),
            trigger: context.options.trigger.as_ref(),
            hidden: &context.hidden,
        });
    }
    let context = Arc::new(context);
    let removing = context.options.retry.as_ref().map(|retry| (retry, retry.begin(&world)));
    let frame = Arc::new(Frame::top(&context, Part::Steps, context.base.clone(), stop.child()));
    frame.pending.restore(&context.journal.ask(|machine| machine.keep().to_vec()));
    let failed = Arc::clone(&frame).run().await.err();
    let saved = saved(&frame).await.err();
    if let Some(failure) = &saved {
        context.journal.event(machine::Event::Failed { message: context.redact(&failure.message) });
    }
    // A second interrupt breaks off.
    let make = |part, base| Ok(Frame::top(&context, part, base, Stop::new()));
    let ending = Ending { frame: &frame, make: &make };
    let mut failures = ending.run(failed.into_iter().chain(saved).collect(), &stop).await;
    if let Some(results) = &context.options.results
        && let Ok(scope) = frame.scope_after(&context.base)
    {
        results.set(scope.get("steps").cloned().unwrap_or_default());
    }
    context.exchanges.settle().await;
    if let Some((retry, removing)) = removing {
        failures.extend(retry.end(removing).await.err());
    }
    let status = |failures: &[Failure]| match failures {
        [_, ..] => Status::Failed,
        [] if stop.is_stopped() => Status::Interrupted,
        [] if context.book.rejected() > 0 => Status::Partial,
        [] => Status::Ok,
    };
    failures.extend(context.journal.failure().filter(|_| failures.is_empty()));
    if matches!(status(&failures), Status::Ok | Status::Partial) && context.journal.flush().await.is_ok() {
        // Whoever goes on from here runs no step again.
        context.journal.forget(&context.sinks).await;
    }
    let error = failures.first().map(|failure| context.finding("", failure).message);
    let reports = |failures: &[Failure]| context.book.reports(failures.first().and_then(Failure::step));
    if let Err(failure) = context.journal.end(status(&failures), error, &reports(&failures)).await
        && failures.is_empty()
    {
        failures.push(failure);
    }
    let status = status(&failures);
    let steps = reports(&failures);
    let errors = failures.iter().map(|failure| context.finding("", failure)).collect();
    RunReport { id, status, steps, errors, rejected: context.book.rejected() }
}

/// Looks whether there is somebody who takes the events that a flow waits for, before anything is done that such an event would be about.
fn can_wait(plan: &Plan, options: &RunOptions) -> Result<(), Failure> {
    let is_pretended = options.placeholders || options.dry_run;
    match awaits(plan) {
        Some(span) if options.parking.is_none() && !is_pretended => Err(no_server(span)),
        _ => Ok(()),
    }
}

/// Begins to write down what the run does, where that is wanted.
async fn journaled(
    context: &mut RunContext,
    found: Option<journal::Found>,
    world: &World,
    stop: &Stop,
) -> Result<(), Failure> {
    let (Some(found), Some(journaling)) = (found, context.options.journaling.as_ref()) else { return Ok(()) };
    let run = journal::Begin {
        id: &context.id,
        started_at: context.started_at,
        inputs: context.base.get("inputs").unwrap_or(&Value::Null),
        trigger: context.options.trigger.as_ref(),
        plan: &context.plan,
        world,
        journaling,
        stop,
    };
    let (journal, note) = journal::begin(found, &run).await?;
    context.book.go_on(journal.ask(|machine| machine.counts().clone()));
    context.journal = journal;
    context.exchanges.keep_history(&context.journal);
    if let Some(message) = note {
        context.observer.event(Event::Note { message });
    }
    Ok(())
}

/// Keeps for the next run what was delivered.
async fn saved(frame: &Arc<Frame>) -> Result<(), Failure> {
    if frame.context.options.retry.is_some() {
        return Ok(());
    }
    frame.pending.save(frame).await.map_err(|(step, failure)| match frame.steps.get(step) {
        Some(step) => failure.within(&frame.address(step)),
        None => failure,
    })
}

/// The end of a flow: the steps for a failure, and those that always run last.
pub(crate) struct Ending<'a> {
    /// The steps of the flow, which have ended.
    pub(crate) frame: &'a Frame,
    /// Begins a block of steps with these names.
    pub(crate) make: &'a (dyn Fn(Part, Scope) -> Result<Frame, Failure> + Sync),
}

impl Ending<'_> {
    /// Runs the steps for the end, and returns all failures, those of the flow first.
    ///
    /// Whoever interrupts a run need not be told that it failed, but what `finally` puts in order has to be so now too.
    pub(crate) async fn run(&self, mut failures: Vec<Failure>, stop: &Stop) -> Vec<Failure> {
        let was_interrupted = stop.is_stopped() || failures.iter().any(Failure::is_interruption);
        failures.retain(|failure| !failure.is_interruption());
        if was_interrupted && failures.is_empty() && self.frame.context.is_parked() {
            // This is not its end.
            return failures;
        }
        if was_interrupted && self.frame.is_top() {
            self.frame.context.journal.event(machine::Event::Interrupted);
        }
        if !failures.is_empty() && !was_interrupted {
            let after = self.after(Part::OnFailure, "failed", &failures).await;
            failures.extend(after.err());
        }
        let status = match failures.as_slice() {
            [_, ..] => "failed",
            [] if was_interrupted => "interrupted",
            [] if self.frame.context.book.rejected() > 0 => "partial",
            [] => "ok",
        };
        let after = self.after(Part::Finally, status, &failures).await;
        failures.extend(after.err());
        failures
    }

    async fn after(&self, part: Part, status: &str, failures: &[Failure]) -> Result<(), Failure> {
        let context = &self.frame.context;
        if part.of(&context.plan).is_empty() || context.options.retry.is_some() {
            return Ok(());
        }
        let mut run = match context.base.get("run") {
            Some(Value::Object(run)) => (**run).clone(),
            _ => Members::new(),
        };
        run.insert("status", Value::from(status));
        let error = failures.first().map(|failure| context.finding("", failure).message);
        run.insert("error", error.map_or(Value::Null, Value::from));
        let base = self.frame.scope_after(&context.base)?.with("run", Value::Object(Arc::new(run)));
        let after = Arc::new((self.make)(part, base)?);
        Arc::clone(&after).run().await?;
        if after.is_top() { saved(&after).await } else { Ok(()) }
    }
}

/// A UUID of version 7 (RFC 9562 §5.7), made from the run's own clock and randomness.
fn run_id(world: &World) -> String {
    let millis = u64::try_from(world.clock.now().as_millisecond()).unwrap_or(0);
    let random = ((u128::from(world.clock.random()) << 64) | u128::from(world.clock.random())).to_be_bytes();
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&random[..10]);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
}

fn prepare(
    plan: Arc<Plan>,
    world: &World,
    options: RunOptions,
    sinks: Arc<dyn Sinks>,
    observer: Arc<dyn Observer>,
    id: String,
) -> Result<RunContext, Findings> {
    let started_at = options.started_at.unwrap_or_else(|| world.clock.now());
    let options = RunOptions { started_at: Some(started_at), ..options };
    let (base, texts) = base_scope(&plan, world, &options, &id)?;
    let hidden = Hidden::new(texts);
    let exchanges = Exchanges::new(&plan, world, &options, &base, hidden.clone()).map_err(|failure| {
        let mut findings = Findings::default();
        findings.push(failure.finding(None, &plan.sources));
        findings
    })?;
    let letters = Arc::new(StoredLetters::new(&plan, &base, options.trigger.as_ref()));
    Ok(RunContext {
        journal: Journal::unkept(Shape::of(&plan)),
        started_at,
        plan,
        options,
        sinks,
        observer,
        exchanges: Arc::new(exchanges),
        base,
        key: id.clone(),
        id,
        book: Arc::default(),
        writers: Writers::default(),
        mappers: Mappers::default(),
        placed: Arc::default(),
        letters,
        hidden,
    })
}

/// Makes the names that vars may use, and gathers what must not be shown: inputs and secrets.
///
/// # Errors
///
/// Gives all inputs and secrets that are missing or wrong.
pub(crate) fn declared_scope(
    plan: &Plan,
    world: &World,
    options: &RunOptions,
    id: &str,
) -> Result<(Scope, Vec<Secret>), Findings> {
    let mut findings = Findings::default();
    let host = Arc::new(ClockHost(Arc::clone(&world.clock)));
    let started = options.started_at.unwrap_or_else(|| world.clock.now());
    let run = Value::object([
        ("id", Value::from(id)),
        ("flow", Value::from(plan.name.as_str())),
        ("started_at", Value::from(started.to_string())),
    ]);
    let trigger = trigger(plan, options.trigger.as_ref(), started);
    let mut scope = Scope::new(host).with("run", run).with("trigger", trigger);
    if awaits(plan).is_some() {
        let url = match &options.parking {
            Some(parking) => parking.url_of(&*world.state, id),
            None => Ok("http://127.0.0.1/wait".to_owned()),
        };
        match url {
            Ok(url) => scope = scope.with("wait", Value::object([("url", Value::from(url))])),
            Err(error) => findings.push(Failure::from(error).finding(None, &plan.sources)),
        }
    }
    let environment = Arc::clone(&world.environment);
    let inputs =
        inputs::inputs(&plan.inputs, &options.inputs, &*environment, &scope, options.placeholders, &mut findings);
    let scope = scope.with("inputs", inputs);
    let from = SecretsFrom {
        environment: &*environment,
        folder: &|span| plan.folder(span),
        scope: &scope,
        placeholders: options.placeholders,
    };
    let (secrets, texts) = from.gather(&plan.secrets, &mut findings);
    if findings.has_errors() { Err(findings) } else { Ok((scope.with("secrets", secrets), texts)) }
}

/// Makes the names that everything in a run may use, and gathers what must not be shown: inputs, secrets and vars.
///
/// # Errors
///
/// Gives all inputs and secrets that are missing or wrong.
pub(crate) fn base_scope(
    plan: &Plan,
    world: &World,
    options: &RunOptions,
    id: &str,
) -> Result<(Scope, Vec<Secret>), Findings> {
    let (scope, texts) = declared_scope(plan, world, options, id)?;
    let mut findings = Findings::default();
    let mut vars = Members::new();
    for (name, value) in &plan.vars {
        // Each sees those before it.
        let so_far = scope.with("vars", Value::Object(Arc::new(vars.clone())));
        match value.evaluate(&so_far) {
            Ok(value) => vars.insert(Arc::clone(&name.value), value.unwrap_or_default()),
            Err(error) => {
                let mut finding = Finding::error("template-failed", format!("var `{}`: {}", name.value, error.message))
                    .label(error.place(&plan.sources), "evaluated here");
                finding.help = error.help;
                findings.push(finding);
                return Err(findings);
            }
        }
    }
    Ok((scope.with("vars", Value::Object(Arc::new(vars))), texts))
}

impl RunContext {
    /// Tells whether the run waits for an event, with which it is gone on.
    pub(crate) fn is_parked(&self) -> bool {
        self.options.parking.as_ref().is_some_and(|parking| parking.until().is_some())
    }

    /// Tells that records were left out, and why.
    pub(crate) fn reject(&self, step: &str, failure: &Failure, records: u64) {
        self.book.reject(records);
        self.tell(step, failure);
    }

    /// Tells of a failure that does not end the run.
    pub(crate) fn tell(&self, step: &str, failure: &Failure) {
        let finding = Box::new(self.finding(step, failure));
        self.observer.event(Event::Rejected { step: step.into(), finding });
    }

    /// Makes the finding of a failure, without secrets.
    pub(crate) fn finding(&self, step: &str, failure: &Failure) -> Finding {
        let mut finding = failure.finding((!step.is_empty()).then_some(step), &self.plan.sources);
        finding.message = self.hidden.redact(&finding.message);
        finding.help = finding.help.map(|help| self.hidden.redact(&help));
        finding
    }

    /// Removes secrets from a text that is shown.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.hidden.redact(text)
    }
}
