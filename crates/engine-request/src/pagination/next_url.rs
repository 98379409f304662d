//! Pages that give the URL of the next one.

use engine_expr::{Condition, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AnswerPlace;

/// Follows the URL that every answer gives, until an answer has none.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "next_url pagination", deny_unknown_fields)]
#[schemars(rename = "NextUrlPagination")]
pub struct NextUrlPagination {
    /// Where the answer has the URL of the next page, absolute or relative to the request, such as `$.next`.
    ///
    /// Missing, null, false and `""` mean that there is none.
    pub next: AnswerPlace,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}
