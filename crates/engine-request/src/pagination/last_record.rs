//! Pages that begin after the last record of the one before.

use engine_expr::{Condition, Expr, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Place;

/// Sends a member of the last record with the next request, until an empty page.
///
/// With an API that says when there is no more, add `stop_when: not response.body.has_more`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "last_record pagination", deny_unknown_fields)]
#[schemars(rename = "LastRecordPagination")]
pub struct LastRecordPagination {
    /// A path over the last record of the page, such as `$.id`.
    pub next: Expr,
    /// Where it is sent, such as `query.starting_after`.
    pub into: Place,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}
