//! Pages that are numbered.

use engine_expr::{Condition, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AnswerPlace, Group, Place, exclusive, groups_schema};

const GROUPS: &[Group] = &[Group::at_most_one(&["total", "total_pages"])];

/// Asks for page 1, 2, 3, … until an empty page, or until the total is reached.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "page pagination", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "PagePagination", transform = groups_schema(GROUPS))]
pub struct PagePagination {
    /// Where the number of the page is sent; `query.page` if not given.
    pub into: Option<Place>,
    /// The number of the first page; 1 if not given.
    pub start: Option<Setting<u64>>,
    /// How many records a page is asked to have.
    pub size: Option<Setting<u64>>,
    /// Where the size is sent, such as `query.per_page`.
    pub size_into: Option<Place>,
    /// Where the answer says how many records there are in all.
    pub total: Option<AnswerPlace>,
    /// Where the answer says how many pages there are in all.
    pub total_pages: Option<AnswerPlace>,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}

exclusive!(PagePagination, "page pagination", GROUPS, without "type");
