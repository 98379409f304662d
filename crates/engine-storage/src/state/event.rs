//! An event as it is kept: what came with it is sealed, and what it is known by can't be read.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine_runtime::{EventKind, EventStatus, NewEvent, Put, StateError, StoredEvent};
use jiff::Timestamp;

use super::cipher::Cipher;

/// What is sealed of an event, by which it is bound to its place.
const CONTENT: &str = "event";

/// An event that comes in, sealed.
#[derive(Clone)]
pub(super) struct SealedEvent {
    pub(super) id: String,
    pub(super) flow: String,
    pub(super) trigger: String,
    pub(super) kind: EventKind,
    /// What it is known again by, and until when.
    pub(super) key: Option<(String, Timestamp)>,
    /// What its partition is known by.
    pub(super) part: Option<String>,
    pub(super) received_at: Timestamp,
    pub(super) due_at: Timestamp,
    pub(super) content: Vec<u8>,
}

/// Events that wait to be kept, and who waits for them.
pub(super) struct Pending {
    pub(super) events: Vec<SealedEvent>,
    pub(super) told: tokio::sync::oneshot::Sender<Result<Vec<Put>, StateError>>,
}

/// The events that wait for the thread that has the database.
#[derive(Default)]
pub(super) struct Line(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    pending: Vec<Pending>,
    /// Whether the thread knows that there are some.
    is_known: bool,
}

impl Line {
    /// Takes events in; tells whether the thread has to be told of them.
    pub(super) fn add(&self, pending: Pending) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pending.push(pending);
        !std::mem::replace(&mut waiting.is_known, true)
    }

    /// Puts all that wait at the end of a batch. Where nobody does, who comes next has to tell the thread.
    pub(super) fn take(&self, batch: &mut Vec<Pending>) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_known = !waiting.pending.is_empty();
        batch.append(&mut waiting.pending);
        waiting.is_known
    }
}

/// That the thread was told of events that wait. Where it comes to nothing, those who wait are let go, and who comes next tells the thread.
pub(super) struct Told {
    line: Arc<Line>,
    is_done: bool,
}

impl Told {
    pub(super) fn of(line: &Arc<Line>) -> Self {
        Self { line: Arc::clone(line), is_done: false }
    }

    /// The thread has taken all that waited.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let mut lost = Vec::new();
        while !self.is_done && self.line.take(&mut lost) {}
    }
}

/// Seals an event.
pub(super) fn seal(cipher: &Cipher, event: NewEvent) -> Result<SealedEvent, StateError> {
    let key = event
        .dedupe
        .map(|dedupe| (cipher.fingerprint(&["event key", &event.flow, &event.trigger, &dedupe.key]), dedupe.until));
    let part = event.partition.as_ref().map(|part| cipher.fingerprint(&["event partition", &event.flow, part]));
    let partition = event.partition.as_ref().map(String::as_bytes);
    let content = pack([partition.unwrap_or_default(), &event.inputs, &event.body]);
    let content = cipher.seal_as(CONTENT, &event.id, &content)?;
    let (received_at, due_at) = (event.received_at, event.due_at);
    Ok(SealedEvent {
        id: event.id,
        flow: event.flow,
        trigger: event.trigger,
        kind: event.kind,
        key,
        part,
        received_at,
        due_at,
        content,
    })
}

/// An event as it is in a row.
pub(super) struct Row {
    pub(super) event: StoredEvent,
    pub(super) is_partitioned: bool,
    /// Sealed; empty where it was not asked for.
    pub(super) content: Vec<u8>,
}

