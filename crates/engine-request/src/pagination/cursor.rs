//! Pages that give the cursor of the next one.

use engine_expr::{Condition, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AnswerPlace, Place};

/// Sends the cursor of every answer with the next request, until an answer has none.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "cursor pagination", deny_unknown_fields)]
#[schemars(rename = "CursorPagination")]
pub struct CursorPagination {
    /// Where the answer has the cursor of the next page, such as `$.next_cursor`.
    ///
    /// Missing, null, false and `""` mean that there is none; 0 is a cursor.
    pub next: AnswerPlace,
    /// Where the cursor is sent; `query.cursor` if not given.
    pub into: Option<Place>,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}
