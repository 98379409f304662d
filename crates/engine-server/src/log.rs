//! What a server says while it serves.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{Observer, Recorder, RunReport};
use engine_source::Sources;
use jiff::Timestamp;

use crate::flows::{Broken, Flow};

/// Something that happens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A flow is served from the start on.
    Serves {
        /// The flow.
        flow: &'a str,
        /// What its triggers are known by.
        triggers: &'a [String],
        /// When the clock starts it next.
        next: Option<Timestamp>,
    },
    /// It listens.
    Listening {
        /// Where.
        address: SocketAddr,
    },
    /// A run begins, or goes on.
    RunStarted {
        /// Its flow.
        flow: &'a str,
        /// Its id, and that of the event that starts it.
        run: &'a str,
        /// What the trigger is known by.
        trigger: &'a str,
        /// How often the event was tried before.
        attempts: u32,
        /// The `traceparent` and the `tracestate` that came with the event (<https://www.w3.org/TR/trace-context/>).
        parent: Option<(&'a str, Option<&'a str>)>,
    },
    /// A run that has ended waits for an event, and is gone on with when it is there.
    RunParked {
        /// Its flow.
        flow: &'a str,
        /// Its id.
        run: &'a str,
        /// Until when; the latest time there is, where it waits for as long as it takes.
        until: Timestamp,
    },
    /// A run has ended.
    RunEnded {
        /// Its flow.
        flow: &'a str,
        /// What the trigger is known by.
        trigger: &'a str,
        /// What became of it.
        report: &'a RunReport,
        /// The files of its spec, in which the places of its errors are.
        sources: &'a Arc<Sources>,
        /// How long it took.
        took: Duration,
        /// When it is tried again, where it failed and is.
        again: Option<Timestamp>,
    },
    /// A run of a schedule is left out, since the run before is not done.
    Skipped {
        /// Its flow.
        flow: &'a str,
        /// When it should have run.
        tick: Timestamp,
    },
    /// Runs of a schedule were missed, and are not made up for.
    Missed {
        /// Its flow.
        flow: &'a str,
        /// When the first of them should have run.
        tick: Timestamp,
    },
    /// Runs of a schedule that were missed are made up for.
    CaughtUp {
        /// Its flow.
        flow: &'a str,
        /// How many.
        runs: usize,
        /// Whether there were more, which are not made up for.
        is_bounded: bool,
    },
    /// A flow is served from now on, or another version of it.
    Loaded {
        /// The flow.
        flow: &'a str,
        /// The file of its spec.
        file: &'a Path,
    },
    /// A flow is not served any more: its file is gone.
    Removed {
        /// The flow.
        flow: &'a str,
        /// The file of its spec.
        file: &'a Path,
    },
    /// A spec was changed and something is wrong with it: what was served goes on.
    Refused {
        /// What is wrong with what.
        broken: &'a Broken,
        /// Whether an older version is served on.
        is_served: bool,
    },
    /// An event was refused: it does not prove who sent it, or can't be used.
    EventRefused {
        /// Its flow.
        flow: &'a str,
        /// What the trigger is known by.
        trigger: &'a str,
        /// Why, without secrets; its sender is told less.
        reason: &'a str,
    },
    /// An event came again, and starts nothing.
    EventKnown {
        /// Its flow.
        flow: &'a str,
        /// What the trigger is known by.
        trigger: &'a str,
        /// The event that came first.
        event: &'a str,
    },
    /// Something is wrong that is no run's fault, and it goes on.
    Trouble {
        /// What.
        message: &'a str,
    },
    /// It was asked to end.
    Stopping,
}

/// Is told what happens, by all that serves at once.
pub trait Log: Send + Sync {
    /// Is told of something.
    fn notice(&self, notice: Notice<'_>);

    /// Makes who is told how a run goes.
    fn observer(&self, flow: &Flow, run: &str) -> Arc<dyn Observer>;

    /// Makes who is told of the requests of a run, if anybody wants to know.
    fn recorder(&self, flow: &Flow, run: &str) -> Option<Arc<dyn Recorder>> {
        _ = (flow, run);
        None
    }
}
