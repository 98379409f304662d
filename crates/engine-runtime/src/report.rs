//! What a run says while it goes, and at its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use engine_source::{Finding, Span};
use serde::{Deserialize, Serialize};

use crate::record::Record;

/// What happened to the records of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Records that its source gave.
    pub read: u64,
    /// Records that `where` dropped.
    pub dropped: u64,
    /// Records that `map` or `validate` refused.
    pub invalid: u64,
    /// Records that its target took.
    pub sent: u64,
    /// Records that its target refused.
    pub failed: u64,
    /// Records that an error rule or `on_error` skipped.
    pub skipped: u64,
    /// Records kept as dead letters.
    pub dead_lettered: u64,
    /// Records that it handed on.
    pub out: u64,
    /// Pages that it read.
    pub pages: u64,
    /// Requests that it sent, each attempt counted.
    pub requests: u64,
    /// Attempts after the first.
    pub retries: u64,
}

impl Counts {
    /// Adds others.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { read, dropped, invalid, sent, failed, skipped, dead_lettered, out, pages, requests, retries } =
            other;
        self.read += read;
        self.dropped += dropped;
        self.invalid += invalid;
        self.sent += sent;
        self.failed += failed;
        self.skipped += skipped;
        self.dead_lettered += dead_lettered;
        self.out += out;
        self.pages += pages;
        self.requests += requests;
        self.retries += retries;
    }

    /// Returns how many records were left out for an error.
    pub(crate) fn rejected(&self) -> u64 {
        self.invalid + self.failed + self.dead_lettered
    }
}

/// How a step or a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All is done.
    Ok,
    /// It is done, but some records were rejected.
    Partial,
    /// It failed.
    Failed,
    /// Its `when` was false.
    Skipped,
    /// It was stopped from outside.
    Interrupted,
}

impl Status {
    /// Returns its name: `ok`, `partial`, `failed`, `skipped`, `interrupted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What happens while a run goes.
#[derive(Clone, Debug)]
pub enum Event {
    /// A step begins.
    StepStarted {
        /// Its id.
        step: Arc<str>,
    },
    /// A page or a batch of items is done.
    Progress {
        /// The step's id.
        step: Arc<str>,
        /// All that it did so far.
        counts: Counts,
    },
    /// A request is tried again.
    Retrying {
        /// The step's id.
        step: Arc<str>,
        /// The request, and why it is tried again.
        what: String,
        /// How long to wait before.
        wait: Duration,
        /// The number of the next attempt, from 2 on.
        attempt: u32,
    },
    /// A request waits until it may go.
    Waiting {
        /// The step's id.
        step: Arc<str>,
        /// How long.
        wait: Duration,
        /// For what.
        why: WaitingFor,
    },
    /// An API does not work: for a while only single requests go to it, to see whether it does again.
    CircuitOpened {
        /// The step's id.
        step: Arc<str>,
        /// The API.
        api: String,
        /// How many requests failed in a row.
        failures: u32,
        /// How long to wait before the next one.
        wait: Duration,
        /// What went wrong last.
        error: String,
    },
    /// An API works again.
    CircuitClosed {
        /// The step's id.
        step: Arc<str>,
        /// The API.
        api: String,
        /// How long it did not.
        after: Duration,
    },
    /// A record was rejected and the run goes on.
    Rejected {
        /// The step's id.
        step: Arc<str>,
        /// Why.
        finding: Box<Finding>,
    },
    /// There is something to say of the run itself.
    Note {
        /// The message.
        message: String,
    },
    /// A step's `log` has something to say.
    Log {
        /// The step's id.
        step: Arc<str>,
        /// The message.
        message: String,
    },
    /// A step has ended.
    StepFinished {
        /// Its id.
        step: Arc<str>,
        /// How it ended.
        status: Status,
        /// All that it did.
        counts: Counts,
    },
}

/// What a request or a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingFor {
    /// A rate limit: the spec's, or what the API says is left.
    RateLimit,
    /// An API that does not work.
    Api,
    /// An answer for which the `until` of a call holds.
    Until,
    /// The time that a step says.
    Step,
}

/// Takes what a run says.
pub trait Observer: Send + Sync {
    /// Is told the id of the run, before anything else of it.
    fn begun(&self, run: &str) {
        _ = run;
    }

    /// Is told what happens.
    fn event(&self, event: Event);

    /// Takes records of a stream that no other step takes; `stream` is named where there are several.
    ///
    /// # Errors
    ///
    /// Fails where they cannot be printed; the run then ends.
    fn records(&self, stream: Option<&str>, records: &[Record]) -> io::Result<()>;

    /// Tells whether it wants to see what each step hands on, taken by others or not.
    fn watches(&self) -> bool {
        false
    }

    /// Takes records that a step hands on, by its address; only where it [watches](Self::watches).
    fn handed_on(&self, step: &str, records: &[Record]) {
        _ = (step, records);
    }

    /// Is told which rule of an endpoint's `errors` took an answer, by a place in it.
    fn ruled(&self, rule: Span) {
        _ = rule;
    }
}

/// What became of a step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Its id.
    #[serde(rename = "step", serialize_with = "as_text")]
    pub id: Arc<str>,
    /// How it ended.
    pub status: Status,
    /// All that it did.
    pub counts: Counts,
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The run's id.
    pub id: String,
    /// How it ended.
    pub status: Status,
    /// The steps that began, in order: each before those within it, which are named by their addresses.
    pub steps: Vec<StepReport>,
    /// Why it failed; before the first request there may be several reasons.
    pub errors: Vec<Finding>,
    /// How many records were left out for an error, kept aside or not.
    pub rejected: u64,
}
