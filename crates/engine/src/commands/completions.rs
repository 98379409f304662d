//! `engine completions`: what a shell needs to complete the command line.

use clap::CommandFactory;

use crate::arguments::{Arguments, Completions};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::print;

/// Prints the script of a shell.
pub(super) fn execute(arguments: &Completions) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "engine", &mut script);
    print(script)?;
    Ok(Status::Done)
}
