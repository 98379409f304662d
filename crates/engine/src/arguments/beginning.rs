//! Arguments of `engine init` and `engine new`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `engine init`.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The folder; it is made where it is not there, and files that are there stay as they are
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// Arguments of `engine new`.
#[derive(Args, Debug)]
#[command(after_help = NEW_HELP)]
pub(crate) struct New {
    /// The file of the spec
    pub(crate) file: PathBuf,
    /// The name of the API, such as `shop`
    #[arg(long, value_name = "NAME")]
    pub(crate) api: Option<String>,
    /// Where the API is, such as `https://api.shop.example/v1`
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// How requests prove who they are
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) auth: Option<NewAuth>,
    /// What is read, such as `/orders`
    #[arg(long, value_name = "PATH")]
    pub(crate) read: Option<String>,
    /// Where the records are in the answer, such as `$.orders`; `$` if the answer is a list
    #[arg(long, value_name = "PATH")]
    pub(crate) records: Option<String>,
    /// How the pages of the list follow each other
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) paginate: Option<NewPages>,
    /// What identifies a record
    #[arg(long, value_name = "MEMBER")]
    pub(crate) key: Option<String>,
    /// Where the records are written to
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) to: Option<NewSink>,
    /// When it runs: a cron expression such as `0 * * * *`, or a period such as `every 15m`
    #[arg(long, value_name = "CRON")]
    pub(crate) schedule: Option<String>,
    /// Ask nothing: what is not given is guessed
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Replace the file, if it is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// How requests prove who they are.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewAuth {
    /// A token in the `Authorization` header
    #[default]
    Bearer,
    /// A key in a header
    ApiKey,
    /// A user name and a password
    Basic,
    /// OAuth 2.0 as the client itself
    Oauth2,
    /// They do not
    None,
}

/// How the pages of a list follow each other.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewPages {
    /// There is one page
    #[default]
    None,
    /// By number: `?page=2`
    Page,
    /// By how many were before: `?offset=100`
    Offset,
    /// By a cursor in the answer
    Cursor,
    /// By a URL in the answer
    NextUrl,
    /// By the `Link` header
    LinkHeader,
}

/// Where records are written to.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewSink {
    /// They are printed
    #[default]
    Stdout,
    /// A table in a file of `SQLite`
    Sqlite,
    /// A table of Postgres
    Postgres,
    /// A JSON text per line
    Jsonl,
    /// Rows of fields
    Csv,
    /// Columns
    Parquet,
}

const NEW_HELP: &str = "\
On a terminal it asks for what is not given. The spec has an example of an answer and a test, so that `engine run --mock` and `engine test` work at once.

Example:
  engine new flows/orders.yaml --api shop --base-url https://api.shop.example/v1 --read /orders --records '$.orders' --paginate cursor --key id --to sqlite";
