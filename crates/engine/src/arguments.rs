//! What can be said on the command line.

mod beginning;
mod call;
mod doctor;
mod events;
mod import;
mod lsp;
mod packaging;
mod plan;
mod serve;
mod test;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::beginning::{Init, New, NewAuth, NewPages, NewSink};
pub(crate) use self::call::{Call, PrintedAs};
pub(crate) use self::doctor::Doctor;
pub(crate) use self::events::{Events, EventsDrop, EventsList, EventsReplay, EventsShow, Stands};
pub(crate) use self::import::{Import, ImportFormat};
pub(crate) use self::lsp::Lsp;
pub(crate) use self::packaging::{Completions, Man, Schema, SchemaFormat};
pub(crate) use self::plan::{GraphFormat, Plan};
pub(crate) use self::serve::Serve;
pub(crate) use self::test::{Test, TestFormat};
pub(crate) use self::webhook::{Webhook, WebhookSend};
use crate::output::OutputFormat;
use crate::render::Format;
use crate::terminal::ColorChoice;

/// Reads HTTP APIs, shapes their records and delivers them, as a spec in YAML says.
#[derive(Debug, Parser)]
#[command(name = "engine", version, after_help = EXIT_STATUSES, max_term_width = 110)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colours
    #[arg(
        long,
        global = true,
        display_order = 100,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true
    )]
    pub(crate) color: ColorChoice,
}

const EXIT_STATUSES: &str = "\
Exit status:
  0    done
  1    the run failed
  2    the spec or the command line is wrong
  3    done, but some records were rejected or dead-lettered
  130  interrupted";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a spec: records go to stdout, everything else to stderr
    Run(Run),
    /// Check specs: all findings of all files, each at its place
    Validate(Validate),
    /// Serve the examples of a spec's APIs over HTTP
    Mock(Mock),
    /// Log in to APIs that a person has to allow, and see which are
    #[command(subcommand)]
    Auth(Auth),
    /// See the records that were kept aside because they failed, and send them again
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// See and change what is kept between runs: how far incremental reads came
    #[command(subcommand)]
    State(State),
    /// See the runs that change or write something, go on with them, end them
    #[command(subcommand)]
    Runs(Runs),
    /// Make a spec to start from: asks on a terminal
    New(New),
    /// Make a project to start from: flows, specs, tests, a workflow for CI
    Init(Init),
    #[command(about = "Make a spec of what there is already: OpenAPI, curl, Postman, HAR")]
    /// Make a spec of what there is already
    Import(Import),
    /// Say what a run of a spec would do, before it does; or what a change of a spec changes
    Plan(Plan),
    /// Send one request to an endpoint of a spec, and show what comes
    Call(Call),
    /// Run the tests of specs, offline: nothing is sent, written or waited for
    Test(Test),
    /// Look whether a run would find all that it needs: hosts, logins, sinks, secrets
    Doctor(Doctor),
    /// Run flows by their triggers: schedules, webhooks, and whoever starts them over HTTP
    Serve(Serve),
    /// Send events to webhooks, signed as their senders do
    #[command(subcommand)]
    Webhook(Webhook),
    /// See what has started runs, or is about to, and run it again
    #[command(subcommand)]
    Events(Events),
    /// Print the JSON Schema of specs, for editors
    Schema(Schema),
    /// Explain a finding: why it is one, a wrong spec, a right one; or list them all
    Explain(Explain),
    /// Print what a shell needs to complete the command line
    Completions(Completions),
    /// Help editors: findings, completion, definitions, new names (Language Server Protocol)
    Lsp(Lsp),
    /// Write manual pages, one for each command
    Man(Man),
}

