//! Pages that are numbered.

use engine_expr::{Condition, EvalError, Scope, Setting, Value};
use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn};
use super::{Next, PagerError};
use crate::{AnswerPlace, Changes, Group, Place, Target, exclusive, groups_schema};

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

impl PagePagination {
    /// Begins a read.
    pub(super) fn turn(&self, scope: &Scope) -> Result<PageTurn, EvalError> {
        let size = self.size.as_ref().map(|size| size.resolve(scope)).transpose()?;
        let start = self.start.as_ref().map_or(Ok(1), |start| start.resolve(scope))?;
        Ok(PageTurn {
            into: self.into.clone().unwrap_or_else(|| Place::new(Target::Query("page".into()))),
            size: self.size_into.clone().zip(size),
            total: self.total.clone(),
            total_pages: self.total_pages.clone(),
            start,
            number: start,
            pages: None,
        })
    }
}

/// A read from page number to page number.
#[derive(Debug)]
pub(super) struct PageTurn {
    into: Place,
    size: Option<(Place, u64)>,
    total: Option<AnswerPlace>,
    total_pages: Option<AnswerPlace>,
    start: u64,
    /// The number of the page that was asked for last.
    number: u64,
    /// How many pages there are, as far as it is known.
    pages: Option<u64>,
}

impl PageTurn {
    fn at(&self, number: u64) -> Changes {
        let mut places = vec![(self.into.clone(), Value::from(number))];
        places.extend(self.size.iter().map(|(place, size)| (place.clone(), Value::from(*size))));
        Changes::new(places)
    }
}

impl Turn for PageTurn {
    fn first(&self) -> Changes {
        self.at(self.start)
    }

    fn ends_at_an_empty_page(&self) -> bool {
        true
    }

    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        if let Some(place) = &self.total {
            let total = seen.total(place)?;
            if total.is_some_and(|total| seen.received >= total) {
                return Ok(Next::End);
            }
            if seen.number == 1 {
                self.pages = total.and_then(|total| Some(total.checked_add(seen.page.count)?.checked_sub(1)?.checked_div(seen.page.count)?));
            }
        } else if let Some(place) = &self.total_pages {
            self.pages = seen.total(place)?;
            if self.pages.is_some_and(|pages| seen.number >= pages) {
                return Ok(Next::End);
            }
        }
        self.number = self.start.saturating_add(seen.number);
        Ok(Next::Request(self.at(self.number)))
    }

    fn ahead(&self, limit: usize) -> Vec<Changes> {
        let end = self.pages.map_or(0, |pages| self.start.saturating_add(pages));
        (self.number..end).take(limit).map(|number| self.at(number)).collect()
    }

    fn asks(&self) -> (Span, String) {
        (self.into.span(), format!("check that the API takes the number of the page as `{}`", self.into))
    }
}
