//! How the pages of a list follow each other: one file per kind.

mod cursor;
mod custom;
mod last_record;
mod link_header;
mod next_url;
mod no_pages;
mod offset;
mod page;
mod pager;
mod pager_error;
mod paging;
mod received;
mod turn;

use engine_expr::{Condition, EvalError, Scope, Setting};
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
pub use pager::{Next, Pager};
pub use pager_error::PagerError;
pub use paging::Paging;
pub use received::{Fingerprint, Last, Page, Recognizer};

use turn::Turn;

use crate::{AnswerPlace, Needs};

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

/// The keys that all kinds take.
#[derive(Clone, Copy, Debug, Default)]
struct Guards<'a> {
    stop_when: Option<&'a Condition>,
    restart_after: Option<&'a Setting<u64>>,
    max_pages: Option<&'a Setting<u64>>,
}

macro_rules! guards {
    ($kind:expr) => {
        Guards {
            stop_when: $kind.stop_when.as_ref(),
            restart_after: $kind.restart_after.as_ref(),
            max_pages: $kind.max_pages.as_ref(),
        }
    };
}

impl Pagination {
    /// Returns the keys that all kinds take.
    fn guards(&self) -> Guards<'_> {
        match self {
            Self::Page(kind) => guards!(kind),
            Self::Offset(kind) => guards!(kind),
            Self::Cursor(kind) => guards!(kind),
            Self::NextUrl(kind) => guards!(kind),
            Self::LinkHeader(kind) => guards!(kind),
            Self::LastRecord(kind) => guards!(kind),
            Self::Custom(kind) => guards!(kind),
            Self::None(_) => Guards::default(),
        }
    }

    /// Returns after how many records a read begins anew.
    pub fn restart_after(&self) -> Option<&Setting<u64>> {
        self.guards().restart_after
    }

    /// Returns the place in every answer that says how to go on, for the kinds that have one.
    fn watched(&self) -> Option<&AnswerPlace> {
        match self {
            Self::Page(kind) => kind.total.as_ref().or(kind.total_pages.as_ref()),
            Self::Offset(kind) => kind.total.as_ref(),
            Self::Cursor(kind) => Some(&kind.next),
            Self::NextUrl(kind) => Some(&kind.next),
            Self::LinkHeader(_) | Self::LastRecord(_) | Self::Custom(_) | Self::None(_) => None,
        }
    }

    /// Adds what its templates and paths need of an answer, other than the watched place.
    fn add_needs(&self, needs: &mut Needs) {
        if let Some(condition) = self.guards().stop_when {
            needs.add_condition(condition);
        }
        match self {
            Self::Custom(kind) => kind.next.add_needs(needs),
            Self::LastRecord(kind) => {
                if let engine_expr::Expr::Template(template) = &kind.next {
                    needs.add_template(template);
                }
            }
            _ => {}
        }
    }

    /// Begins a read.
    fn turn(&self, scope: &Scope) -> Result<Box<dyn Turn>, EvalError> {
        Ok(match self {
            Self::Page(kind) => Box::new(kind.turn(scope)?),
            Self::Offset(kind) => Box::new(kind.turn(scope)?),
            Self::Cursor(kind) => Box::new(kind.turn()),
            Self::NextUrl(kind) => Box::new(kind.turn()),
            Self::LinkHeader(kind) => Box::new(kind.turn()),
            Self::LastRecord(kind) => Box::new(kind.turn()),
            Self::Custom(kind) => Box::new(kind.turn()),
            Self::None(kind) => Box::new(kind.turn()),
        })
    }
}
