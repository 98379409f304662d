//! Pages that begin after so many records.

use engine_expr::{Condition, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AnswerPlace, Place};

/// Asks for the records after those already received, until an empty page, or until the total is reached.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "offset pagination", deny_unknown_fields)]
#[schemars(rename = "OffsetPagination")]
pub struct OffsetPagination {
    /// Where the number of records to pass over is sent; `query.offset` if not given.
    pub into: Option<Place>,
    /// How many records a page is asked to have.
    pub size: Option<Setting<u64>>,
    /// Where the size is sent, such as `query.limit`.
    pub size_into: Option<Place>,
    /// Where the answer says how many records there are in all.
    pub total: Option<AnswerPlace>,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}
