//! Arguments of `engine import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `engine import`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Import {
    /// What is read
    #[arg(value_enum)]
    pub(crate) format: ImportFormat,
    /// The file; `-` for stdin. For curl also the command itself, in quotes
    pub(crate) source: String,
    /// Write the spec to this file; without it to stdout
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file, if it is there
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// The name of the API in the spec; by its title or host if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Take only these operations: `tag:NAME`, `path:/orders*`, or a part of the name; may be repeated
    #[arg(long, value_delimiter = ',', value_name = "WHAT")]
    pub(crate) only: Vec<String>,
    /// Take operations too that are not to be used any more
    #[arg(long)]
    pub(crate) deprecated: bool,
    /// Leave examples of answers out: shorter, but then `--mock` has nothing to answer with
    #[arg(long)]
    pub(crate) no_examples: bool,
}

/// What a spec is made of.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    #[value(help = "OpenAPI 3.0 or 3.1, or Swagger 2.0")]
    /// `OpenAPI` 3.0 or 3.1, or Swagger 2.0
    Openapi,
    /// Commands of curl
    Curl,
    /// A collection of Postman, version 2.0 or 2.1
    Postman,
    /// An HTTP archive (HAR 1.2), as browsers save it
    Har,
}

const HELP: &str = "\
What is made is checked as `engine validate` does; what could not be carried over is listed on stderr, with its place. Secrets are never taken over: \
the spec names the variables that give them.

Examples:
  engine import openapi petstore.json --only tag:pet -o specs/petstore.yaml
  engine import curl \"curl https://api.example.com/orders -H 'Authorization: Bearer …'\"
  engine import har recorded.har --name shop";
