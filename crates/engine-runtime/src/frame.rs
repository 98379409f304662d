//! Steps that follow each other, while they run: those of the flow, and those within a step for one item.

mod top;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use engine_expr::{Members, Scope, Value};
use engine_plan::{Block, Items, Source, Step};
use futures_util::future::join_all;
use tokio::sync::{mpsc, watch};

use crate::around::Around;
use crate::book::Rank;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::Item;
use crate::kept::Kept;
use crate::machine::{Machine, Part};
use crate::mapping::StepRecords;
use crate::outlet::{Delivery, Inlet, Outlet, Printed, WAITING, Watched};
use crate::pending::Pending;
use crate::report::{Counts, Status};
use crate::retry::{Retry, Retrying};
use crate::run::RunContext;
use crate::site::Site;
use crate::slot::Slot;
use crate::stage::each::Work;
use crate::step::{StepRun, run_step};
use crate::stop::Stop;
use crate::trail::Trail;
use crate::world::BoxFuture;

/// How deep flows and endpoints made of steps may be within each other.
const MAX_DEPTH: usize = 32;

/// How many batches wait for a step that cannot begin before others of its group have ended.
const WAITING_UNTIL_END: usize = 1 << 20;

/// A block of steps while it runs.
pub(crate) struct Frame {
    pub(crate) context: Arc<RunContext>,
    pub(crate) steps: Block,
    /// The names that all its steps may use.
    pub(crate) base: Scope,
    /// The item that it runs for: that of a step without a source.
    pub(crate) item: Option<Arc<Item>>,
    /// The item that tells its items from those of its other runs.
    pub(crate) under: Option<Arc<Item>>,
    /// How often what it does was undone, and done anew: nothing where it is done for the first time.
    pub(crate) again: Arc<str>,
    /// Where it is.
    above: Option<Above>,
    /// Ends it alone.
    pub(crate) stop: Stop,
    /// What its reads keep for the next run.
    pub(crate) pending: Pending,
    /// How each step ended, for those that wait for it.
    ends: Vec<watch::Sender<Option<End>>>,
    /// What each step keeps for others.
    kept: Vec<Arc<Kept>>,
    /// The records of steps that lookups ask for, as lists.
    lists: HashMap<String, Arc<OnceLock<Value>>>,
    /// Who takes what it hands on.
    out: Mutex<Option<mpsc::Sender<Delivery>>>,
    failure: Mutex<Option<Failure>>,
    /// Which part of the flow that was started these steps are.
    part: Option<Part>,
    /// What counts as delivered only when it is written down that the group has ended.
    held: Mutex<Claim>,
    /// The part in the work on the item that it runs for. Whoever does that work says how it ended.
    claim: Mutex<Claim>,
    /// The dead letters that these steps take up again, where they do.
    retrying: Option<Retrying>,
    /// What is known of the work on an item that is tried again where it fails.
    trail: Option<Arc<Trail>>,
}

/// The step that a frame is within.
#[derive(Clone)]
struct Above {
    frame: Arc<Frame>,
    /// The step's number in its block.
    step: usize,
    /// The endpoint that these steps make up.
    endpoint: Option<usize>,
    /// What comes before the paths of steps, where they are those of another flow or of an endpoint.
    prefix: Option<Arc<str>>,
    /// The ranks that come before those of the steps.
    rank: Rank,
    /// How deep it is in others.
    depth: usize,
    /// Whether its reads keep anything for the next run.
    keeps: bool,
    /// What is held while an item is worked on.
    slot: Option<Arc<Slot>>,
    /// The step and its item, where it is the work on that.
    work: Option<Around>,
}

/// How a step ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) counts: Counts,
    pub(crate) error: Option<String>,
}

impl StepRecords for Frame {
    fn records(&self, step: &str) -> Option<Arc<OnceLock<Value>>> {
        self.lists.get(step).cloned().or_else(|| self.above.as_ref()?.frame.records(step))
    }
}

impl Frame {
    /// Returns the body of the event that started the run, where these are the steps of the flow itself.
    pub(crate) fn event(&self) -> Option<Value> {
        if self.above.is_some() {
            return None;
        }
        self.base.get("trigger")?.get("body").filter(|body| !body.is_null()).cloned()
    }

