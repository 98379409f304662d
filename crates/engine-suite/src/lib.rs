//! The tests of specs, run offline: answers, a clock, sinks and a state of their own.
//!
//! A test runs the very plan that a run does, with another [`World`](engine_runtime::World). Knows nothing of files, terminals and the command
//! line.

mod apis;
mod chaos;
mod clock;
mod coverage;
mod cursors;
mod environment;
mod event;
mod expect;
mod logins;
mod outcome;
mod paging;
mod sent;
mod signing;
mod sinks;
mod stage;
mod trial;
mod watch;

pub use crate::chaos::{Chaos, Disturbed, disturb};
pub use crate::coverage::{Coverage, Point, PointKind};
pub use crate::outcome::Outcome;
pub use crate::trial::{Options, run};
