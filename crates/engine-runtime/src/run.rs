//! A run: inputs and secrets, then the steps one after another, those that take a stream along with the one that gives it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use engine_expr::{Members, Scope, Secret, Value};
use engine_plan::{Items, Plan, Source};
use engine_source::{Finding, Findings};
use tokio::sync::{mpsc, watch};
use url::Url;

use crate::exchange::Exchanges;
use crate::failure::Failure;
use crate::hidden::Hidden;
use crate::inputs;
use crate::mapping::StepRecords;
use crate::outlet::{Delivery, Kept, Outlet, Printed, WAITING};
use crate::pending::Pending;
use crate::report::{Counts, Event, Observer, RunReport, Status, StepReport};
use crate::secrets::SecretsFrom;
use crate::sink::Sinks;
use crate::step::{StepRun, run_step};
use crate::stop::Stop;
use crate::world::{ClockHost, World};

/// How a plan is run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The inputs that are given, as texts or as values of their types.
    pub inputs: BTreeMap<String, Value>,
    /// How many records each read takes at most.
    pub limit: Option<u64>,
    /// Whether everything is read, as if no run had been before.
    pub full_refresh: bool,
    /// Whether nothing is written or changed: sinks stay closed, and only GET and HEAD requests are sent.
    pub dry_run: bool,
    /// Where APIs are instead of their `base_url`, by their names.
    pub base_urls: HashMap<String, Url>,
    /// The id of the run, where it goes on with one that began before: its idempotency keys are those of then.
    pub run_id: Option<String>,
    /// Whether inputs and secrets that are not given get a value that stands for one: for mocked runs.
    pub placeholders: bool,
}

/// What all steps of a run share.
pub(crate) struct RunContext {
    pub(crate) plan: Arc<Plan>,
    pub(crate) options: RunOptions,
    pub(crate) sinks: Arc<dyn Sinks>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) exchanges: Arc<Exchanges>,
    pub(crate) base: Scope,
    pub(crate) stop: Stop,
    /// The run's own id, part of what idempotency keys are made of.
    pub(crate) id: String,
    /// How each step ended, for those that wait for it.
    pub(crate) ends: Vec<watch::Sender<Option<End>>>,
    /// What each step keeps for others.
    pub(crate) kept: Vec<Arc<Kept>>,
    /// The records of steps that lookups ask for, as lists.
    pub(crate) lists: HashMap<String, Arc<OnceLock<Value>>>,
    /// What reads keep for the next run, once all was delivered.
    pub(crate) pending: Pending,
    failure: Mutex<Option<Box<Finding>>>,
    hidden: Hidden,
}

/// How a step ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) counts: Counts,
    pub(crate) error: Option<String>,
}

impl StepRecords for RunContext {
    fn records(&self, step: &str) -> Option<Arc<OnceLock<Value>>> {
        self.lists.get(step).cloned()
    }
}