/// Opens what came with an event.
#[expect(clippy::result_large_err, reason = "whoever can't open it says so of the event, which is there already")]
pub(super) fn open(store: &Path, cipher: &Cipher, row: Row) -> Result<StoredEvent, (StoredEvent, StateError)> {
    let Row { event, is_partitioned, content } = row;
    let opened = cipher.open_as(CONTENT, &event.id, &content);
    if let Some([partition, inputs, body]) = opened.as_deref().and_then(unpack) {
        Ok(StoredEvent {
            partition: is_partitioned.then(|| String::from_utf8_lossy(partition).into_owned()),
            inputs: inputs.to_vec(),
            body: body.to_vec(),
            ..event
        })
    } else {
        let text = format!("the event `{}` in `{}` was changed by something else", event.id, store.display());
        Err((event, StateError::new(text).help("its content is lost: have it sent again")))
    }
}

/// Writes texts one after another, each with its length before it.
fn pack<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        packed.extend_from_slice(&(part.len() as u64).to_le_bytes());
        packed.extend_from_slice(part);
    }
    packed
}

fn unpack<const N: usize>(mut packed: &[u8]) -> Option<[&[u8]; N]> {
    let mut parts = [&[][..]; N];
    for part in &mut parts {
        let (length, rest) = packed.split_first_chunk::<8>()?;
        (*part, packed) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    }
    packed.is_empty().then_some(parts)
}

/// What is in the columns of a row, as it is there.
pub(super) struct Columns {
    pub(super) id: String,
    pub(super) flow: String,
    pub(super) trigger: String,
    pub(super) kind: String,
    pub(super) received_at: i64,
    pub(super) due_at: i64,
    pub(super) status: String,
    pub(super) failures: i64,
    pub(super) error: Option<String>,
    pub(super) holder: Option<String>,
    pub(super) ended_at: Option<i64>,
}

impl Columns {
    /// Reads them; says what is wrong where they are no event.
    pub(super) fn read(self) -> Result<StoredEvent, String> {
        let time = |micros: i64| Timestamp::from_microsecond(micros).map_err(|_| format!("{micros} is not a time"));
        Ok(StoredEvent {
            kind: EventKind::parse(&self.kind).ok_or_else(|| format!("`{}` is not how an event comes", self.kind))?,
            received_at: time(self.received_at)?,
            due_at: time(self.due_at)?,
            status: status(&self.status)?,
            failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
            ended_at: self.ended_at.map(time).transpose()?,
            id: self.id,
            flow: self.flow,
            trigger: self.trigger,
            partition: None,
            error: self.error,
            holder: self.holder,
            inputs: Vec::new(),
            body: Vec::new(),
            may_have_begun: true,
        })
    }
}

/// Reads how an event stands.
pub(super) fn status(name: &str) -> Result<EventStatus, String> {
    EventStatus::parse(name).ok_or_else(|| format!("`{name}` is not how an event stands"))
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::{self, error::TryRecvError};

    use super::*;

    #[test]
    fn nobody_waits_for_a_thread_that_has_ended() {
        let line = Arc::<Line>::default();
        let come = || {
            let (told, answer) = oneshot::channel();
            (line.add(Pending { events: Vec::new(), told }), answer)
        };
        let (tells, mut first) = come();
        assert!(tells);
        let told = Told::of(&line);
        let (tells, mut second) = come();
        assert!(!tells, "it was told already");
        assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
        drop(told);
        assert_eq!(first.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(second.try_recv(), Err(TryRecvError::Closed));

        let (tells, mut third) = come();
        assert!(tells, "whoever comes next tells it again");
        let told = Told::of(&line);
        let mut batch = Vec::new();
        while line.take(&mut batch) {}
        let (tells, mut fourth) = come();
        assert!(tells);
        told.done();
        assert_eq!(batch.len(), 1);
        assert_eq!(third.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(fourth.try_recv(), Err(TryRecvError::Empty), "somebody else was told of it");
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let packed = pack([b"", b"a", b"bc"]);
        assert_eq!(unpack(&packed), Some([&b""[..], b"a", b"bc"]));
        assert_eq!(unpack::<2>(&packed), None);
        assert_eq!(unpack::<4>(&packed), None);
        for end in 0..packed.len() {
            assert_eq!(packed.get(..end).and_then(unpack::<3>), None);
        }
    }
}