    /// Begins a block of the flow itself.
    pub(crate) fn top(context: &Arc<RunContext>, part: Part, base: Scope, stop: Stop) -> Self {
        let steps = part.of(&context.plan);
        // What is done because the run failed, or at its end, is done again when it fails again.
        let again = match context.journal.ask(Machine::attempt) {
            attempt if part != Part::Steps && attempt > 1 => format!("#{attempt}").into(),
            _ => Arc::default(),
        };
        let retrying = context.options.retry.as_ref().map(Retry::at_top);
        Self { part: Some(part), again, retrying, ..Self::new(Arc::clone(context), steps, base, None, None, stop) }
    }

    /// Begins a block that runs within a step, for one item.
    pub(crate) fn within(self: &Arc<Self>, step: &Step, steps: &Block, base: Scope, item: Arc<Item>) -> Self {
        let above = Above {
            frame: Arc::clone(self),
            step: step.index,
            endpoint: self.above.as_ref().and_then(|above| above.endpoint),
            prefix: self.above.as_ref().and_then(|above| above.prefix.clone()),
            rank: self.above.as_ref().map(|above| above.rank.clone()).unwrap_or_default(),
            depth: self.depth(),
            keeps: self.keeps(),
            slot: self.slot().cloned(),
            work: None,
        };
        let frame = Self::new(Arc::clone(&self.context), steps, base, Some(item), Some(above), self.stop.child());
        frame.again(Arc::clone(&self.again)).leaving(self.trail.clone())
    }

    /// Begins a block that a step uses, and which knows nothing of it: that of an endpoint, by its number, or of another flow.
    ///
    /// # Errors
    ///
    /// Fails where blocks use each other without end.
    pub(crate) fn apart(
        self: &Arc<Self>,
        step: &Step,
        context: &Arc<RunContext>,
        steps: &Block,
        base: Scope,
        endpoint: Option<usize>,
    ) -> Result<Self, Failure> {
        if self.depth() >= MAX_DEPTH {
            let text = format!("flows and endpoints made of steps use each other {MAX_DEPTH} deep");
            return Err(Failure::new("too-deep", text, step.span)
                .help("let a condition end it: `when`, or `where` before the step that goes deeper"));
        }
        // An endpoint that uses itself is told of once, however deep it goes.
        let around = || std::iter::successors(self.above.as_ref(), |above| above.frame.above.as_ref());
        let same = around()
            .take_while(|above| Arc::ptr_eq(&above.frame.context, context))
            .find(|above| endpoint.is_some() && above.endpoint == endpoint);
        let (prefix, rank) = match same {
            Some(same) => (same.prefix.clone(), same.rank.clone()),
            None => (Some(self.address(step).into()), self.rank(step)),
        };
        let above = Above {
            frame: Arc::clone(self),
            step: step.index,
            endpoint,
            prefix,
            rank,
            depth: self.depth() + 1,
            // What an endpoint keeps for the next run it keeps as a whole.
            keeps: endpoint.is_none() && self.keeps(),
            slot: self.slot().cloned(),
            work: None,
        };
        let frame = Self::new(Arc::clone(context), steps, base, None, Some(above), self.stop.child());
        Ok(frame.again(Arc::clone(&self.again)).leaving(self.trail.clone()))
    }

    fn new(
        context: Arc<RunContext>,
        steps: &Block,
        base: Scope,
        item: Option<Arc<Item>>,
        above: Option<Above>,
        stop: Stop,
    ) -> Self {
        Self {
            context,
            base,
            under: item.clone(),
            item,
            again: Arc::default(),
            above,
            stop,
            pending: Pending::default(),
            ends: steps.iter().map(|_| watch::Sender::new(None)).collect(),
            kept: steps.iter().map(|step| Arc::new(Kept::new(step.kept.all, step.kept.last))).collect(),
            lists: steps.iter().filter(|step| step.kept.all).map(|step| (step.id.clone(), Arc::default())).collect(),
            out: Mutex::default(),
            failure: Mutex::default(),
            part: None,
            held: Mutex::default(),
            claim: Mutex::default(),
            retrying: None,
            trail: None,
            steps: steps.clone(),
        }
    }

    /// Hands what the block hands on to this one.
    #[must_use]
    pub(crate) fn handing_on(self, out: Option<mpsc::Sender<Delivery>>) -> Self {
        Self { out: Mutex::new(out), ..self }
    }

    /// Says of which work it is a part: what its steps write counts as delivered only when it is safe.
    #[must_use]
    pub(crate) fn claiming(self, claim: &Claim) -> Self {
        Self { claim: Mutex::new(claim.clone().leniently()), ..self }
    }