/// Runs a plan to its end.
///
/// Nothing is sent before all inputs and secrets are there. A failure of one step stops the run; what was delivered stays.
pub async fn run(
    plan: Arc<Plan>,
    world: World,
    options: RunOptions,
    sinks: Arc<dyn Sinks>,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> RunReport {
    let id = options.run_id.clone().unwrap_or_else(|| run_id(&world));
    let context = match prepare(plan, &world, options, sinks, observer, stop, id.clone()) {
        Ok(context) => Arc::new(context),
        Err(findings) => {
            let errors = findings.into_iter().collect();
            return RunReport { id, status: Status::Failed, steps: Vec::new(), errors };
        }
    };
    let mut steps = Vec::new();
    for group in groups(&context.plan) {
        if context.stop.is_stopped() {
            break;
        }
        steps.extend(run_group(&context, &group).await);
    }
    if let Err((step, failure)) = context.pending.save(&context).await
        && let Some(step) = context.plan.steps.get(step)
    {
        context.fail(&step.id, &failure);
    }
    context.exchanges.settle().await;
    let error = context.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    let partial = steps.iter().any(|step| step.counts.invalid + step.counts.failed + step.counts.dead_lettered > 0);
    let status = match &error {
        Some(_) => Status::Failed,
        None if context.stop.is_stopped() => Status::Interrupted,
        None if partial => Status::Partial,
        None => Status::Ok,
    };
    RunReport { id, status, steps, errors: error.into_iter().map(|error| *error).collect() }
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
    stop: Stop,
    id: String,
) -> Result<RunContext, Findings> {
    let (base, texts) = base_scope(&plan, world, &options, &id)?;
    let hidden = Hidden::new(texts);
    let exchanges = Exchanges::new(&plan, world, &options, &base, hidden.clone()).map_err(|failure| {
        let mut findings = Findings::default();
        findings.push(failure.finding(None, &plan.sources));
        findings
    })?;
    let kept = plan.steps.iter().map(|step| Arc::new(Kept::new(step.kept.all, step.kept.last))).collect();
    let lists = plan.steps.iter().filter(|step| step.kept.all).map(|step| (step.id.clone(), Arc::default())).collect();
    let ends = plan.steps.iter().map(|_| watch::Sender::new(None)).collect();
    Ok(RunContext {
        plan,
        options,
        sinks,
        observer,
        exchanges: Arc::new(exchanges),
        base,
        stop,
        id,
        ends,
        kept,
        lists,
        pending: Pending::default(),
        failure: Mutex::default(),
        hidden,
    })
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
    let mut findings = Findings::default();
    let host = Arc::new(ClockHost(Arc::clone(&world.clock)));
    let started = world.clock.now();
    let run = Value::object([
        ("id", Value::from(id)),
        ("flow", Value::from(plan.name.as_str())),
        ("started_at", Value::from(started.to_string())),
    ]);
    let trigger = Value::object([("type", Value::from("manual")), ("time", Value::from(started.to_string()))]);
    let scope = Scope::new(host).with("run", run).with("trigger", trigger);
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
    let scope = scope.with("secrets", secrets);
    if findings.has_errors() {
        return Err(findings);
    }
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
    /// Takes note of a failure, of which the first counts, and stops the run.
    pub(crate) fn fail(&self, step: &str, failure: &Failure) {
        let finding = self.finding(step, failure);
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| Box::new(finding));
        self.stop.stop();
    }

    /// Tells that a record was left out, and why.
    pub(crate) fn reject(&self, step: &str, failure: &Failure) {
        let finding = Box::new(self.finding(step, failure));
        self.observer.event(Event::Rejected { step: step.into(), finding });
    }

    /// Makes the finding of a failure, without secrets.
    pub(crate) fn finding(&self, step: &str, failure: &Failure) -> Finding {
        let mut finding = failure.finding(Some(step), &self.plan.sources);
        finding.message = self.hidden.redact(&finding.message);
        finding.help = finding.help.map(|help| self.hidden.redact(&help));
        finding
    }

    /// Removes secrets from a text that is shown.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.hidden.redact(text)
    }

    /// Returns the names that a step may use: `steps` has those that it waits for.
    pub(crate) async fn scope_of(&self, step: &engine_plan::Step) -> Result<Scope, Failure> {
        if step.waits_for.is_empty() {
            return Ok(self.base.clone());
        }
        let mut steps = Members::new();
        for &index in &step.waits_for {
            let (Some(end), Some(other)) = (self.ends.get(index), self.plan.steps.get(index)) else { continue };
            let mut receiver = end.subscribe();
            let end = receiver.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
            let Some(end) = end else { continue };
            let records = self.kept.get(index).map(|kept| kept.values()).transpose()?.unwrap_or_default();
            let mut members = vec![
                ("status", Value::from(status_name(end.status))),
                ("error", end.error.map_or(Value::Null, Value::from)),
                ("counts", counts_value(&end.counts)),
            ];
            if let (true, Some(last)) = (other.kept.last || other.kept.all, records.last()) {
                members.push(("item", last.clone()));
            }
            if other.kept.all {
                let items = Value::list(records);
                if let Some(list) = self.lists.get(&other.id) {
                    _ = list.set(items.clone());
                }
                members.push(("items", items));
            }
            steps.insert(other.id.as_str(), Value::object(members));
        }
        Ok(self.base.with("steps", Value::Object(Arc::new(steps))))
    }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Ok | Status::Partial => "ok",
        Status::Skipped => "skipped",
        Status::Failed | Status::Interrupted => "failed",
    }
}

fn counts_value(counts: &Counts) -> Value {
    Value::object([
        ("read", Value::from(counts.read)),
        ("dropped", counts.dropped.into()),
        ("invalid", counts.invalid.into()),
        ("sent", counts.sent.into()),
        ("failed", counts.failed.into()),
        ("skipped", counts.skipped.into()),
        ("dead_lettered", counts.dead_lettered.into()),
        ("out", counts.out.into()),
    ])
}

