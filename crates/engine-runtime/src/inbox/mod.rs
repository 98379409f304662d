//! The inbox: what starts runs, kept until its run has ended. Knows neither webhooks nor schedules.

mod memory;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use self::memory::MemoryInbox;
use crate::journal::{Lease, Standing};
use crate::state::StateError;
use crate::world::BoxFuture;

/// The events that a store keeps.
///
/// What came with an event (inputs, body) is sealed where the store is on disk; what it is known by (dedupe key, partition) can't be read there either.
pub trait EventStore: Send + Sync {
    /// Keeps events: they are on disk once this returns. One whose dedupe key is known already is not kept again.
    ///
    /// The answers are in the order of the events. To put an event again, with the id of then, changes nothing. Many callers at once share one
    /// commit.
    fn put_events(&self, events: Vec<NewEvent>) -> BoxFuture<'_, Result<Vec<Put>, StateError>>;

    /// Takes events that are due for who has room: the oldest first, of a partition only the oldest that has not ended.
    /// Flows that have fewer under way come before others.
    ///
    /// What another holds is left to it until its lease is over.
    fn take_events(&self, wanted: Wanted) -> BoxFuture<'_, Result<Vec<StoredEvent>, StateError>>;

    /// Renews the leases of events; tells for each whether it is still theirs.
    fn renew_events(&self, ids: Vec<String>, lease: Lease) -> BoxFuture<'_, Result<Vec<Standing>, StateError>>;

    /// Says what came of an event; tells whether it was theirs. Nothing is changed by who has lost it.
    ///
    /// Once this returns it outlives the process, and the machine a moment later.
    fn settle_event<'a>(
        &'a self,
        id: &'a str,
        lease: Lease,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Finds an event, with all that came with it.
    fn find_event<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredEvent>, StateError>>;

    /// Lists events, the newest first. What came with them is left out.
    fn list_events(&self, filter: EventFilter) -> BoxFuture<'_, Result<Vec<StoredEvent>, StateError>>;

    /// Puts the content of an event into the inbox once more, under a new id and without its dedupe key; nothing where there is no such event.
    fn replay_event<'a>(
        &'a self,
        id: &'a str,
        new_id: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<String>, StateError>>;

    /// Lists the flows that have events of a kind which have not ended: they wait, run, or are going to be tried again.
    fn open_flows(&self, kind: EventKind) -> BoxFuture<'_, Result<Vec<String>, StateError>>;

    /// Counts the events that are not done, by flow and status.
    fn count_events(&self) -> BoxFuture<'_, Result<Vec<EventCount>, StateError>>;

    /// Forgets events that were done before a time, and dedupe keys whose time is over by `now`; returns how many events. Dead ones are kept.
    fn forget_events(&self, before: Timestamp, now: Timestamp) -> BoxFuture<'_, Result<u64, StateError>>;

    /// Forgets an event that waits, or is dead; tells whether there was such a one. One that somebody holds, and one that is done, stays.
    fn drop_event<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Lists who holds events.
    fn event_holders(&self) -> BoxFuture<'_, Result<Vec<String>, StateError>>;

    /// Gives back all that a holder held of whom it is known that they live no more; returns how many.
    fn orphan_events<'a>(&'a self, holder: &'a str, now: Timestamp) -> BoxFuture<'a, Result<u64, StateError>>;

    /// Lets an event be due that was parked, or waits for its next attempt; tells whether it was not before.
    fn wake_event<'a>(&'a self, id: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Lets an event be due again that was given up, as if it had not failed yet; tells whether there was such a one.
    fn revive_event<'a>(&'a self, id: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>>;
}

/// An event that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id, a UUID of version 7. Its run has the same one.
    pub id: String,
    /// The name of the flow that it starts.
    pub flow: String,
    /// The trigger that it came by, as in `webhook /orders`, `schedule 0`, `manual`.
    pub trigger: String,
    /// How it came.
    pub kind: EventKind,
    /// By what it is known again, among those of its flow and trigger.
    pub dedupe: Option<Dedupe>,
    /// Events of a flow with the same partition run one after another, in their order.
    pub partition: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it is to run.
    pub due_at: Timestamp,
    /// The inputs that its run is given, a JSON object.
    pub inputs: Vec<u8>,
    /// What `trigger` is in its run, a JSON object.
    pub body: Vec<u8>,
}

