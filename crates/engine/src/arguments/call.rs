//! What can be said to `engine call`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ResultFormat;

/// Arguments of `engine call`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Call {
    /// The spec
    pub(crate) spec: PathBuf,
    /// The endpoint: `API.ENDPOINT`
    #[arg(value_name = "API.ENDPOINT")]
    pub(crate) endpoint: String,
    /// Give a param; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub(crate) param: Vec<String>,
    /// Put a value into the query, over what the spec says; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) query: Vec<String>,
    /// Send a header, over what the spec says; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// Send what is in a file instead of the spec's body; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,
    /// Show this page of an endpoint with pages, from 1; those before it are asked for too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["all", "printed"])]
    pub(crate) page: Option<u64>,
    /// Read all pages, and print their records one by one
    #[arg(long, conflicts_with_all = ["printed", "body"])]
    pub(crate) all: bool,
    /// Print the request instead of sending it
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    pub(crate) printed: Option<PrintedAs>,
    /// Ask a server on this machine that answers with the examples of the spec
    #[arg(long, conflicts_with = "printed")]
    pub(crate) mock: bool,
    /// Give an input; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Read inputs from a YAML or JSON file; may be repeated, a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Where tokens are kept: a path, or `postgres://…`
    #[arg(long, value_name = "URL", default_value = crate::state::PLACE)]
    pub(crate) state: String,
    /// How the answer is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
}

const HELP: &str = "\
The body of the answer goes to stdout, everything else to stderr. The request is sent once, whatever the answer says, but a token that the \
API does not take any longer is renewed. Of an endpoint with pages the first one is asked for; an incremental one is asked from its start. With `--all`, and of an endpoint \
that is made of steps, the records are printed as a run prints them, and requests are sent again as in a run.

Exit status: 0 a good answer; 1 another one, or none; 2 the spec or the command line is wrong.";

/// As what a request is printed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrintedAs {
    /// A command of `curl`, with secrets as variables of the shell
    Curl,
}
