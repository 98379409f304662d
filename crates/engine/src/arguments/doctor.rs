//! What can be said to `engine doctor`.

use std::path::PathBuf;

use clap::Args;

use super::Given;

/// Arguments of `engine doctor`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Doctor {
    /// The spec
    pub(crate) spec: PathBuf,
    /// Look at these APIs alone
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) api: Vec<String>,
    /// What the spec is given, and where tokens are kept
    #[command(flatten)]
    pub(crate) given: Given,
}

const HELP: &str = "\
It asks each API for one page of each read that needs no params; nothing is changed there, and no record is written anywhere.

Exit status: 0 nothing failed; 1 something did; 2 the spec or the command line is wrong.";
