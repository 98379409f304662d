//! Pages that begin after so many records.

use engine_expr::{Condition, EvalError, Scope, Setting, Value};
use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn};
use super::{Next, PagerError};
use crate::{AnswerPlace, Changes, Place, Target};

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

impl OffsetPagination {
    /// Begins a read.
    pub(super) fn turn(&self, scope: &Scope) -> Result<OffsetTurn, EvalError> {
        let size = self.size.as_ref().map(|size| size.resolve(scope)).transpose()?;
        Ok(OffsetTurn {
            into: self.into.clone().unwrap_or_else(|| Place::new(Target::Query("offset".into()))),
            size: self.size_into.clone().zip(size),
            total: self.total.clone(),
            known: None,
            received: 0,
            first: 0,
        })
    }
}

/// A read from offset to offset.
#[derive(Debug)]
pub(super) struct OffsetTurn {
    into: Place,
    size: Option<(Place, u64)>,
    total: Option<AnswerPlace>,
    known: Option<u64>,
    received: u64,
    first: u64,
}

impl OffsetTurn {
    fn at(&self, offset: u64) -> Changes {
        let mut places = vec![(self.into.clone(), Value::from(offset))];
        places.extend(self.size.iter().map(|(place, size)| (place.clone(), Value::from(*size))));
        Changes::new(places)
    }
}

impl Turn for OffsetTurn {
    fn first(&self) -> Changes {
        self.at(0)
    }

    fn ends_at_an_empty_page(&self) -> bool {
        true
    }

    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        if seen.number == 1 {
            self.first = seen.page.count;
        }
        self.received = seen.received;
        self.known = self.total.as_ref().map(|place| seen.total(place)).transpose()?.flatten();
        if self.known.is_some_and(|total| seen.received >= total) {
            return Ok(Next::End);
        }
        Ok(Next::Request(self.at(seen.received)))
    }

    fn ahead(&self, limit: usize) -> Vec<Changes> {
        let Some(total) = self.known.filter(|_| self.first > 0) else { return Vec::new() };
        let offsets = std::iter::successors(Some(self.received), |offset| offset.checked_add(self.first));
        offsets.take_while(|offset| *offset < total).take(limit).map(|offset| self.at(offset)).collect()
    }

    fn asks(&self) -> (Span, String) {
        (self.into.span(), format!("check that the API takes the offset as `{}`", self.into))
    }
}
