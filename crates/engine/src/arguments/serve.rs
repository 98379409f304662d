//! What can be said to `engine serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use engine_request::Period;

use super::LogFormat;

/// Arguments of `engine serve`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Serve {
    /// Files, folders (all `*.yaml` and `*.yml` below, hidden ones left out) and patterns such as `flows/**/shop-*.yaml`
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where others reach this server, for the URLs that runs hand out (`wait.url`) [default: that of --listen]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<url::Url>,
    /// The variable that has the token of the management API; it is needed where others than this machine can connect
    #[arg(
        long,
        value_name = "NAME",
        help = "The variable that has the token of the management API; it is needed where others than this machine can connect [default: ENGINE_API_TOKEN]"
    )]
    pub(crate) api_token_env: Option<String>,
    /// Serve no management API
    #[arg(long, conflicts_with = "api_token_env")]
    pub(crate) no_api: bool,
    /// Give an input to all flows that declare it; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Read inputs from a YAML or JSON file; may be repeated, a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Where events, runs, tokens and cursors are kept: a path, or `postgres://…`, which several servers may share
    #[arg(long, value_name = "URL", default_value = crate::state::PLACE)]
    pub(crate) state: String,
    /// How many runs are under way at once, of all flows together
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_runs: u32,
    /// How many runs of one flow are under way at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_runs_per_flow: u32,
    /// How many events of one flow may wait: then its webhooks answer 503, to come again later
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_waiting_per_flow: u64,
    /// How many connections there may be at once; whoever else connects is told to come again
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// How long the head of a request may take, and a connection may wait for its next request
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) header_timeout: Period,
    /// How many requests of each run are kept with it, the newest; 0 keeps none
    #[arg(long, value_name = "N", default_value_t = engine_runtime::KEPT_REQUESTS, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) keep_requests: u32,
    /// How long it may take to end: what runs then is broken off, and gone on with at the next start
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) shutdown_timeout: Period,
    /// How what happens is written to stderr
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) log_format: LogFormat,
    /// Say more: each step, retry and wait (-v), also each page and connection (-vv), also each request and answer, without secrets (-vvv)
    #[arg(long, short, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but errors
    #[arg(long, short, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

const HELP: &str = "\
Everything is checked first: where one spec is wrong or one secret is missing nothing is served. Specs that are changed are taken over while \
it serves (SIGHUP looks at once); a change that is wrong is refused, and what was served goes on.

SIGTERM or Ctrl-C ends it: nothing more is taken, and what runs stops where it can be gone on with. A second one ends it at once.

Exit status: 0 ended as it was asked to; 1 it could not listen, the state cannot be used, or it was not done in time; 2 the specs or the command \
line are wrong; 130 asked twice.";