/// Arguments of `engine run`.
#[derive(Args, Debug)]
#[command(after_help = RUN_HELP)]
pub(crate) struct Run {
    /// The spec
    pub(crate) spec: PathBuf,
    /// Give an input; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Read inputs from a YAML or JSON file; may be repeated, a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Run as if this event had come, a YAML or JSON file: `{type, body, headers, query, path, time}`, or a body alone
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// Run these steps alone, and those that they take from; of a spec without steps, read these endpoints
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Read at most this many records from each read
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Read and shape, but change nothing: sinks stay closed, and only GET and HEAD requests are sent
    #[arg(long = "dry-run")]
    pub(crate) dry: bool,
    /// Read everything, as if no run had been before
    #[arg(long)]
    pub(crate) full_refresh: bool,
    /// Where tokens and cursors are kept between runs: a path, or `postgres://…`
    #[arg(long, value_name = "URL", default_value = crate::state::PLACE)]
    pub(crate) state: String,
    /// Go on with this run where it broke off. Without it the last run that was given the same is gone on with, if it did not come to its end
    #[arg(long, value_name = "RUN", conflicts_with_all = ["fresh", "mock", "dry"])]
    pub(crate) resume: Option<String>,
    /// How many requests are kept with the run, the newest; 0 keeps none
    #[arg(long, value_name = "N", default_value_t = engine_runtime::KEPT_REQUESTS, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) keep_requests: u32,
    /// Begin anew, also where the last run did not come to its end
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Hold answers against the `OpenAPI` document of their API, or `API=FILE`, and say what does not fit; may be repeated
    #[arg(long, value_name = "[API=]FILE")]
    pub(crate) check_contract: Vec<String>,
    /// With `--check-contract`: fail where an answer does not fit
    #[arg(long, requires = "check_contract")]
    pub(crate) deny_mismatches: bool,
    /// Run against a server on loopback that answers with the examples of the spec
    #[arg(long)]
    pub(crate) mock: bool,
    /// Keep each request and its answer, without secrets: in a folder, or in a HAR file
    #[arg(long, value_name = "DIR|FILE.har", conflicts_with_all = ["mock", "replay"])]
    pub(crate) record: Option<PathBuf>,
    /// With `--record`: replace an earlier recording
    #[arg(long, requires = "record")]
    pub(crate) overwrite: bool,
    /// Run without a network: a recording answers, and nothing is kept between runs
    #[arg(long, value_name = "DIR|FILE.har", conflicts_with_all = ["mock", "resume"])]
    pub(crate) replay: Option<PathBuf>,
    /// What is printed and said
    #[command(flatten)]
    pub(crate) shown: Shown,
}

/// What is printed and said while a spec runs.
#[derive(Args, Clone, Debug)]
pub(crate) struct Shown {
    /// How records are printed; if not given, as the spec's `stdout` sink says, else as JSON lines
    #[arg(long, short = 'o', value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<OutputFormat>,
    /// How progress, summary and errors are written to stderr
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) log_format: LogFormat,
    /// Say more: each step, retry and wait (-v), also each page and connection (-vv), also each request and answer, without secrets (-vvv)
    #[arg(long, short, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but errors
    #[arg(long, short, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

const RUN_HELP: &str = "\
Inputs are taken from --input, then from --inputs, then from the variable that the spec names. Variables are those of the \
environment, then those of a file `.env` beside the spec, then those of one in the working directory.";

/// How everything but records is written.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people: live on a terminal
    #[default]
    Text,
    /// One JSON object for each event
    Json,
}

/// Arguments of `engine validate`.
#[derive(Args, Debug)]
pub(crate) struct Validate {
    /// Files, folders (all `*.yaml` and `*.yml` below, hidden ones left out) and patterns such as `specs/**/shop-*.yaml`
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Fail on warnings too
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// Mend what has exactly one safe fix, in the files that are named; comments and layout stay
    #[arg(long)]
    pub(crate) fix: bool,
    /// Print what `--fix` would change, as a diff, and write nothing
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,
    /// Hold the spec against the `OpenAPI` document of its API, or `API=FILE`; may be repeated
    #[arg(long, value_name = "[API=]FILE", conflicts_with = "fix")]
    pub(crate) openapi: Vec<String>,
    /// Whose document it is, where the spec has several APIs
    #[arg(long, value_name = "NAME", requires = "openapi")]
    pub(crate) api: Option<String>,
    /// Say nothing but findings
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Arguments of `engine mock`.
#[derive(Args, Debug)]
pub(crate) struct Mock {
    /// The spec
    pub(crate) spec: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4010")]
    pub(crate) listen: SocketAddr,
}

/// The commands of `engine auth`.
#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Let a person allow the access to an API, and keep its tokens
    Login(Login),
    /// Show which APIs are logged in, until when, and whether that goes on by itself; never a token
    Status(LoginStatus),
    /// Forget the tokens of an API
    Logout(Logout),
}

