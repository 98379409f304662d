//! Serves the examples of a plan's endpoints over HTTP, so that a flow runs without its APIs.
//!
//! The examples' records are cut into pages as the endpoints' pagination says, so that what reads them reads more than one. Knows
//! nothing of runs: it answers requests, over HTTP or within the process. Auth is not checked.

mod asked;
mod book;
mod detail;
mod dress;
mod example;
mod examples;
mod flags;
mod location;
mod pattern;
mod reply;
mod routes;
mod served;
mod server;
mod turning;

#[cfg(test)]
mod tests;

pub use crate::examples::{Examples, Given, Pages, Sent, body_of};
pub use crate::server::Mock;
