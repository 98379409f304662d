//! What everything that serves shares.

use std::sync::Arc;

use engine_runtime::{Clock, EventStore, KEPT_REQUESTS, Sinks, StateStore, Stop};
use tokio::sync::Notify;

use crate::dispatch::Endings;
use crate::flows::Flows;
use crate::log::Log;
use crate::metrics::Metrics;

/// What everything that serves shares.
pub struct Server {
    /// The flows that are served now.
    pub flows: Flows,
    /// The inbox.
    pub events: Arc<dyn EventStore>,
    /// What is kept between runs.
    pub state: Arc<dyn StateStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where records are written to.
    pub sinks: Arc<dyn Sinks>,
    /// Who is told what happens.
    pub log: Arc<dyn Log>,
    /// What is counted for those who watch.
    pub metrics: Arc<Metrics>,
    /// How much happens at once.
    pub limits: Limits,
    /// Who this process is among those that share the state.
    pub holder: Holder,
    /// Where others reach this server: what the URLs begin with that runs hand out.
    pub public_url: String,
    /// Asked when the server is to end: nothing more is taken then, and what runs stops at its next checkpoint.
    pub stop: Stop,
    /// Told whenever an event was put into the inbox, so that nobody has to look for it again and again.
    pub arrived: Arc<Notify>,
    /// Who waits for the ends of events.
    pub endings: Endings,
}

/// How much happens at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many runs, of all flows together.
    pub runs: u32,
    /// How many runs of one flow.
    pub runs_per_flow: u32,
    /// How many events of one flow may wait: then its webhooks take no more.
    pub waiting_per_flow: u64,
    /// How many requests of each run are kept, the newest.
    pub kept_requests: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { runs: 32, runs_per_flow: 4, waiting_per_flow: 1_000_000, kept_requests: KEPT_REQUESTS }
    }
}

/// Who a process is among those that share a state.
#[derive(Clone, Debug)]
pub struct Holder {
    /// What no other process has.
    pub name: String,
    /// Tells whether a holder lives, as far as that is known here.
    pub lives: fn(&str) -> Option<bool>,
}
