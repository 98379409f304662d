//! `engine dead-letters`: records that were kept aside because they failed, to look at, to send again and to forget.

mod chosen;
mod drop;
mod list;
mod retry;

use std::path::Path;

use engine_runtime::{Letter, StateStore};

use crate::arguments::DeadLetters;
use crate::environment::Variables;
use crate::failure::Failure;
use crate::state;
use crate::status::Status;
use crate::terminal::Terminal;

/// Does what was asked for.
pub(super) fn execute(command: &DeadLetters, terminal: &Terminal) -> Result<Status, Failure> {
    let place = match command {
        DeadLetters::List(arguments) => &arguments.place,
        DeadLetters::Show(arguments) => &arguments.place,
        DeadLetters::Drop(arguments) => &arguments.place,
        DeadLetters::Retry(arguments) => return retry::execute(arguments, terminal),
    };
    let variables = Variables::load(Path::new(""))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let opened = state::open(&place.state, &variables)?;
    let state: &dyn StateStore = &*opened;
    match command {
        DeadLetters::List(arguments) => runtime.block_on(list::execute(state, arguments, terminal)),
        DeadLetters::Show(arguments) => runtime.block_on(list::show(state, arguments)),
        DeadLetters::Drop(arguments) => runtime.block_on(drop::execute(state, arguments)),
        DeadLetters::Retry(_) => Ok(Status::Done),
    }
}

/// Returns all letters, those of a flow and a step together, as they came.
async fn all(state: &dyn StateStore) -> Result<Vec<Letter>, Failure> {
    let mut letters = Letter::all(state).await.map_err(Failure::from)?;
    letters.sort_by(|left, right| {
        let order = |letter: &Letter| (letter.flow().to_owned(), letter.step().to_owned(), letter.kept_at);
        order(left).cmp(&order(right))
    });
    Ok(letters)
}
