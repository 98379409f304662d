//! `engine man`: manual pages, one for each command.

use std::fs;

use clap::CommandFactory;

use crate::arguments::{Arguments, Man};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::tell;

/// Writes the pages into a folder.
pub(super) fn execute(arguments: &Man) -> Result<Status, Failure> {
    let folder = &arguments.folder;
    let unwritable = |error| Failure::failed(format!("cannot write manual pages to `{}`: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(unwritable)?;
    // `engine help` only says what the pages say.
    let command = Arguments::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, folder).map_err(unwritable)?;
    tell(format!("made  {}\n", folder.join("engine.1").display()));
    Ok(Status::Done)
}