/// Puts the steps that run together into groups, in order: a stream's giver and its takers, and whoever these wait for.
fn groups(plan: &Plan) -> Vec<Vec<usize>> {
    let mut group_of: Vec<usize> = (0..plan.steps.len()).collect();
    let join = |group_of: &mut Vec<usize>, left: usize, right: usize| {
        let (Some(&left), Some(&right)) = (group_of.get(left), group_of.get(right)) else { return false };
        let (first, second) = (left.min(right), left.max(right));
        for group in group_of.iter_mut().filter(|group| **group == second) {
            *group = first;
        }
        first != second
    };
    for step in &plan.steps {
        if let Some(from) = stream_of(step) {
            join(&mut group_of, from, step.index);
        }
    }
    // A step that waits for one of a later group can only run along with it.
    let mut again = true;
    while again {
        again = false;
        for step in &plan.steps {
            for &other in &step.waits_for {
                if group_of.get(other) > group_of.get(step.index) {
                    again |= join(&mut group_of, other, step.index);
                }
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (step, group) in group_of.into_iter().enumerate() {
        groups.entry(group).or_default().push(step);
    }
    groups.into_values().collect()
}

/// Returns the step whose stream a step takes.
pub(crate) fn stream_of(step: &engine_plan::Step) -> Option<usize> {
    match step.for_each() {
        Some(Items::Step(index)) => Some(*index),
        _ => None,
    }
}

async fn run_group(context: &Arc<RunContext>, group: &[usize]) -> Vec<StepReport> {
    let printed: Vec<_> = context.plan.steps.iter().filter(|step| step.printed).collect();
    let several = printed.len() > 1 || printed.iter().any(|step| step.reads().len() > 1);
    let mut inlets: HashMap<usize, Inlet> = HashMap::new();
    let mut outlets: HashMap<usize, Vec<mpsc::Sender<Delivery>>> = HashMap::new();
    for &index in group {
        let Some(step) = context.plan.steps.get(index) else { continue };
        let Some(from) = stream_of(step) else { continue };
        let waits = step.waits_for.iter().any(|other| group.contains(other));
        let (sender, receiver) = mpsc::channel(if waits { WAITING_UNTIL_END } else { WAITING });
        outlets.entry(from).or_default().push(sender);
        inlets.insert(index, receiver);
    }
    let mut tasks = Vec::new();
    for &index in group {
        let Some(step) = context.plan.steps.get(index) else { continue };
        let kept = context.kept.get(index).cloned().unwrap_or_default();
        let printed = step.printed.then(|| Printed {
            observer: Arc::clone(&context.observer),
            stream: several.then(|| stream_name(step)),
            mixed: step.reads().len() > 1,
        });
        let outlet = Outlet { consumers: outlets.remove(&index).unwrap_or_default(), printed, kept };
        let run =
            StepRun { context: Arc::clone(context), step: Arc::clone(step), inlet: inlets.remove(&index), outlet };
        tasks.push(tokio::spawn(run_to_end(Arc::clone(context), index, run)));
    }
    let mut reports = Vec::new();
    for task in tasks {
        // Whatever breaks off within it, the task itself comes to its end.
        reports.extend(task.await);
    }
    reports
}

/// Runs a step, and tells those who wait for it how it ended as soon as it has.
async fn run_to_end(context: Arc<RunContext>, index: usize, run: StepRun) -> StepReport {
    let step = Arc::clone(&run.step);
    let (status, counts, error) = match tokio::spawn(run_step(run)).await {
        Ok(Ok((status, counts))) => (status, counts, None),
        Ok(Err((failure, counts))) => (Status::Failed, counts, Some(failure.message)),
        Err(_) => {
            context.fail(&step.id, &Failure::new("internal-error", "the step broke off", step.span));
            (Status::Failed, Counts::default(), Some("the step broke off".to_owned()))
        }
    };
    if let Some(end) = context.ends.get(index) {
        end.send_replace(Some(End { status, counts, error }));
    }
    let id: Arc<str> = step.id.as_str().into();
    context.observer.event(Event::StepFinished { step: Arc::clone(&id), status, counts });
    StepReport { id, status, counts }
}

type Inlet = mpsc::Receiver<Delivery>;

/// How many batches wait for a step that cannot begin before others of its group have ended.
const WAITING_UNTIL_END: usize = 1 << 20;

/// Names the stream of a step where several are printed: its id, or what it reads.
fn stream_name(step: &engine_plan::Step) -> String {
    match (&step.source, step.reads()) {
        (Source::Read { .. }, [read]) if step.id.starts_with("step_") => read.name().to_owned(),
        _ => step.id.clone(),
    }
}
