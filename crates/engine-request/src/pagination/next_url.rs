//! Pages that give the URL of the next one.

use engine_expr::{Condition, Setting, Value};
use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn};
use super::{Next, PagerError};
use crate::{AnswerPlace, Changes};

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

impl NextUrlPagination {
    /// Begins a read.
    pub(super) fn turn(&self) -> NextUrlTurn {
        NextUrlTurn { next: self.next.clone() }
    }
}

/// A read from URL to URL.
#[derive(Debug)]
pub(super) struct NextUrlTurn {
    next: AnswerPlace,
}

impl Turn for NextUrlTurn {
    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        match seen.next() {
            None => Ok(Next::End),
            Some(Value::String(text)) => Ok(Next::Request(Changes::to_url(seen.resolve(text, self.next.span())?))),
            Some(_) => Err(seen.unfit(&self.next, "a URL")),
        }
    }

    fn asks(&self) -> (Span, String) {
        (self.next.span(), format!("check that `{}` is the URL of the next page", self.next.text()))
    }
}
