//! What a store keeps of runs, so that one that was broken off goes on where it was. Knows nothing of what the journal's texts mean.

use std::time::Duration;

use jiff::Timestamp;

use crate::state::{Kind, StateError};
use crate::world::BoxFuture;

/// The runs that a store keeps, and their journals.
///
/// Whatever belongs to what a run works on (inputs, events, effects, records) is sealed where the store is on disk.
pub trait RunStore: Send + Sync {
    /// Keeps a run that begins. Finished runs of its flow that are long past are forgotten.
    fn begin_run<'a>(&'a self, run: &'a RunEntry) -> BoxFuture<'a, Result<(), StateError>>;

    /// Takes a run over that nobody works on: its lease is over, or it is `from` that had it. Its flag to cancel is taken down.
    fn take_run<'a>(
        &'a self,
        run: &'a str,
        from: Option<&'a str>,
        lease: &'a Lease,
    ) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Finds a run.
    fn find_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<RunEntry>, StateError>>;

    /// Lists the runs, of one flow or of all, the newest first, at most so many. What they were given is left out.
    fn list_runs<'a>(&'a self, flow: Option<&'a str>, most: u32) -> BoxFuture<'a, Result<Vec<RunEntry>, StateError>>;

    /// Returns what was journaled of a run.
    fn run_log<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<RunLog, StateError>>;

    /// Returns the records that a step has handed on and that are asked for later, in their order.
    fn run_records<'a>(&'a self, run: &'a str, step: &'a str) -> BoxFuture<'a, Result<Vec<RunRecords>, StateError>>;

    /// Returns what a run has asked its APIs, as far as that is kept, in order.
    fn run_requests<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Vec<RunRequests>, StateError>>;

    /// Keeps all of the changes or none, and renews the lease. Nothing is kept for who has lost it.
    ///
    /// Once this returns, the changes outlive the process; they outlive the machine too where they are `durable`.
    fn commit_run<'a>(
        &'a self,
        run: &'a str,
        lease: &'a Lease,
        changes: RunChanges,
    ) -> BoxFuture<'a, Result<Standing, StateError>>;

    /// Asks whoever works on a run to end it; tells whether there is somebody.
    fn cancel_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Forgets a run that nobody works on; tells whether it was there.
    fn forget_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>>;
}

/// How many finished runs of a flow are kept.
pub const KEPT_RUNS: u32 = 200;

/// A run, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// Its id.
    pub id: String,
    /// The name of its flow.
    pub flow: String,
    /// The file of its spec, as it was named.
    pub spec: String,
    /// What its plan is known by.
    pub plan: String,
    /// What it was given, by what that is known.
    pub given: String,
    /// What it was given, as JSON.
    pub inputs: Vec<u8>,
    /// What started it, as JSON; none where somebody did by hand.
    pub trigger: Option<Vec<u8>>,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, or broke off for the last time.
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
    /// Who works on it.
    pub holder: Option<String>,
    /// Until when it is theirs, if they say no more.
    pub held_until: Timestamp,
    /// Whether somebody wants it to end.
    pub is_cancelled: bool,
    /// What became of each step by the time it ended, as JSON: a list of objects with `step`, `status` and `counts`.
    pub steps: Option<String>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It is under way, or its process died.
    Running,
    /// All is done.
    Ok,
    /// It is done, but some records were rejected.
    Partial,
    /// It failed.
    Failed,
    /// It was stopped.
    Interrupted,
    /// It was cancelled: it does not go on by itself.
    Cancelled,
}

impl RunStatus {
    /// Names it, in stores and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Running, Self::Ok, Self::Partial, Self::Failed, Self::Interrupted, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    /// Tells whether nothing of the run is left to do.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Ok | Self::Partial)
    }
}

/// Who works on a run, and for how long if they say no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who it is.
    pub holder: String,
    /// The time now.
    pub now: Timestamp,
    /// How long.
    pub time: Duration,
}

impl Lease {
    /// Returns when it is over.
    pub fn until(&self) -> Timestamp {
        self.now.saturating_add(self.time).unwrap_or(Timestamp::MAX)
    }
}

/// How a run stands with who works on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is theirs.
    Held,
    /// It is theirs, and somebody wants it to end.
    Cancelled,
    /// It is no longer theirs: nothing was kept.
    Lost,
}

/// What was journaled of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunLog {
    /// The state of all, with the number of the first chunk that is not in it.
    pub snapshot: Option<(i64, Vec<u8>)>,
    /// What happened since, in order.
    pub chunks: Vec<(i64, Vec<u8>)>,
    /// What was sent.
    pub acks: Vec<Ack>,
}

/// Something that is sent once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// What it is known by.
    pub key: String,
    /// The page that it belongs to: it is forgotten with it.
    pub page: String,
    /// What came of it; none where it is about to be sent, and nobody knows whether it was.
    pub effect: Option<Vec<u8>>,
}

/// Records that a step handed on and that are asked for later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecords {
    /// The step.
    pub step: String,
    /// Their place among those of the step.
    pub number: i64,
    /// The records.
    pub body: Vec<u8>,
    /// Whether those before are asked for no more.
    pub is_last: bool,
}

/// Requests of a run, several at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunRequests {
    /// The number of the last of them among all of the run.
    pub number: i64,
    /// What [`read_requests`](super::read_requests) reads.
    pub body: Vec<u8>,
    /// Those up to this number are kept no more.
    pub forgotten: i64,
}

/// Something that is kept for the next runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToKeep {
    /// What it is.
    pub kind: Kind,
    /// Its key.
    pub key: String,
    /// What it is, in words.
    pub label: String,
    /// What is kept.
    pub value: Vec<u8>,
}

/// What becomes of a run: all of it at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunChanges {
    /// Some events, with the number of their chunk.
    pub chunk: Option<(i64, Vec<u8>)>,
    /// The state of all, with the number of the first chunk that is not in it: those before are forgotten.
    pub snapshot: Option<(i64, Vec<u8>)>,
    /// What was sent, or is about to be.
    pub acks: Vec<Ack>,
    /// The pages that were delivered: what was sent for them is forgotten, after `acks`.
    pub delivered: Vec<String>,
    /// Records that are asked for later.
    pub records: Vec<RunRecords>,
    /// What it asked its APIs. It outlives the end of the run.
    pub requests: Option<RunRequests>,
    /// What is kept for the next runs. No token is among it.
    pub keep: Vec<ToKeep>,
    /// How the run ended. Of one that is done the journal is forgotten.
    pub end: Option<(RunStatus, Option<String>)>,
    /// What became of each step, as JSON, where the run ended.
    pub steps: Option<String>,
    /// Whether the changes have to be on disk when they are told as kept.
    pub durable: bool,
}