    /// Returns a part in the work on the item that it runs for.
    pub(crate) fn claim(&self) -> Claim {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that it is the work of a step on an item: how often that was undone is known, and what its steps write counts as delivered only
    /// when it is safe.
    #[must_use]
    pub(crate) fn working(mut self, site: &Site, work: &Work) -> Self {
        let item = &work.item;
        let (around, again) = (Around::new(site, item), site.again(item));
        if let Some(above) = &mut self.above {
            above.work = Some(around);
        }
        let trail = work.trail.clone().or(self.trail);
        Self { again, retrying: site.retrying(item), trail, claim: Mutex::new(work.claim.clone().leniently()), ..self }
    }

    /// Returns the steps around these and their items, outermost first; none where these are not run for an item of each.
    pub(crate) fn around(&self) -> Vec<Around> {
        let above = std::iter::successors(self.above.as_ref(), |above| above.frame.above.as_ref());
        let around: Option<Vec<Around>> = above.map(|above| above.work.clone()).collect();
        let mut around = around.unwrap_or_default();
        around.reverse();
        around
    }

    /// Says for which item it runs, of which its steps know nothing.
    #[must_use]
    pub(crate) fn under(self, item: Option<Arc<Item>>) -> Self {
        Self { under: item, ..self }
    }

    /// Says how often what it does was undone.
    #[must_use]
    pub(crate) fn again(self, again: Arc<str>) -> Self {
        Self { again, ..self }
    }

    /// Takes note of what its steps do for the item that it runs for.
    #[must_use]
    pub(crate) fn leaving(self, trail: Option<Arc<Trail>>) -> Self {
        Self { trail, ..self }
    }

    /// Lets it run when what is around it was stopped: it is for the end.
    #[must_use]
    pub(crate) fn ending(self) -> Self {
        Self { stop: Stop::new(), ..self }
    }

    /// Holds a place while it works, which is given back while it waits.
    #[must_use]
    pub(crate) fn holding(mut self, slot: Option<Arc<Slot>>) -> Self {
        if let (Some(above), Some(slot)) = (&mut self.above, slot) {
            above.slot = Some(slot);
        }
        self
    }

    /// Runs all steps.
    ///
    /// # Errors
    ///
    /// Gives the first failure, which has stopped it.
    pub(crate) fn run(self: Arc<Self>) -> BoxFuture<'static, Result<(), Failure>> {
        Box::pin(async move {
            let done = self.run_all().await;
            // Whatever still holds on to this.
            drop(std::mem::take(&mut *self.claim.lock().unwrap_or_else(PoisonError::into_inner)));
            // Whoever takes what is handed on waits for its end, good or bad, whatever still holds on to this.
            let out = self.out.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let (Some(out), Ok(())) = (out, &done) {
                _ = out.send(Delivery::End).await;
            }
            done
        })
    }

