//! `engine state`: what is kept between runs, to look at, to change and to take along. Tokens are left to `engine auth`.

mod change;
mod export;
mod import;
mod kept;
mod list;

use std::path::Path;

use engine_runtime::StateStore;

use crate::arguments::State;
use crate::environment::Variables;
use crate::failure::Failure;
use crate::state;
use crate::status::Status;
use crate::terminal::Terminal;

/// Does what was asked for.
pub(super) fn execute(command: &State, terminal: &Terminal) -> Result<Status, Failure> {
    let place = match command {
        State::List(arguments) => &arguments.place,
        State::Show(arguments) => &arguments.place,
        State::Set(arguments) => &arguments.place,
        State::Reset(arguments) => &arguments.place,
        State::Export(arguments) => &arguments.place,
        State::Import(arguments) => &arguments.place,
    };
    let variables = Variables::load(Path::new(""))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let opened = state::open(&place.state, &variables)?;
        let state: &dyn StateStore = &*opened;
        match command {
            State::List(arguments) => list::execute(state, arguments, terminal).await,
            State::Show(arguments) => list::show(state, arguments).await,
            State::Set(arguments) => change::set(state, arguments).await,
            State::Reset(arguments) => change::reset(state, arguments).await,
            State::Export(_) => export::execute(state).await,
            State::Import(arguments) => import::execute(state, &arguments.file).await,
        }
    })
}
