//! The engine beside a program written by hand: CPU time, memory, start-up and validation, as ratios.
//!
//! Knows the engine only as a user does: by its command line and its language. Links none of its crates, so
//! that nothing measured here is shared with what it is measured against.

pub mod answers;
pub mod baseline;
pub mod bench;
pub mod catalogue;
#[cfg(unix)]
mod copies;
pub mod cost;
pub mod flow;
pub mod orders;
pub mod report;
#[cfg(target_os = "linux")]
mod schedules;
#[cfg(unix)]
mod senders;
pub mod server;
mod session;
#[cfg(unix)]
mod webhooks;
