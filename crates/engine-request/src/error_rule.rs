//! What an answer means that is no success, or only looks like one.

use engine_expr::{Condition, Setting, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{OneOrMany, Period, StatusPattern};

/// What to do about an answer; of a list of rules the first that matches wins, over answers with 2xx too.
///
/// All conditions of a rule must hold. A member that the answer lacks makes `when` not match.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "error rule", deny_unknown_fields)]
#[schemars(rename = "ErrorRule")]
pub struct ErrorRule {
    /// The statuses that it is about, such as `404`, `5xx`, or a list of such; all if not given.
    pub status: Option<OneOrMany<Setting<StatusPattern>>>,
    /// A condition over `response` and `request`.
    pub when: Option<Condition>,
    /// What to do; `fail` if not given.
    pub action: Option<ErrorAction>,
    /// What to say, over `response` and `request`.
    pub message: Option<Template>,
    /// How long to wait before the next attempt, instead of what `retry` says.
    pub wait: Option<Setting<Period>>,
}

/// What to do about an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "action", rename_all = "snake_case")]
#[schemars(rename = "ErrorAction")]
pub enum ErrorAction {
    /// Sends the request again, whatever its method.
    Retry,
    /// Drops the item, or ends the read without records; it is counted.
    Skip,
    /// Takes the answer as success.
    Accept,
    /// Fails with the message.
    #[default]
    Fail,
    /// Fetches a new token and sends the request again, once.
    RefreshAuth,
    /// Begins the read anew from the largest cursor value, as `restart_after` does.
    Restart,
    /// Forgets the saved cursor and begins the read from its start.
    ResetCursor,
}
