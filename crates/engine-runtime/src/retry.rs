//! Sending dead letters again: what failed goes through its step once more, and what comes of it through the steps that take its stream. Of
//! the steps around a step only it runs, for the very item.

mod place;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engine_plan::Plan;
use engine_request::derive_key;
use engine_source::Span;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use self::place::{Place, places};
use crate::claim::Claim;
use crate::failure::Failure;
use crate::idempotency::idempotency_key;
use crate::item::Item;
use crate::letter::{InBatch, KeptItem, Letter};
use crate::outlet::Batch;
use crate::site::Site;
use crate::state::{Kind, StateStore};
use crate::world::World;

/// Dead letters that are sent again, all of one run. Clones are of the same.
#[derive(Clone)]
pub struct Retry(Arc<Shared>);

struct Shared {
    /// What is to be done in the flow itself, whose turn has no name, and in blocks that run for an item.
    turns: HashMap<String, Turn>,
    /// The letters, by their ids.
    letters: HashMap<String, Letter>,
    /// Those that failed again.
    again: Mutex<HashSet<String>>,
    removed: AtomicUsize,
    /// The ids of those that got through; nothing after the last.
    through: UnboundedSender<Option<String>>,
    removing: Mutex<Option<UnboundedReceiver<Option<String>>>>,
}

/// Steps that run for one item, or for the flow itself: of them only what failed, and what comes of it, is done.
#[derive(Default)]
struct Turn {
    /// What the steps have to do, by their addresses.
    todo: BTreeMap<String, Vec<Todo>>,
    /// The addresses of the steps that run.
    running: HashSet<String>,
    /// How often what was done for the item had been undone.
    again: String,
}

/// Items that a step takes up again together.
struct Todo {
    items: Vec<KeptItem>,
    /// The address of the step in which they are one batch.
    together: Option<Arc<str>>,
    at: FailedAt,
    /// The letters that get through with them.
    ids: Vec<String>,
    /// The turn of what failed within the step, where the items themselves did not fail.
    within: Option<String>,
}

/// A block of steps, or the flow itself, in which letters are sent again.
#[derive(Clone)]
pub(crate) struct Retrying {
    retry: Retry,
    turn: Arc<str>,
}

/// Letters that go together, and where.
type Group = (Vec<Place>, Vec<Letter>);

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
        f.debug_struct("Retry").field("letters", &self.0.letters.len()).finish_non_exhaustive()
    }
}

impl Retry {
    /// Finds the steps of letters that are all of one run, and gives back those that can't be sent again.
    pub fn new(plan: &Plan, letters: Vec<Letter>) -> (Self, Vec<Refused>) {
        let mut refused = Vec::new();
        let mut found: BTreeMap<(String, Option<String>, String), Group> = BTreeMap::new();
        for letter in letters {
            match places(plan, &letter) {
                Ok(places) => {
                    let batch = letter.content().batch.as_ref().map(|batch| batch.key.clone());
                    // What failed alone goes alone.
                    let alone = if batch.is_none() { letter.id.clone() } else { String::new() };
                    let key = (letter.step().to_owned(), batch, alone);
                    found.entry(key).or_insert_with(|| (places, Vec::new())).1.push(letter);
                }
                Err((message, help)) => refused.push(Refused { letter, message, help }),
            }
        }
        let mut groups = Vec::new();
        for (places, mut group) in found.into_values() {
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
            groups.push((places, group));
        }
        // As they failed; those of whole items first, since what failed within them goes with them.
        groups.sort_by(|(at, left), (other, right)| at.len().cmp(&other.len()).then(order(left).cmp(&order(right))));
        let mut turns: HashMap<String, Turn> = HashMap::new();
        let mut known = HashMap::new();
        for (places, group) in groups {
            add(&mut turns, &places, &group);
            known.extend(group.into_iter().map(|letter| (letter.id.clone(), letter)));
        }
        let (through, removing) = unbounded_channel();
        let shared = Shared {
            turns,
            letters: known,
            again: Mutex::default(),
            removed: AtomicUsize::new(0),
            through,
            removing: Mutex::new(Some(removing)),
        };
        (Self(Arc::new(shared)), refused)
    }

    /// Returns how many letters are sent again.
    pub fn count(&self) -> usize {
        self.0.letters.len()
    }

    /// Returns how many got through, and are kept no longer.
    pub fn removed(&self) -> usize {
        self.0.removed.load(Ordering::Relaxed)
    }

    /// Returns a letter by its id.
    pub(crate) fn letter(&self, id: &str) -> Option<&Letter> {
        self.0.letters.get(id)
    }

