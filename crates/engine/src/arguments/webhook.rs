//! What can be said to `engine webhook`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with the webhooks of a spec.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Send an event to a webhook, signed as its sender does
    Send(WebhookSend),
}

/// Arguments of `engine webhook send`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct WebhookSend {
    /// The spec
    pub(crate) spec: PathBuf,
    /// The event, a YAML or JSON file: `{body, headers, query, path}`, or a body alone
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The webhook, where the spec has several: its path, or its number from 1
    #[arg(long, value_name = "PATH|N")]
    pub(crate) trigger: Option<String>,
    /// Where the server listens
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// Send a header, over what the event says; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// The id that the sender gives to the event, where it does; one that is new if not given
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Give an input; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Read inputs from a YAML or JSON file; may be repeated, a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Print the request instead of sending it: its signature is as good as a password for as long as it holds
    #[arg(long)]
    pub(crate) print: bool,
}

const HELP: &str = "\
The body of the answer goes to stdout, its status to stderr. A body is sent as it stands in the file, byte by byte.

Exit status: 0 the event was taken; 1 it was not, or nobody listens; 2 the spec or the command line is wrong.";
