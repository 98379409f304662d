//! `engine state export`: all that is kept, but for tokens, as JSON.

use engine_runtime::StateStore;
use serde_json::{Value, json};

use super::kept::all;
use super::list::members;
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::print;

/// The version of the form.
pub(super) const VERSION: u64 = 1;

/// Prints what is kept.
pub(super) async fn execute(state: &dyn StateStore) -> Result<Status, Failure> {
    let entries: Vec<Value> = all(state).await?.iter().map(members).collect();
    print(format!("{:#}\n", json!({"version": VERSION, "entries": entries})))?;
    Ok(Status::Done)
}
