//! Pages that begin after so many records.

use engine_expr::{Condition, EvalError, Scope, Setting, Value};
use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn, numbers, read_numbers};
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

    fn at_an_empty_page(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        match &self.total {
            Some(place) => seen.check_reached(place, self.known).map(|()| Next::End),
            None => Ok(Next::End),
        }
    }

    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        if seen.number == 1 {
            self.first = seen.page.count;
        }
        self.received = seen.received;
        if let Some(place) = &self.total {
            let total = seen.total(place)?;
            if let Some(total) = total.filter(|total| seen.received >= *total) {
                return seen.check_not_exceeded(place, total).map(|()| Next::End);
            }
            self.known = total.or(self.known);
        }
        Ok(Next::Request(self.at(seen.received)))
    }

    fn ahead(&self, limit: usize) -> Vec<Changes> {
        let Some(total) = self.known.filter(|_| self.first > 0) else { return Vec::new() };
        let offsets = std::iter::successors(Some(self.received), |offset| offset.checked_add(self.first));
        offsets.take_while(|offset| *offset < total).take(limit).map(|offset| self.at(offset)).collect()
    }

    fn position(&self) -> Value {
        numbers([self.known, Some(self.received), Some(self.first)])
    }

    fn go_to(&mut self, position: &Value) -> bool {
        let Some([known, Some(received), Some(first)]) = read_numbers(position) else { return false };
        (self.known, self.received, self.first) = (known, received, first);
        true
    }

    fn asks(&self) -> (Span, String) {
        (self.into.span(), format!("check that the API takes the offset as `{}`", self.into))
    }
}

#[cfg(test)]
mod tests {
    use crate::pagination::pager::tests::check;

    const FIRST: &str = "/v1/items?limit=2&offset=0";

    #[test]
    fn goes_on_after_what_was_received() {
        check(
            "type: offset",
            &["[1, 2]", "[3]", "[]"],
            &[FIRST, "/v1/items?limit=2&offset=2", "/v1/items?limit=2&offset=3", "end"],
        );
        check("type: offset", &["[]"], &[FIRST, "end"]);
    }

    #[test]
    fn sends_offset_and_size_where_it_is_told_to() {
        let yaml = "{type: offset, into: query.$skip, size: 2, size_into: query.$top}";
        check(yaml, &["[1, 2]"], &["/v1/items?limit=2&$skip=0&$top=2", "/v1/items?limit=2&$skip=2&$top=2"]);
    }

    #[test]
    fn ends_when_the_total_is_reached() {
        let yaml = "{type: offset, total: $.meta.n}";
        let page = |items: &str| format!("{{\"items\": {items}, \"meta\": {{\"n\": 9}}}}");
        let pages = [page("[1, 2]"), page("[3, 4, 5, 6]"), page("[7, 8, 9]")];
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        check(
            yaml,
            &pages,
            &[FIRST, "3 ahead", "/v1/items?limit=2&offset=2", "2 ahead", "/v1/items?limit=2&offset=6", "end"],
        );
    }
}
