//! The program written by hand, alone, for a profiler: `baseline paths|templates URL`.

use std::error::Error;

use clap::Parser;
use engine_benches::baseline::Baseline;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    Ok(Baseline::parse().run()?)
}
