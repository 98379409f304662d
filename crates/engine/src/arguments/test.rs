//! What can be said to `engine test`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `engine test`.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Test {
    /// Specs, files of tests (`*.test.yaml`), folders (all `*.yaml` and `*.yml` below, hidden ones left out) and patterns
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only tests whose names contain this, in any letters
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// How results are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: TestFormat,
    /// Write the results to this file too, as `JUnit` XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// List all that no test reaches: endpoints, steps, branches
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Test again whenever a file changes, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    /// How many tests run at once; as many as there are cores if not given
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// What the dice begin with: waits with jitter, ids, and what fails with --chaos; the same numbers each time
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Run each test again and again while requests fail, clocks are set and the process dies, and see that no record is lost or there twice
    #[arg(long, conflicts_with_all = ["watch", "coverage"])]
    pub(crate) chaos: bool,
    /// How many times each test is run with --chaos, each with the next seed
    #[arg(long, value_name = "K", default_value_t = 20, requires = "chaos")]
    pub(crate) runs: u32,
}

const HELP: &str = "\
Nothing is sent, written or waited for: a test says what its APIs answer, and runs on a clock of its own.

Exit status: 0 all passed; 1 some failed; 2 a spec or the command line is wrong.";

/// How the results of tests are written.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people, to stderr
    #[default]
    Human,
    /// Commands of a GitHub workflow, to stdout
    Github,
    /// One JSON object, to stdout
    Json,
}