    /// Returns what is done in the flow itself.
    pub(crate) fn at_top(&self) -> Retrying {
        Retrying { retry: self.clone(), turn: "".into() }
    }

    /// Takes note that a letter failed again, and was kept again.
    pub(crate) fn failed_again(&self, id: String) {
        self.0.again.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Takes note that one that failed again comes once more.
    pub(crate) fn comes_again(&self, id: &str) {
        self.0.again.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
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

impl Retrying {
    /// Tells whether the step of an address has anything to do.
    pub(crate) fn runs(&self, address: &str) -> bool {
        self.turn().is_some_and(|turn| turn.running.contains(address))
    }

    /// Returns what of the steps within a step is done again for an item, where the item itself did not fail.
    pub(crate) fn within(&self, site: &Site, item: &Item) -> Option<Self> {
        let turn = turn_of(&self.turn, site.address(), site.members(item));
        self.retry.0.turns.contains_key(&turn).then(|| Self { retry: self.retry.clone(), turn: turn.into() })
    }

    /// Returns how often what was done for the item had been undone.
    pub(crate) fn again(&self) -> Arc<str> {
        self.turn().map_or("", |turn| &turn.again).into()
    }

    /// Returns all letters that are sent again.
    pub(crate) fn retry(&self) -> &Retry {
        &self.retry
    }

    /// Returns the items of a step's letters that failed at the same point of it, and those within which something failed.
    ///
    /// Each has a claim of its own, so that its letter is kept until all that comes of it is done.
    pub(crate) fn batches(&self, site: &Site, at: FailedAt) -> Vec<Batch> {
        let todo = self.turn().and_then(|turn| turn.todo.get(&**site.address())).map(Vec::as_slice).unwrap_or_default();
        let batch = |todo: &Todo| {
            let items = todo.items.iter().map(|item| item.item(site.step.span, todo.together.as_ref())).collect();
            if todo.ids.is_empty() {
                return Batch::new(items, Claim::none());
            }
            let (retry, ids) = (self.retry.clone(), todo.ids.clone());
            Batch::new(items, Claim::on(move || retry.settled(ids)))
        };
        todo.iter().filter(|todo| todo.at == at).map(batch).collect()
    }

    fn turn(&self) -> Option<&Turn> {
        self.retry.0.turns.get(&*self.turn)
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

/// Adds letters that go together to what is done again, at their step and in those around it.
fn add(turns: &mut HashMap<String, Turn>, places: &[Place], group: &[Letter]) {
    let (Some(first), Some((last, above))) = (group.first(), places.split_last()) else { return };
    let ids = || group.iter().map(|letter| letter.id.clone()).collect::<Vec<_>>();
    let mut turn = String::new();
    for (place, around) in above.iter().zip(&first.content().within) {
        let inner = turn_of(&turn, &around.step, &made(&around.items));
        let here = turns.entry(std::mem::take(&mut turn)).or_default();
        here.running.extend(place.reached.iter().cloned());
        let todo = here.todo.entry(place.address.clone()).or_default();
        let is_same = |todo: &&mut Todo| todo.within.as_ref() == Some(&inner);
        match todo.iter_mut().find(is_same) {
            // The whole item goes through the step again.
            Some(whole) if !whole.ids.is_empty() => return whole.ids.extend(ids()),
            Some(_) => {}
            None => todo.push(Todo {
                items: around.items.clone(),
                together: around.is_batch.then(|| around.step.as_str().into()),
                at: FailedAt::Item,
                ids: Vec::new(),
                within: Some(inner.clone()),
            }),
        }
        turns.entry(inner.clone()).or_default().again.clone_from(&around.again);
        turn = inner;
    }
    let items: Vec<KeptItem> = group.iter().map(|letter| letter.content().item.clone()).collect();
    let is_batch = first.content().batch.is_some();
    let at = FailedAt::of(first);
    let inner = (at == FailedAt::Item).then(|| turn_of(&turn, first.step(), &made(&items)));
    let here = turns.entry(turn).or_default();
    here.running.extend(last.reached.iter().cloned());
    here.todo.entry(last.address.clone()).or_default().push(Todo {
        items,
        together: is_batch.then(|| first.step().into()),
        at,
        ids: ids(),
        within: inner,
    });
}

/// Names what is done within a step for an item: for the members of a batch.
fn turn_of(around: &str, address: &str, items: &[Item]) -> String {
    let mut parts = vec![around.to_owned(), address.to_owned()];
    parts.extend(items.iter().map(|item| idempotency_key("", "", item)));
    derive_key(parts.iter().map(String::as_bytes))
}

fn made(items: &[KeptItem]) -> Vec<Item> {
    items.iter().map(|item| item.item(Span::default(), None)).collect()
}
