//! How the pages of a list follow each other: one file per kind.

mod cursor;
mod custom;
mod last_record;
mod link_header;
mod next_url;
mod no_pages;
mod offset;
mod page;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cursor::CursorPagination;
pub use custom::{CustomNext, CustomPagination};
pub use last_record::LastRecordPagination;
pub use link_header::LinkHeaderPagination;
pub use next_url::NextUrlPagination;
pub use no_pages::NoPagination;
pub use offset::OffsetPagination;
pub use page::PagePagination;

/// How the pages of a list follow each other.
///
/// Reading ends when `stop_when` holds, when there is no next page, or, for `page`, `offset` and `last_record`, at an
/// empty page. An error on a page is an error, never the end.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "@tag:type:pagination", rename_all = "snake_case")]
#[schemars(tag = "type", rename = "Pagination")]
pub enum Pagination {
    /// Pages are numbered.
    Page(PagePagination),
    /// A page begins after so many records.
    Offset(OffsetPagination),
    /// Every page gives the cursor of the next one.
    Cursor(CursorPagination),
    /// Every page gives the URL of the next one.
    NextUrl(NextUrlPagination),
    /// Every page gives the URL of the next one in its `Link` header (RFC 8288).
    LinkHeader(LinkHeaderPagination),
    /// The next page begins after the last record of this one.
    LastRecord(LastRecordPagination),
    /// What the next request sends is computed from this answer.
    Custom(CustomPagination),
    /// There is one page.
    None(NoPagination),
}
