//! The script of a scenario, as its file `exchanges.yaml` says it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::exchange::Exchange;

/// How the program is run, what the servers play, and what is expected beside the files of the scenario.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    pub(crate) run: Run,
    /// Runs before the one that is compared, in the same folder.
    pub(crate) before: Vec<Before>,
    /// Whether the exchanges happen in the order written, or in any.
    pub(crate) any_order: bool,
    /// What the server plays: its URL is in the variable `SERVER_URL`, and is `@server@` in here.
    pub(crate) exchanges: Vec<Exchange>,
    /// What a second server plays, whose URL is in `OTHER_URL`, and is `@other@` in here.
    pub(crate) other: Vec<Exchange>,
    pub(crate) expect: Expect,
}

/// A run before the one that is compared.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Before {
    /// What follows the arguments of the run that is compared.
    pub(crate) args: Vec<String>,
    /// More variables than the run that is compared has.
    pub(crate) env: BTreeMap<String, String>,
    /// What the server plays.
    pub(crate) exchanges: Vec<Exchange>,
    /// The exit status.
    pub(crate) exit: i32,
    /// What is printed.
    pub(crate) printed: Option<String>,
    /// Parts of what is said.
    pub(crate) said: Vec<String>,
}

/// How the program is run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Run {
    /// What follows `engine run spec.yaml`.
    pub(crate) args: Vec<String>,
    /// Variables; `@server@` and `@other@` are known here too.
    pub(crate) env: BTreeMap<String, String>,
    /// More files in the folder of the run.
    pub(crate) files: BTreeMap<String, String>,
    /// The spec's place in the folder.
    pub(crate) spec: String,
    /// How often it is run; what is compared is the last.
    pub(crate) times: usize,
    /// After so many requests it is interrupted, as by Ctrl-C.
    pub(crate) interrupt_after: Option<usize>,
    /// Whether the reader of stdout goes away after a line.
    pub(crate) first_line_only: bool,
}

/// What is expected, beside `records.jsonl`, `expected.stderr` and other files of the scenario.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// The exit status.
    pub(crate) exit: i32,
    /// Texts that are shown nowhere, in no form.
    pub(crate) hidden: Vec<String>,
    /// Files that are written; compared with `expected.NAME`.
    pub(crate) files: Vec<String>,
    /// Files that are not written.
    pub(crate) absent: Vec<String>,
    /// Rows of `SQLite` files; compared with `expected.rows`.
    pub(crate) rows: Vec<Rows>,
    /// Parts of what is said, where the whole may differ from run to run.
    pub(crate) said: Vec<String>,
    /// The largest memory in megabytes.
    pub(crate) memory: Option<u64>,
}

/// A query whose rows are compared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    pub(crate) database: String,
    pub(crate) query: String,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            args: Vec::new(),
            env: BTreeMap::new(),
            files: BTreeMap::new(),
            spec: "spec.yaml".to_owned(),
            times: 1,
            interrupt_after: None,
            first_line_only: false,
        }
    }
}
