//! What can be said to `engine plan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ResultFormat;

/// Arguments of `engine plan`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Plan {
    /// The spec
    #[arg(required_unless_present = "diff")]
    pub(crate) spec: Option<PathBuf>,
    /// Give an input; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Read inputs from a YAML or JSON file; may be repeated, a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Plan these steps alone, and those that they take from; of a spec without steps, these endpoints
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Where tokens and cursors are kept between runs: a path, or `postgres://…`
    #[arg(long, value_name = "URL", default_value = crate::state::PLACE)]
    pub(crate) state: String,
    /// Ask the APIs for the first page of each read that needs nothing else, so that the estimate knows pages and records
    #[arg(long)]
    pub(crate) probe: bool,
    /// Print the spec with all that it imports, each value with the place where it is written
    #[arg(long, conflicts_with_all = ["graph", "diff", "probe"])]
    pub(crate) resolved: bool,
    /// Draw the steps, and what they read and write
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with_all = ["diff", "probe"])]
    pub(crate) graph: Option<GraphFormat>,
    /// Say what a change of a spec changes, and whether what is kept of the old one survives it
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["spec", "only"])]
    pub(crate) diff: Option<Vec<PathBuf>>,
    /// How the plan is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
}

const HELP: &str = "\
Nothing is sent without --probe, and nothing is written. Secrets are not looked at but for whether they are there; programs and keyrings \
are not asked. What is known is filled in, the rest is shown as it is written: {{ … }}.";

/// How a graph is drawn.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// For Markdown that draws it
    Mermaid,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
}
