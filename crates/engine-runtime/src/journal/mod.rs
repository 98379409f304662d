//! What a run does, written down as it goes, so that one that was broken off goes on where it was.
//!
//! Events are gathered and written together: a page that was delivered is known as such a moment later, and is delivered again if the process
//! dies before. What is sent once is written down before anything else happens.

mod begin;
mod driver;
mod effect;
mod fingerprint;
mod memory;
mod request;
mod source_log;
mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, OnceCell, oneshot};

pub(crate) use begin::{Begin, Found, begin, find, inputs_of, trigger_of};
pub use begin::{Journaling, Resume};
pub(crate) use effect::Effect;
pub(crate) use memory::MemoryRuns;
pub use request::{KEPT_REQUESTS, RequestEntry, read_requests};
pub(crate) use source_log::{Onward, Resumed, SourceLog};
pub use store::{
    Ack, KEPT_RUNS, Lease, RunChanges, RunEntry, RunLog, RunRecords, RunRequests, RunStatus, RunStore, Standing, ToKeep,
};

use self::request::Requests;
use crate::counted::Counted;
use crate::failure::Failure;
use crate::item::Item;
use crate::machine::{Command, Event, Machine, PageId, Part, Shape};
use crate::pending::Keeping;
use crate::recorder::RecordedExchange;
use crate::report::{Status, StepReport};
use crate::sink::{SinkSpec, SinkTarget, Sinks};
use crate::state::{StateError, StateStore};
use crate::stop::Stop;
use crate::written::Known;

/// The journal of a run. Clones write into the same.
#[derive(Clone)]
pub(crate) struct Journal(Arc<Shared>);

/// Tables, by their sinks and files.
type Tables = BTreeMap<(String, Option<PathBuf>), (SinkSpec, SinkTarget)>;

struct Shared {
    machine: Mutex<Machine>,
    /// What the machine said last.
    command: Mutex<Option<Command>>,
    /// Where all is written, and the id of the run there; nothing where the run is not to be taken up again.
    kept: Option<(Arc<dyn StateStore>, String)>,
    buffer: Mutex<Buffer>,
    /// What was asked and is not written yet.
    requests: Requests,
    wake: Notify,
    /// Whether the run was taken up again.
    is_resumed: AtomicBool,
    /// What was sent before the run was taken up again.
    acks: HashMap<String, Option<Effect>>,
    /// Whether anything is written down as sent: only then is there something to forget with a page.
    has_acks: AtomicBool,
    /// Whether anything is kept for the next runs along with pages.
    keeps_by_page: AtomicBool,
    /// Ends the run where it can't be journaled any more, or somebody wants it to end.
    stop: Stop,
    failed: Mutex<Option<StateError>>,
    /// The tables that keep what was written to them along with it, by their sinks and files.
    tables: Mutex<Tables>,
    /// What was written before the run was taken up again, by the steps and the places: what is written from here on is not among it.
    known: Mutex<HashMap<String, Arc<KnownOnce>>>,
    /// The files of which it was looked at what is in them since the run was taken up again.
    recovered: Mutex<HashMap<String, Arc<OnceCell<()>>>>,
    /// What is counted for pages that are not delivered yet.
    counted: Arc<Counted>,
    /// Until when steps waited for items before the run was taken up again.
    deadlines: Mutex<HashMap<String, Timestamp>>,
}

/// What was written to a place, which is asked for before anything is added to it.
pub(crate) type KnownOnce = OnceCell<Mutex<Known>>;

/// What is to be written next.
#[derive(Default)]
struct Buffer {
    changes: RunChanges,
    /// Events, a line of JSON each.
    events: Vec<u8>,
    /// What is kept for the next runs along with them, once for each key.
    keepings: Vec<Keeping>,
    /// Who waits until all of this is written.
    waiting: Vec<oneshot::Sender<Result<(), StateError>>>,
    /// Whether to write at once.
    is_urgent: bool,
    /// Whether to write the state of all.
    is_whole: bool,
    is_closed: bool,
}

/// The page of what belongs to several pages, or to none: it is forgotten at the end of the run.
const SEVERAL: &str = "*";

impl Journal {
    /// Makes one that writes nothing.
    pub(crate) fn unkept(shape: Shape) -> Self {
        let (machine, commands) = Machine::start(shape);
        Self(Arc::new(Shared::new(machine, &commands, None, HashMap::new(), Requests::default(), Stop::new())))
    }

