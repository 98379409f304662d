//! Pages that give the cursor of the next one.

use engine_expr::{Condition, Setting};
use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn};
use super::{Next, PagerError};
use crate::{AnswerPlace, Changes, Place, Target};

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

impl CursorPagination {
    /// Begins a read.
    pub(super) fn turn(&self) -> CursorTurn {
        let into = self.into.clone().unwrap_or_else(|| Place::new(Target::Query("cursor".into())));
        CursorTurn { next: self.next.clone(), into }
    }
}

/// A read from cursor to cursor.
#[derive(Debug)]
pub(super) struct CursorTurn {
    next: AnswerPlace,
    into: Place,
}

impl Turn for CursorTurn {
    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        match seen.next() {
            None => Ok(Next::End),
            Some(engine_expr::Value::Bool(_)) => Err(seen.unfit(&self.next, "a cursor")),
            Some(cursor) => Ok(Next::Request(Changes::new(vec![(self.into.clone(), cursor.clone())]))),
        }
    }

    fn asks(&self) -> (Span, String) {
        (self.next.span(), format!("check that `{}` is the cursor of the next page, and that the API takes it as `{}`", self.next.text(), self.into))
    }
}