    async fn run_all(self: &Arc<Self>) -> Result<(), Failure> {
        if let Some(part) = self.part {
            self.run_due(part).await;
        } else {
            for group in groups(&self.steps) {
                if self.stop.is_stopped() {
                    break;
                }
                self.run_group(&group).await;
            }
        }
        if let Some(failure) = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(failure);
        }
        if self.stop.is_stopped() {
            return Err(Failure::interrupted());
        }
        // Those for the end may still ask for the records.
        self.kept.iter().for_each(|kept| kept.release());
        if let Some(Above { frame, step, .. }) = &self.above {
            self.pending.hand_over(self, &frame.pending, *step);
        }
        Ok(())
    }

    async fn run_group(self: &Arc<Self>, group: &[usize]) {
        let printed: Vec<_> = self.steps.iter().filter(|step| step.printed).collect();
        let several = printed.len() > 1 || printed.iter().any(|step| step.reads().len() > 1);
        let mut inlets: HashMap<usize, Inlet> = HashMap::new();
        let mut outlets: HashMap<usize, Vec<mpsc::Sender<Delivery>>> = HashMap::new();
        for &index in group {
            let Some(step) = self.steps.get(index) else { continue };
            let Some(from) = stream_of(step) else { continue };
            let waits = awaited(step).any(|other| group.contains(&other));
            let (sender, receiver) = mpsc::channel(if waits { WAITING_UNTIL_END } else { WAITING });
            outlets.entry(from).or_default().push(sender);
            inlets.insert(index, receiver);
        }
        let mut runs = Vec::with_capacity(group.len());
        for &index in group {
            let Some(step) = self.steps.get(index) else { continue };
            let printed = (step.printed && self.is_top()).then(|| Printed {
                observer: Arc::clone(&self.context.observer),
                stream: several.then(|| stream_name(step)),
                mixed: step.reads().len() > 1,
            });
            let outlet = Outlet {
                consumers: outlets.remove(&index).unwrap_or_default(),
                out: self.out().filter(|_| step.leaves),
                printed,
                kept: self.kept.get(index).cloned().unwrap_or_default(),
                watched: self
                    .context
                    .observer
                    .watches()
                    .then(|| Watched { observer: Arc::clone(&self.context.observer), step: self.address(step) }),
            };
            let (frame, step, inlet) = (Arc::clone(self), Arc::clone(step), inlets.remove(&index));
            runs.push(Arc::clone(self).run_to_end(index, StepRun { frame, step, inlet, outlet }));
        }
        join_all(runs).await;
    }

    /// Runs a step, and tells those who wait for it how it ended as soon as it has.
    async fn run_to_end(self: Arc<Self>, index: usize, run: StepRun) {
        let step = Arc::clone(&run.step);
        let tally = self.context.book.tally(&self.rank(&step), &self.address(&step), &self.context);
        let own = if self.is_top() { Arc::clone(&tally) } else { Arc::new(tally.part()) };
        let done = if self.is_top() {
            // Whatever breaks off within it, the others come to their ends.
            tokio::spawn(run_step(run, Arc::clone(&own)))
                .await
                .unwrap_or_else(|_| Err(Failure::new("internal-error", "the step broke off", step.span)))
        } else {
            run_step(run, Arc::clone(&own)).await
        };
        let done = match done {
            // A step that ends before its end without being told to has lost something.
            Ok(Status::Interrupted) if !self.stop.is_stopped() => {
                Err(Failure::new("internal-error", "the step broke off", step.span))
            }
            done => done,
        };
        let (status, error) = match done {
            Ok(status) => (status, None),
            Err(failure) => {
                let message = failure.message.clone();
                self.fail(&step, failure);
                (Status::Failed, Some(message))
            }
        };
        if let Some(end) = self.ends.get(index) {
            end.send_replace(Some(End { status, counts: own.counts(), error }));
        }
        self.context.book.ended(&self.rank(&step), status, self.is_top());
    }

    fn out(&self) -> Option<mpsc::Sender<Delivery>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of a failure, of which the first counts, and ends all steps.
    fn fail(&self, step: &Step, failure: Failure) {
        let failure = failure.within(&self.address(step));
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.stop.stop();
    }

    /// Takes over what is done at the end of a step: where a run is taken up again before that is known, the step needs its pages again.
    pub(crate) fn hold(&self, claim: Claim) {
        if self.part.is_none() {
            return claim.settle();
        }
        self.held.lock().unwrap_or_else(PoisonError::into_inner).join(claim);
    }

    /// Takes note of a failure that is that of no step.
    fn fail_whole(&self, failure: Failure) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.stop.stop();
    }

    /// Returns what tells a step from all others of a run, in every run.
    pub(crate) fn address(&self, step: &Step) -> String {
        match self.above.as_ref().and_then(|above| above.prefix.as_ref()) {
            Some(prefix) => format!("{prefix}/{}", step.path),
            None => step.path.clone(),
        }
    }

    /// Returns where a step stands among all that are told of.
    pub(crate) fn rank(&self, step: &Step) -> Rank {
        let mut rank = self.above.as_ref().map(|above| above.rank.clone()).unwrap_or_default();
        rank.push(step.uid);
        rank
    }

    /// Tells whether these are the steps of the flow that was started.
    pub(crate) fn is_top(&self) -> bool {
        self.above.is_none()
    }

    /// Returns the dead letters that these steps take up again, where they do.
    pub(crate) fn retrying(&self) -> Option<&Retrying> {
        self.retrying.as_ref()
    }

    /// Returns what is known of the work on an item that is tried again where it fails.
    pub(crate) fn trail(&self) -> Option<&Arc<Trail>> {
        self.trail.as_ref()
    }

    /// Tells whether these are the steps of a flow itself, the one that was started or one within it.
    pub(crate) fn is_root(&self) -> bool {
        match &self.above {
            None => true,
            Some(above) => !Arc::ptr_eq(&above.frame.context, &self.context),
        }
    }

    /// Tells whether reads keep anything for the next run.
    pub(crate) fn keeps(&self) -> bool {
        self.above.as_ref().is_none_or(|above| above.keeps)
    }

    /// Returns what is given back while something within waits.
    pub(crate) fn slot(&self) -> Option<&Arc<Slot>> {
        self.above.as_ref()?.slot.as_ref()
    }

    fn depth(&self) -> usize {
        self.above.as_ref().map_or(0, |above| above.depth)
    }

    /// Returns how a step ended, if it has.
    pub(crate) fn end_of(&self, step: usize) -> Option<Status> {
        self.ends.get(step)?.borrow().as_ref().map(|end| end.status)
    }

    /// Returns the names that a step may use: `steps` has those that it waits for.
    ///
    /// # Errors
    ///
    /// Fails where a record that is kept can't be read.
    pub(crate) async fn scope_of(&self, step: &Step) -> Result<Scope, Failure> {
        for end in awaited(step).filter_map(|index| self.ends.get(index)) {
            _ = end.subscribe().wait_for(Option::is_some).await;
        }
        self.with_steps(&self.base, &step.waits_for)
    }

    /// Returns the names that steps after these may use: `steps` has all of these that have ended.
    ///
    /// # Errors
    ///
    /// Fails where a record that is kept can't be read.
    pub(crate) fn scope_after(&self, base: &Scope) -> Result<Scope, Failure> {
        self.with_steps(base, &(0..self.steps.len()).collect::<Vec<_>>())
    }

    /// Adds steps to what is known of those around.
    fn with_steps(&self, base: &Scope, wanted: &[usize]) -> Result<Scope, Failure> {
        if wanted.is_empty() {
            return Ok(base.clone());
        }
        let mut steps = match base.get("steps") {
            Some(Value::Object(outer)) => (**outer).clone(),
            _ => Members::new(),
        };
        for &index in wanted {
            let (Some(end), Some(step)) = (self.ends.get(index), self.steps.get(index)) else { continue };
            let Some(end) = end.borrow().clone() else { continue };
            let records = self.kept.get(index).map(|kept| kept.values()).transpose()?.unwrap_or_default();
            let mut members = vec![
                ("status", Value::from(status_name(end.status))),
                ("error", end.error.map_or(Value::Null, Value::from)),
                ("counts", counts_value(&end.counts)),
            ];
            if let (true, Some(last)) = (step.kept.last || step.kept.all, records.last()) {
                members.push(("item", last.clone()));
            }
            if step.kept.all {
                let items = Value::list(records);
                if let Some(list) = self.lists.get(&step.id) {
                    _ = list.set(items.clone());
                }
                members.push(("items", items));
            }
            steps.insert(step.id.as_str(), Value::object(members));
        }
        Ok(base.with("steps", Value::Object(Arc::new(steps))))
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

/// Returns the step whose stream a step takes.
pub(crate) fn stream_of(step: &Step) -> Option<usize> {
    match step.for_each() {
        Some(Items::Step(index)) => Some(*index),
        _ => None,
    }
}

/// Returns the steps whose end a step waits for.
fn awaited(step: &Step) -> impl Iterator<Item = usize> {
    step.waits_for.iter().chain(&step.reads_after).copied()
}

/// Puts the steps that run together into groups, in order: a stream's giver and its takers, and whoever these wait for.
pub(crate) fn groups(steps: &Block) -> Vec<Vec<usize>> {
    let mut group_of: Vec<usize> = (0..steps.len()).collect();
    let join = |group_of: &mut Vec<usize>, left: usize, right: usize| {
        let (Some(&left), Some(&right)) = (group_of.get(left), group_of.get(right)) else { return false };
        let (first, second) = (left.min(right), left.max(right));
        for group in group_of.iter_mut().filter(|group| **group == second) {
            *group = first;
        }
        first != second
    };
    for step in steps {
        if let Some(from) = stream_of(step) {
            join(&mut group_of, from, step.index);
        }
    }
    // A step that waits for one of a later group can only run along with it.
    let mut again = true;
    while again {
        again = false;
        for step in steps {
            for other in awaited(step) {
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

/// Names the stream of a step where several are printed: its id, or what it reads.
fn stream_name(step: &Step) -> String {
    match (&step.source, step.reads()) {
        (Source::Read { .. }, [read]) if step.id.starts_with("step_") => read.name().to_owned(),
        _ => step.id.clone(),
    }
}