/// By what an event is known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// The key.
    pub key: String,
    /// Until when it is remembered.
    pub until: Timestamp,
}

/// How an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// By a request.
    Webhook,
    /// By a clock.
    Schedule,
    /// Somebody started it.
    Manual,
}

impl EventKind {
    /// Names it, in stores and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Schedule => "schedule",
            Self::Manual => "manual",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Webhook, Self::Schedule, Self::Manual].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What became of an event that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Kept,
    /// It was kept before: as this event.
    Known {
        /// The id of that event.
        event: String,
    },
}

/// What is to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The flows whose events are wanted.
    pub flows: Arc<HashSet<String>>,
    /// How many events of a flow are under way; none of those that are not named.
    pub busy: HashMap<String, u32>,
    /// How many events of a flow may be under way.
    pub per_flow: u32,
    /// How many are taken in all.
    pub most: u32,
    /// Where there are more flows than can be looked at: those whose names come after this are looked at first.
    pub after: String,
    /// Who takes them, and for how long.
    pub lease: Lease,
}

impl Wanted {
    /// Returns how many events of a flow are under way, and how many more there may be; nothing where none is wanted.
    pub fn room(&self, flow: &str) -> Option<(u32, u32)> {
        let busy = self.busy.get(flow).copied().unwrap_or(0);
        let free = self.per_flow.saturating_sub(busy).min(self.most);
        (free > 0 && self.flows.contains(flow)).then_some((busy, free))
    }
}

/// An event, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id; its run has the same one.
    pub id: String,
    /// The name of its flow.
    pub flow: String,
    /// The trigger that it came by.
    pub trigger: String,
    /// How it came.
    pub kind: EventKind,
    /// Its partition; left out in lists.
    pub partition: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it is to run; of one that is held, when its lease is over.
    pub due_at: Timestamp,
    /// How it stands.
    pub status: EventStatus,
    /// How often its run has failed.
    pub failures: u32,
    /// Why it failed last.
    pub error: Option<String>,
    /// Who holds it.
    pub holder: Option<String>,
    /// When it was done, or given up.
    pub ended_at: Option<Timestamp>,
    /// The inputs that its run is given, a JSON object; empty in lists.
    pub inputs: Vec<u8>,
    /// What `trigger` is in its run, a JSON object; empty in lists.
    pub body: Vec<u8>,
    /// Whether its run may have begun before: where it was taken, false says that nothing is kept of one.
    pub may_have_begun: bool,
}

impl StoredEvent {
    /// Makes an event of the same content, which is not known by any key.
    pub fn again(self, id: &str, now: Timestamp) -> NewEvent {
        NewEvent {
            id: id.to_owned(),
            flow: self.flow,
            trigger: self.trigger,
            kind: self.kind,
            dedupe: None,
            partition: self.partition,
            received_at: now,
            due_at: now,
            inputs: self.inputs,
            body: self.body,
        }
    }
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventStatus {
    /// It waits for its turn, or for its next attempt.
    Waiting,
    /// Somebody holds it.
    Running,
    /// Its run has come to its end.
    Done,
    /// It failed too often.
    Dead,
}

impl EventStatus {
    /// Names it, in stores and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Done, Self::Dead].into_iter().find(|status| status.as_str() == name)
    }
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its run has come to its end.
    Done,
    /// It failed, and is run again at a time.
    Retry {
        /// When.
        at: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// It failed, and is not run again.
    Dead {
        /// Why it failed.
        error: String,
    },
    /// It is given back: whoever takes it next goes on with it.
    Released,
    /// Its run waits for something: it is gone on with at a time, or when it is woken.
    Parked {
        /// When.
        until: Timestamp,
    },
}

/// Which events are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter {
    /// Those of a flow.
    pub flow: Option<String>,
    /// Those that stand so.
    pub status: Option<EventStatus>,
    /// How many at most.
    pub most: u32,
}

/// How many events of a flow stand alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCount {
    /// The flow.
    pub flow: String,
    /// How they stand; never done.
    pub status: EventStatus,
    /// How many they are.
    pub count: u64,
    /// When the oldest of them came.
    pub oldest: Timestamp,
}
