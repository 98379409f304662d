//! `engine runs`: the runs that a state keeps, to look at, to go on with and to end.

mod list;
mod requests;

use std::path::Path;

use clap::Parser;
use engine_runtime::{RunEntry, RunStatus, StateStore, holder};

use crate::arguments::{Arguments, Command, Runs, RunsResume};
use crate::environment::Variables;
use crate::failure::Failure;
use crate::state;
use crate::status::Status;
use crate::terminal::{Terminal, tell};

/// How many runs are looked at where an id is given by its beginning.
const MOST: u32 = 100_000;

/// Does what was asked for.
pub(super) fn execute(command: &Runs, terminal: &Terminal) -> Result<Status, Failure> {
    let place = match command {
        Runs::List(arguments) => &arguments.place,
        Runs::Show(arguments) => &arguments.place,
        Runs::Resume(arguments) => &arguments.place,
        Runs::Cancel(arguments) => &arguments.place,
    };
    let variables = Variables::load(Path::new(""))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let opened = state::open(&place.state, &variables)?;
    let state: &dyn StateStore = &*opened;
    match command {
        Runs::List(arguments) => runtime.block_on(list::execute(state, arguments, terminal)),
        Runs::Show(arguments) => runtime.block_on(list::show(state, arguments)),
        Runs::Cancel(arguments) => runtime.block_on(cancel(state, &arguments.id)),
        Runs::Resume(arguments) => {
            let run = runtime.block_on(find(state, &arguments.id))?;
            drop(opened);
            drop(runtime);
            resume(&run, arguments, terminal)
        }
    }
}

/// Goes on with a run as `engine run --resume` does.
fn resume(run: &RunEntry, arguments: &RunsResume, terminal: &Terminal) -> Result<Status, Failure> {
    let command = ["engine", "run", &run.spec, "--resume", &run.id, "--state", &arguments.place.state];
    let parsed = Arguments::try_parse_from(command).map_err(|error| Failure::usage(error.to_string()))?;
    match parsed.command {
        Command::Run(arguments) => super::run::execute(&arguments, terminal),
        _ => Err(Failure::failed("the run can't be gone on with")),
    }
}

/// Asks whoever works on a run to end it.
async fn cancel(state: &dyn StateStore, id: &str) -> Result<Status, Failure> {
    let run = find(state, id).await?;
    if state.cancel_run(&run.id).await.map_err(Failure::from)?
        && run.holder.as_deref().and_then(holder::lives) != Some(false)
    {
        tell(format!("run {} will end in a few seconds\n", run.id));
        return Ok(Status::Done);
    }
    Err(Failure::failed(format!("nobody works on run `{}`: it {}", run.id, standing(&run))).help(match run.status {
        RunStatus::Failed | RunStatus::Running | RunStatus::Interrupted => {
            format!("if an event is to try it again, `engine events drop {}` forgets that", run.id)
        }
        _ => "`engine runs list` shows how runs stand".to_owned(),
    }))
}

/// Finds a run by its id, or by the start or the end of it.
async fn find(state: &dyn StateStore, id: &str) -> Result<RunEntry, Failure> {
    if let Some(run) = state.find_run(id).await.map_err(Failure::from)? {
        return Ok(run);
    }
    let runs = state.list_runs(None, MOST).await.map_err(Failure::from)?;
    let mut alike = runs.into_iter().filter(|run| !id.is_empty() && (run.id.starts_with(id) || run.id.ends_with(id)));
    match (alike.next(), alike.next()) {
        (Some(run), None) => Ok(run),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several runs begin or end with `{id}`")).help("give more of the id"))
        }
        _ => {
            Err(Failure::usage(format!("there is no run `{id}`")).help("`engine runs list` shows those that there are"))
        }
    }
}

/// Says how a run stands: one whose process died is not running.
fn standing(run: &RunEntry) -> &'static str {
    let has_died = || run.holder.as_deref().and_then(holder::lives) == Some(false);
    match run.status {
        RunStatus::Running if run.holder.is_none() || has_died() => "broken off",
        status => status.as_str(),
    }
}
