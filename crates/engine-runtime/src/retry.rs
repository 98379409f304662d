//! Sending dead letters again: what failed goes through its step once more, and what comes of it through the steps that take its stream.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engine_plan::{Plan, Step, Target};
use engine_spec::WriteMode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::claim::Claim;
use crate::failure::Failure;
use crate::letter::{InBatch, Letter};
use crate::outlet::Batch;
use crate::site::Site;
use crate::state::{Kind, StateStore};
use crate::world::World;

/// Dead letters that are sent again, all of one run. Clones are of the same.
#[derive(Clone)]
pub struct Retry(Arc<Shared>);

struct Shared {
    /// The letters of each step, those that go together in one batch.
    groups: BTreeMap<String, Vec<Vec<Letter>>>,
    /// The places of letters in `groups`.
    known: HashMap<String, (String, usize, usize)>,
    /// The steps that run.
    running: HashSet<String>,
    /// Those that failed again.
    again: Mutex<HashSet<String>>,
    removed: AtomicUsize,
    /// The ids of those that got through; nothing after the last.
    through: UnboundedSender<Option<String>>,
    removing: Mutex<Option<UnboundedReceiver<Option<String>>>>,
}

/// A letter that can't be sent again, and why.
#[derive(Debug)]
pub struct Refused {
    /// The letter.
    pub letter: Letter,
    /// Why.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("letters", &self.0.known.len()).finish_non_exhaustive()
    }
}

impl Retry {
    /// Finds the steps of letters that are all of one run, and gives back those that can't be sent again.
    pub fn new(plan: &Plan, letters: Vec<Letter>) -> (Self, Vec<Refused>) {
        let mut refused = Vec::new();
        let mut found: BTreeMap<(String, Option<String>, String), Vec<Letter>> = BTreeMap::new();
        for letter in letters {
            match step_of(plan, letter.step()) {
                Ok(step) => {
                    let batch = letter.content().batch.as_ref().map(|batch| batch.key.clone());
                    // What failed alone goes alone.
                    let alone = if batch.is_none() { letter.id.clone() } else { String::new() };
                    found.entry((step.path.clone(), batch, alone)).or_default().push(letter);
                }
                Err((message, help)) => refused.push(Refused { letter, message, help }),
            }
        }
        let mut groups: BTreeMap<String, Vec<Vec<Letter>>> = BTreeMap::new();
        for ((step, _, _), mut group) in found {
            group.sort_by_key(|letter| letter.content().batch.as_ref().map(|batch: &InBatch| batch.at));
            let whole = group.first().and_then(|letter| letter.content().batch.as_ref()).map_or(1, |batch| batch.of);
            if group.len() < whole && group.iter().any(|letter| letter.content().is_unknown()) {
                let (left, message) = (group.len(), "nobody knows if its batch was done, and only");
                refused.extend(group.into_iter().map(|letter| Refused {
                    letter,
                    message: format!("{message} {left} of the {whole} letters of that batch are there"),
                    help: "what is sent would have another key than then: look it up at the API, then `drop` it",
                }));
                continue;
            }
            groups.entry(step).or_default().push(group);
        }
        let mut known = HashMap::new();
        for (step, groups) in &mut groups {
            // As they failed.
            groups.sort_by(|left, right| order(left).cmp(&order(right)));
            for (number, group) in groups.iter().enumerate() {
                for (at, letter) in group.iter().enumerate() {
                    known.insert(letter.id.clone(), (step.clone(), number, at));
                }
            }
        }
        let running = reached(plan, groups.keys()).into_iter().map(|step| step.path.clone()).collect();
        let (through, removing) = unbounded_channel();
        let shared = Shared {
            groups,
            known,
            running,
            again: Mutex::default(),
            removed: AtomicUsize::new(0),
            through,
            removing: Mutex::new(Some(removing)),
        };
        (Self(Arc::new(shared)), refused)
    }

    /// Returns how many letters are sent again.
    pub fn count(&self) -> usize {
        self.0.known.len()
    }

    /// Returns how many got through, and are kept no longer.
    pub fn removed(&self) -> usize {
        self.0.removed.load(Ordering::Relaxed)
    }

    /// Returns a letter by its id.
    pub(crate) fn letter(&self, id: &str) -> Option<&Letter> {
        let (step, group, at) = self.0.known.get(id)?;
        self.0.groups.get(step)?.get(*group)?.get(*at)
    }

    /// Tells whether a step of the flow has anything to do.
    pub(crate) fn runs(&self, step: &Step) -> bool {
        self.0.running.contains(&step.path)
    }