    /// Tells whether anything is written.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.kept.is_some()
    }

    /// Returns the group of a part that is to run now.
    pub(crate) fn due(&self, part: Part) -> Option<usize> {
        match *self.0.command.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Command::Run { part: of, group }) if of == part => Some(group),
            _ => None,
        }
    }

    /// Returns the journal of a source: which page is next, and where it goes on if it was read before.
    ///
    /// `parent` is the page under whose item it is read, `None` where nothing is journaled.
    pub(crate) fn source(
        &self,
        source: String,
        step: &str,
        parent: Option<PageId>,
    ) -> Option<(SourceLog, Option<Resumed>)> {
        if !self.is_kept() {
            return None;
        }
        let known = self.0.machine().source(&source).cloned();
        let from = known.as_ref().map_or(0, |state| state.ordinal);
        let log = SourceLog::new(self.clone(), source, step.to_owned(), parent, from);
        let resumed =
            known.map(|state| Resumed { position: state.position, seen: state.seen, has_ended: state.has_ended });
        Some((log, resumed))
    }

    /// Takes note of an event, of which the machine then says what is to be done.
    pub(crate) fn event(&self, event: Event) {
        self.delivered(event, None);
    }

    /// Takes note of an event, and keeps something for the next runs along with a page that was delivered.
    pub(crate) fn delivered(&self, event: Event, keep: Option<Keeping>) {
        let shared = &self.0;
        if !self.is_kept() {
            let commands = shared.machine().on(event);
            shared.obey(&commands);
            return;
        }
        // Both in the same order.
        let mut machine = shared.machine();
        let mut buffer = shared.buffer();
        let page = match &event {
            Event::Delivered { page, .. } => Some(page.clone()),
            _ => None,
        };
        let counts = match &event {
            Event::Delivered { page, .. } => shared.counted.take(page),
            _ => BTreeMap::new(),
        };
        let counted = (!counts.is_empty()).then_some(Event::Counted { counts });
        for event in counted.into_iter().chain([event]) {
            // An event is always JSON.
            if let Ok(line) = serde_json::to_vec(&event) {
                buffer.events.extend_from_slice(&line);
                buffer.events.push(b'\n');
            }
            let commands = machine.on(event);
            shared.obey(&commands);
        }
        // Only what is not read again is not sent again.
        let is_past = |page: &PageId| machine.source(&page.source).is_some_and(|source| source.ordinal >= page.ordinal);
        if let Some(page) = page.filter(is_past) {
            if shared.has_acks.load(Ordering::Relaxed) {
                buffer.changes.delivered.push(page.to_string());
            }
            if let Some(keep) = keep {
                buffer.keepings.retain(|known| known.key != keep.key);
                buffer.keepings.push(keep);
                shared.keeps_by_page.store(true, Ordering::Relaxed);
            }
        }
        drop(machine);
        if buffer.events.len() > driver::MUCH {
            buffer.is_urgent = true;
        }
        drop(buffer);
        shared.wake.notify_one();
    }

    /// Lets nothing be kept under a key that was to be kept along with pages. When this returns, nothing of it is on its way.
    ///
    /// # Errors
    ///
    /// Fails where the journal can't be written.
    async fn keep_nothing(&self, key: &str) -> Result<(), Failure> {
        self.write(|buffer| buffer.keepings.retain(|keeping| keeping.key != key)).await
    }

    /// Returns when nothing that is kept along with pages is on its way any more: it must not come after what is kept at the end.
    pub(crate) async fn keepings_written(&self) {
        if self.0.keeps_by_page.load(Ordering::Relaxed) {
            // Where the journal can't be written, nothing is on its way either, and the run ends with that.
            _ = self.flush().await;
        }
    }

    /// Tells whether requests are kept.
    pub(crate) fn keeps_requests(&self) -> bool {
        self.is_kept() && self.0.requests.keeps()
    }

    /// Keeps a request: it is written with what is written next.
    pub(crate) fn request(&self, exchange: &RecordedExchange<'_>) {
        self.0.requests.add(RequestEntry::of(exchange));
    }

    /// Returns where is counted what is written down with pages; nothing where none are.
    pub(crate) fn counted(&self) -> Option<Arc<Counted>> {
        self.is_kept().then(|| Arc::clone(&self.0.counted))
    }

    /// Asks the machine.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&Machine) -> T) -> T {
        ask(&self.0.machine())
    }

    /// Returns what came of something that was sent before the run was taken up again.
    pub(crate) fn acked(&self, key: &str) -> Option<&Effect> {
        self.0.acks.get(key)?.as_ref()
    }

    /// Tells whether something may have been sent before the run was taken up again, and nobody knows.
    pub(crate) fn is_in_doubt(&self, key: &str) -> bool {
        matches!(self.0.acks.get(key), Some(None))
    }

    /// Writes down that something is about to be sent that must not be sent twice; it is on disk when this returns.
    ///
    /// # Errors
    ///
    /// Fails where that can't be kept: then it must not be sent.
    pub(crate) async fn intend(&self, key: &str, item: &Item) -> Result<(), Failure> {
        self.write_ack(key, item, None, true).await
    }

    /// Writes down what came of something that was sent. It outlives the process when this returns.
    ///
    /// # Errors
    ///
    /// Fails where that can't be kept.
    pub(crate) async fn ack(&self, key: &str, item: &Item, effect: &Effect) -> Result<(), Failure> {
        self.write_ack(key, item, Some(effect.written()), false).await
    }

    async fn write_ack(&self, key: &str, item: &Item, effect: Option<Vec<u8>>, durable: bool) -> Result<(), Failure> {
        if !self.is_kept() {
            return Ok(());
        }
        let page = page_of(item);
        self.0.has_acks.store(true, Ordering::Relaxed);
        self.write(|buffer| {
            buffer.changes.acks.push(Ack { key: key.to_owned(), page, effect });
            buffer.changes.durable |= durable;
        })
        .await
    }

    /// Returns how often what was done for an item was undone.
    pub(crate) fn times(&self, key: &str) -> u32 {
        self.ask(|machine| machine.times(key))
    }

    /// Writes down that what was done for an item is to be done anew, if it is done again.
    pub(crate) fn anew(&self, key: &str, item: &Item) {
        let times = self.times(key) + 1;
        self.event(Event::Anew { key: key.to_owned(), page: page_of(item), times });
    }

    /// Writes down until when a step waits for an item; that is earlier where it had begun to before the run was taken up again.
    pub(crate) fn wait(&self, key: String, item: &Item, until: Timestamp) -> Timestamp {
        if !self.is_kept() {
            return until;
        }
        let known = self.0.deadlines.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        if let Some(known) = known {
            return known.min(until);
        }
        self.event(Event::Waits { key, page: page_of(item), until: until.as_millisecond() });
        until
    }

    /// Tells whether the run was taken up again: before one that is new nothing was written.
    pub(crate) fn is_resumed(&self) -> bool {
        self.0.is_resumed.load(Ordering::Relaxed)
    }

    /// Returns what a step had written to a place before the run was taken up again.
    pub(crate) fn known(&self, place: &str) -> Arc<KnownOnce> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(place.to_owned()).or_default())
    }

    /// Returns whether it was looked at what is in a file, which is done once, before anything is added to it.
    pub(crate) fn recovered(&self, path: &str) -> Arc<OnceCell<()>> {
        let mut recovered = self.0.recovered.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(recovered.entry(path.to_owned()).or_default())
    }

    /// Writes down the records of a step that later ones ask for, now that it has ended. They outlive the process when this returns.
    ///
    /// # Errors
    ///
    /// Fails where that can't be kept.
    pub(crate) async fn keep_records(&self, step: &str, body: Vec<u8>) -> Result<(), Failure> {
        self.write(|buffer| {
            buffer.changes.records.push(RunRecords { step: step.to_owned(), number: 1, body, is_last: true });
        })
        .await
    }

    /// Returns the records that were written down of a step.
    ///
    /// # Errors
    ///
    /// Fails where they can't be read.
    pub(crate) async fn records_of(&self, step: &str) -> Result<Vec<u8>, Failure> {
        let Some((store, run)) = &self.0.kept else { return Ok(Vec::new()) };
        let records = store.run_records(run, step).await?;
        Ok(records.into_iter().flat_map(|records| records.body).collect())
    }

    /// Writes down all so far.
    ///
    /// # Errors
    ///
    /// Fails where that can't be kept.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        self.write(|_| {}).await
    }

    /// Writes down all so far; it is on disk when this returns.
    ///
    /// # Errors
    ///
    /// Fails where that can't be kept.
    pub(crate) async fn sync(&self) -> Result<(), Failure> {
        self.write(|buffer| buffer.changes.durable = true).await
    }

    /// Writes down how the run ended, and no more after it.
    ///
    /// # Errors
    ///
    /// Fails where that can't be kept.
    pub(crate) async fn end(&self, status: Status, error: Option<String>, steps: &[StepReport]) -> Result<(), Failure> {
        let status = match status {
            Status::Ok | Status::Skipped => RunStatus::Ok,
            Status::Partial => RunStatus::Partial,
            Status::Interrupted if self.ask(Machine::is_cancelled) => RunStatus::Cancelled,
            Status::Interrupted => RunStatus::Interrupted,
            Status::Failed => RunStatus::Failed,
        };
        self.write(|buffer| {
            buffer.changes.end = Some((status, error));
            // Reports are always JSON.
            buffer.changes.steps = serde_json::to_string(steps).ok();
            buffer.changes.durable = true;
            // The state of a run that is done is forgotten; of another it is what the next one needs.
            buffer.is_whole = !status.is_done();
            buffer.is_closed = true;
        })
        .await
    }

    /// Takes note of a table that keeps what is written to it along with it.
    pub(crate) fn writes_to(&self, sink: &SinkSpec, target: &SinkTarget) {
        if self.is_kept() {
            let mut tables = self.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
            let place = (sink.name.clone(), target.path.clone());
            tables.entry(place).or_insert_with(|| (sink.clone(), target.clone()));
        }
    }

    /// Lets tables forget what they keep of the run, now that it is done. What they can't forget does no harm.
    pub(crate) async fn forget(&self, sinks: &Arc<dyn Sinks>) {
        let Some((_, run)) = &self.0.kept else { return };
        let tables = std::mem::take(&mut *self.0.tables.lock().unwrap_or_else(PoisonError::into_inner));
        let (sinks, run) = (Arc::clone(sinks), run.clone());
        let forgotten = tokio::task::spawn_blocking(move || {
            for (sink, target) in tables.values() {
                if let Err(error) = sinks.forget(sink, target, &run) {
                    tracing::debug!(sink = sink.name, %error, "what was kept of the run stays");
                }
            }
        });
        _ = forgotten.await;
    }

    /// Returns why the run could not be journaled any more.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(Failure { is_fatal: true, ..Failure::from(failed) })
    }

    async fn write(&self, change: impl FnOnce(&mut Buffer)) -> Result<(), Failure> {
        let shared = &self.0;
        if !self.is_kept() {
            return Ok(());
        }
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let (sender, receiver) = oneshot::channel();
        {
            let mut buffer = shared.buffer();
            change(&mut buffer);
            buffer.waiting.push(sender);
            buffer.is_urgent = true;
        }
        shared.wake.notify_one();
        match receiver.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure { is_fatal: true, ..Failure::from(error) }),
            Err(_) => {
                Err(Failure { is_fatal: true, ..Failure::from(StateError::new("the journal of the run broke off")) })
            }
        }
    }
}

