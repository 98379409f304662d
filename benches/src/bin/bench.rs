//! The benchmark's one command; see `benches/README.md`.

use std::process::ExitCode;

use clap::Parser;
use engine_benches::bench::Command;

/// The baseline is run from this file too, and the engine has the same allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Command::parse().run()
}