    /// Returns the items of a step's letters that failed at the same point of it.
    ///
    /// Each has a claim of its own, so that its letter is kept until all that comes of it is done.
    pub(crate) fn batches(&self, site: &Site, at: FailedAt) -> Vec<Batch> {
        let groups = self.0.groups.get(&site.step.path).map(Vec::as_slice).unwrap_or_default();
        let batch = |group: &Vec<Letter>| {
            let item = |letter: &Letter| {
                let content = letter.content();
                let together = content.batch.is_some().then(|| content.step.as_str().into());
                content.item.item(site.step.span, together.as_ref())
            };
            let (shared, ids) = (self.clone(), group.iter().map(|letter| letter.id.clone()).collect::<Vec<_>>());
            Batch::new(group.iter().map(item).collect(), Claim::on(move || shared.settled(ids)))
        };
        let is_wanted = |group: &&Vec<Letter>| group.iter().all(|letter| FailedAt::of(letter) == at);
        groups.iter().filter(is_wanted).map(batch).collect()
    }

    /// Takes note that a letter failed again, and was kept again.
    pub(crate) fn failed_again(&self, id: String) {
        self.0.again.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Takes note that all that came of letters is done.
    fn settled(&self, ids: Vec<String>) {
        let again = self.0.again.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids.into_iter().filter(|id| !again.contains(id)) {
            _ = self.0.through.send(Some(id));
        }
    }

    /// Begins to remove the letters that get through, each as soon as it has.
    pub(crate) fn begin(&self, world: &World) -> JoinHandle<Result<(), Failure>> {
        let (shared, state) = (self.clone(), Arc::clone(&world.state));
        tokio::spawn(async move { shared.remove(&*state).await })
    }

    async fn remove(&self, state: &dyn StateStore) -> Result<(), Failure> {
        let removing = self.0.removing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut removing) = removing else { return Ok(()) };
        while let Some(Some(id)) = removing.recv().await {
            state.remove(Kind::DeadLetter, &id).await?;
            self.0.removed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits until those that got through are removed.
    ///
    /// # Errors
    ///
    /// Fails where one can't be.
    pub(crate) async fn end(&self, removing: JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
        _ = self.0.through.send(None);
        removing.await.unwrap_or(Ok(()))
    }
}

/// At which point of a step something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailedAt {
    /// A read under an item that came to the step.
    Read,
    /// An item that could not be taken apart.
    Explode,
    /// An item of the step.
    Item,
}

impl FailedAt {
    fn of(letter: &Letter) -> Self {
        match letter.content() {
            content if content.is_reading => Self::Read,
            content if content.is_whole => Self::Explode,
            _ => Self::Item,
        }
    }
}

fn order(group: &[Letter]) -> Option<(jiff::Timestamp, &str)> {
    group.first().map(|letter| (letter.kept_at, letter.id.as_str()))
}

/// Returns the step of the flow in which a letter's record goes through again; else why there is none, and what to do.
fn step_of<'p>(plan: &'p Plan, address: &str) -> Result<&'p Arc<Step>, (String, &'static str)> {
    let found = plan.steps.iter().find(|step| address == step.path || has_case(step, address));
    let Some(step) = found else {
        let is_within = address.contains('/');
        return Err(if is_within {
            (
                format!("step `{address}` is within another, and is not run without it"),
                "put it right by hand, then `drop` it; with `on_error: dead_letter` at the outermost step the whole item is kept, and can be sent again",
            )
        } else {
            (
                format!("the flow has no step `{address}` any more"),
                "give the step its name of then, or put it right by hand and `drop` it",
            )
        });
    };
    for reached in reached(plan, [&step.path]) {
        if let Some(other) = reached.waits_for.first().and_then(|other| plan.steps.get(*other)) {
            return Err((
                format!("step `{}` uses what step `{}` gave, which is not read again", reached.path, other.path),
                "run the flow again, then `drop` it",
            ));
        }
        if replaces(reached) {
            return Err((
                format!("step `{}` replaces what is there, and would leave the letters alone", reached.path),
                "run the flow again, then `drop` it",
            ));
        }
    }
    Ok(step)
}

/// Tells whether an address is that of a case of a step, or of a case within one.
fn has_case(step: &Step, address: &str) -> bool {
    let mut cases = step.cases().iter();
    cases.any(|case| address == case.step.path || has_case(&case.step, address))
}

/// Returns these steps of the flow, and those that take what comes of them.
fn reached<'p, 's>(plan: &'p Plan, paths: impl IntoIterator<Item = &'s String>) -> Vec<&'p Arc<Step>> {
    let paths: HashSet<&String> = paths.into_iter().collect();
    let mut todo: Vec<usize> =
        plan.steps.iter().filter(|step| paths.contains(&step.path)).map(|step| step.index).collect();
    let mut found = BTreeSet::new();
    while let Some(index) = todo.pop() {
        if found.insert(index) {
            todo.extend(plan.steps.get(index).into_iter().flat_map(|step| &step.consumers));
        }
    }
    found.into_iter().filter_map(|index| plan.steps.get(index)).collect()
}

/// Tells whether a step, or one within it, replaces rows or files.
fn replaces(step: &Step) -> bool {
    let mut found = matches!(&step.target, Target::Write(write) if write.mode == Some(WriteMode::Replace));
    found |= step.cases().iter().any(|case| replaces(&case.step));
    for block in step.blocks() {
        block.walk(&mut |step| found |= replaces(step));
    }
    found
}
