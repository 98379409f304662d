//! The command line. The only crate that prints, reads the environment or chooses an exit status.

mod answers;
mod arguments;
mod commands;
mod console;
mod environment;
mod event_file;
mod failure;
mod inputs;
mod keyring;
mod made_up;
mod mocks;
mod output;
mod planned;
mod program;
mod recordings;
mod render;
mod report;
mod signals;
mod spec_files;
mod state;
mod status;
mod telemetry;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::terminal::Terminal;

/// Records are many small texts; this makes and frees them fastest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let terminal = Terminal::new(arguments.color);
    match commands::execute(arguments.command, &terminal) {
        Ok(status) => status.into(),
        Err(failure) => {
            terminal::tell(failure.render(terminal.stderr));
            failure.status().into()
        }
    }
}