/// Arguments of `engine auth login`.
#[derive(Args, Debug)]
#[command(after_help = LOGIN_HELP)]
pub(crate) struct Login {
    /// The spec
    pub(crate) spec: PathBuf,
    /// The API in it
    pub(crate) api: String,
    /// Where to listen on 127.0.0.1 until the browser comes back; a free port if not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
    /// Do not try to open a browser
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// What the spec is given, and where tokens are kept
    #[command(flatten)]
    pub(crate) given: Given,
}

const LOGIN_HELP: &str = "\
With the grant `authorization_code` a URL is shown, and opened on a terminal. When the access is allowed, the browser comes back to \
this program. Where it cannot, as on another machine, paste the URL that it shows in the end, or the code in it. With the grant \
`device_code` a URL and a code to type there are shown.";

/// Arguments of `engine auth status`.
#[derive(Args, Debug)]
pub(crate) struct LoginStatus {
    /// The spec whose APIs are meant; without it, all that is kept
    pub(crate) spec: Option<PathBuf>,
    /// What the spec is given, and where tokens are kept
    #[command(flatten)]
    pub(crate) given: Given,
}

/// Arguments of `engine auth logout`.
#[derive(Args, Debug)]
pub(crate) struct Logout {
    /// The spec
    #[arg(required_unless_present = "all")]
    pub(crate) spec: Option<PathBuf>,
    /// The API in it
    #[arg(required_unless_present = "all")]
    pub(crate) api: Option<String>,
    /// Forget all tokens that are kept, those too that the key at hand cannot read
    #[arg(long, conflicts_with_all = ["spec", "api"])]
    pub(crate) all: bool,
    /// What the spec is given, and where tokens are kept
    #[command(flatten)]
    pub(crate) given: Given,
}

/// What a spec is given, and where its tokens are kept.
#[derive(Args, Debug)]
pub(crate) struct Given {
    /// Give an input; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Read inputs from a YAML or JSON file; may be repeated, a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Where tokens are kept: a path, or `postgres://…`
    #[arg(long, value_name = "URL", default_value = crate::state::PLACE)]
    pub(crate) state: String,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
}

/// The commands of `engine state`.
#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// List what is kept: its id, what it is, its value
    List(StateList),
    /// Show one entry whole
    Show(StateShow),
    /// Give a cursor another value: the next run goes on from there
    Set(StateSet),
    /// Forget entries: the next run reads as if none had been before
    Reset(StateReset),
    /// Print all as JSON; tokens are left out
    Export(StateExport),
    /// Take in what was exported; an entry that is there already is replaced
    Import(StateImport),
}

