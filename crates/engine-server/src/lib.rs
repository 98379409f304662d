//! When runs start: schedules, webhooks, and the inbox between them and the flows.
//!
//! Everything that starts a run is an event, and is on disk before anybody is told that it was taken. Knows neither how specs are found and
//! compiled nor how what happens is shown: both come from whoever serves.

mod api;
mod connections;
mod dispatch;
mod flows;
mod log;
mod metrics;
mod schedule;
mod serve;
mod server;
mod verify;
pub mod webhook;

pub use crate::api::{Access, Token};
pub use crate::connections::Connections;
pub use crate::dispatch::{Endings, Finished, Watch};
pub use crate::flows::{
    Broken, Candidate, Flow, FlowSet, Flows, Ground, Loaded, OpenError, Outcome, Shelf, Specs, Stamp,
};
pub use crate::log::{Log, Notice};
pub use crate::metrics::{Metered, Metrics};
pub use crate::schedule::Schedule;
pub use crate::serve::{Serving, serve};
pub use crate::server::{Holder, Limits, Server};
pub use crate::verify::{Delivery, Refusal, Unsigned, Verifier};
