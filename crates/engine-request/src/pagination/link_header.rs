//! Pages that give the URL of the next one in their `Link` header (RFC 8288).

use engine_expr::{Condition, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Text;

/// Follows the `Link` header of every answer, until an answer has none.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "link_header pagination", deny_unknown_fields)]
#[schemars(rename = "LinkHeaderPagination")]
pub struct LinkHeaderPagination {
    /// The relation of the link to follow; `next` if not given.
    pub rel: Option<Text>,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}