/// Arguments of `engine state list`.
#[derive(Args, Debug)]
pub(crate) struct StateList {
    /// Only what belongs to this flow
    #[arg(long, value_name = "NAME")]
    pub(crate) flow: Option<String>,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine state show`.
#[derive(Args, Debug)]
pub(crate) struct StateShow {
    /// The id, or the start of it
    pub(crate) id: String,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine state set`.
#[derive(Args, Debug)]
pub(crate) struct StateSet {
    /// The id of a cursor, or the start of it
    pub(crate) id: String,
    /// The value, as a text or as JSON; of the same kind as the one that is kept
    pub(crate) value: String,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine state reset`.
#[derive(Args, Debug)]
pub(crate) struct StateReset {
    /// The ids, or the starts of them
    #[arg(value_name = "ID", required_unless_present_any = ["flow", "all"], conflicts_with_all = ["flow", "all"])]
    pub(crate) ids: Vec<String>,
    /// All that belongs to this flow
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub(crate) flow: Option<String>,
    /// Everything
    #[arg(long)]
    pub(crate) all: bool,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine state export`.
#[derive(Args, Debug)]
pub(crate) struct StateExport {
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine state import`.
#[derive(Args, Debug)]
pub(crate) struct StateImport {
    /// What `engine state export` printed
    pub(crate) file: PathBuf,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// The commands of `engine runs`.
#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List runs, the newest first: their ids, how they stand, when they began
    List(RunsList),
    /// Show one run
    Show(RunsShow),
    /// Go on with a run where it broke off
    Resume(RunsResume),
    /// End a run that is under way: what was delivered stays
    Cancel(RunsCancel),
}

/// Arguments of `engine runs list`.
#[derive(Args, Debug)]
pub(crate) struct RunsList {
    /// Only those of this flow
    #[arg(long, value_name = "NAME")]
    pub(crate) flow: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: u32,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
    /// Where they are kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine runs show`.
#[derive(Args, Debug)]
pub(crate) struct RunsShow {
    /// The id, or the start or end of it
    pub(crate) id: String,
    /// Show what it asked its APIs too, and how long each answer took
    #[arg(long)]
    pub(crate) requests: bool,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine runs resume`.
#[derive(Args, Debug)]
pub(crate) struct RunsResume {
    /// The id, or the start or end of it
    pub(crate) id: String,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine runs cancel`.
#[derive(Args, Debug)]
pub(crate) struct RunsCancel {
    /// The id, or the start or end of it
    pub(crate) id: String,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// The commands of `engine dead-letters`.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List them: the id, the step, which record it is and why it failed
    List(LettersList),
    /// Show one whole: the record, the error, and the request without secrets
    Show(LettersShow),
    /// Forget letters: their records are lost
    Drop(LettersDrop),
    /// Send again what failed: through its step, and through the steps that take what comes of it
    Retry(LettersRetry),
}

/// Arguments of `engine dead-letters list`.
#[derive(Args, Debug)]
pub(crate) struct LettersList {
    /// The spec whose flow is meant; without it, all flows
    pub(crate) spec: Option<PathBuf>,
    /// Only those of this flow
    #[arg(long, value_name = "NAME", conflicts_with = "spec")]
    pub(crate) flow: Option<String>,
    /// Only those of this step, and of steps within it
    #[arg(long, value_name = "PATH")]
    pub(crate) step: Option<String>,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
    /// Where they are kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine dead-letters show`.
#[derive(Args, Debug)]
pub(crate) struct LettersShow {
    /// The id, or the start of it
    pub(crate) id: String,
    /// How the result is written to stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ResultFormat,
    /// Where it is kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine dead-letters drop`.
#[derive(Args, Debug)]
pub(crate) struct LettersDrop {
    /// The ids, or the starts of them
    #[arg(value_name = "ID", required_unless_present_any = ["flow", "all"], conflicts_with_all = ["flow", "all"])]
    pub(crate) ids: Vec<String>,
    /// All of this flow
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub(crate) flow: Option<String>,
    /// Everything
    #[arg(long)]
    pub(crate) all: bool,
    /// Where they are kept
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Arguments of `engine dead-letters retry`.
#[derive(Args, Debug)]
#[command(after_help = RETRY_HELP)]
pub(crate) struct LettersRetry {
    /// The spec
    pub(crate) spec: PathBuf,
    /// The ids, or the starts of them; without any, all letters of the flow
    #[arg(value_name = "ID", conflicts_with = "step")]
    pub(crate) ids: Vec<String>,
    /// All letters of this step, and of its cases
    #[arg(long, value_name = "PATH")]
    pub(crate) step: Option<String>,
    /// Give an input; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Read inputs from a YAML or JSON file; may be repeated, a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Where they are kept
    #[command(flatten)]
    pub(crate) place: Place,
    /// What is printed and said
    #[command(flatten)]
    pub(crate) shown: Shown,
}

const RETRY_HELP: &str = "\
An input that is not given has the value that it had when the record failed. What is sent has the idempotency key of then. Nothing is \
read, but for what steps after it read for each record. A letter is removed once all that comes of its record is done.

Exit status: 0 all got through; 3 some failed again, or can't be sent again.";

/// Where the state is.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// Where it is kept: a path, or `postgres://…`
    #[arg(long, value_name = "URL", default_value = crate::state::PLACE)]
    pub(crate) state: String,
}

/// How a result is written.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    /// For people
    #[default]
    Text,
    /// As JSON
    Json,
}

/// Arguments of `engine explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The code of a finding, such as `unknown-field`; all are listed without it
    pub(crate) code: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