/// Returns the page of an item, or of all of a batch.
fn page_of(item: &Item) -> String {
    let mut pages = item.members().iter().map(Item::page);
    let first = pages.next().flatten();
    match first.filter(|first| pages.all(|page| page == Some(first))) {
        Some(page) => page.to_string(),
        None => SEVERAL.to_owned(),
    }
}

impl Shared {
    fn new(
        machine: Machine,
        commands: &[Command],
        kept: Option<(Arc<dyn StateStore>, String)>,
        acks: HashMap<String, Option<Effect>>,
        requests: Requests,
        stop: Stop,
    ) -> Self {
        Self {
            machine: Mutex::new(machine),
            command: Mutex::new(commands.last().copied()),
            kept,
            buffer: Mutex::default(),
            requests,
            wake: Notify::new(),
            is_resumed: AtomicBool::new(false),
            has_acks: AtomicBool::new(!acks.is_empty()),
            keeps_by_page: AtomicBool::new(false),
            acks,
            stop,
            failed: Mutex::default(),
            tables: Mutex::default(),
            known: Mutex::default(),
            recovered: Mutex::default(),
            deadlines: Mutex::default(),
            counted: Arc::default(),
        }
    }

    fn obey(&self, commands: &[Command]) {
        if let Some(command) = commands.last() {
            *self.command.lock().unwrap_or_else(PoisonError::into_inner) = Some(*command);
        }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
