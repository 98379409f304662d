//! Pages that are numbered.

use engine_expr::{Condition, EvalError, Scope, Setting, Value};
use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn, numbers, read_numbers};
use super::{Next, PagerError};
use crate::{AnswerPlace, Changes, Group, Place, Target, exclusive, groups_schema};

const GROUPS: &[Group] = &[Group::at_most_one(&["total", "total_pages"])];

/// So many pages in a row may be empty before the last one.
const MAX_EMPTY: u64 = 10;

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
            records: None,
            empty: 0,
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
    /// How many records there are, as far as it is known.
    records: Option<u64>,
    /// How many pages before this one were empty, one after another.
    empty: u64,
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

    fn at_an_empty_page(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        if let Some(place) = &self.total {
            seen.check_reached(place, self.records)?;
        } else if let Some(place) = &self.total_pages {
            // Where it is known how many there are, a page may be empty in the middle: the API shows less than it has.
            let pages = seen.total(place).ok().flatten().filter(|pages| *pages > 0).or(self.pages);
            self.empty += 1;
            if pages.is_some_and(|pages| seen.number < pages) && self.empty <= MAX_EMPTY {
                self.pages = pages;
                self.number = self.start.saturating_add(seen.number);
                return Ok(Next::Request(self.at(self.number)));
            }
            if let Some(pages) = pages.filter(|pages| seen.number < *pages) {
                return Err(PagerError::EmptyPages { page: seen.number, pages, span: place.span() });
            }
        }
        Ok(Next::End)
    }

    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        self.empty = 0;
        if let Some(place) = &self.total {
            let total = seen.total(place)?;
            if let Some(total) = total.filter(|total| seen.received >= *total) {
                return seen.check_not_exceeded(place, total).map(|()| Next::End);
            }
            self.records = total.or(self.records);
            if seen.number == 1 {
                self.pages = total.filter(|_| seen.page.count > 0).map(|total| total.div_ceil(seen.page.count));
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

    fn position(&self) -> Value {
        numbers([Some(self.start), Some(self.number), self.pages, self.records, Some(self.empty)])
    }

    fn go_to(&mut self, position: &Value) -> bool {
        let Some([Some(start), Some(number), pages, records, Some(empty)]) = read_numbers(position) else {
            return false;
        };
        (self.start, self.number, self.pages, self.records, self.empty) = (start, number, pages, records, empty);
        true
    }

    fn asks(&self) -> (Span, String) {
        (self.into.span(), format!("check that the API takes the number of the page as `{}`", self.into))
    }
}

#[cfg(test)]
mod tests {
    use crate::pagination::pager::tests::check;

    const ONE: &str = "/v1/items?limit=2&page=1";
    const TWO: &str = "/v1/items?limit=2&page=2";

    #[test]
    fn counts_pages_until_one_is_empty() {
        check("type: page", &["[1, 2]", "[3]", "[]"], &[ONE, TWO, "/v1/items?limit=2&page=3", "end"]);
        check("type: page", &["[]"], &[ONE, "end"]);
    }

    #[test]
    fn sends_number_and_size_where_it_is_told_to() {
        let yaml =
            "{type: page, start: 0, into: body.paging.page, size: '{{ params.size }}', size_into: header.X-Size}";
        check(
            yaml,
            &["[1]"],
            &[
                "/v1/items?limit=2 x-size: 50 {\"paging\":{\"page\":0}}",
                "/v1/items?limit=2 x-size: 50 {\"paging\":{\"page\":1}}",
            ],
        );
        check("{type: page, size: 9}", &[], &[ONE]);
        check("{type: page, size: 9, size_into: query.limit}", &[], &["/v1/items?limit=9&page=1"]);
        check("{type: page, into: params.list}", &["[1]"], &["/v1/1?limit=2", "/v1/2?limit=2"]);
        check("{type: page, into: path.list}", &["[1]"], &["/v1/1?limit=2", "/v1/2?limit=2"]);
    }

    #[test]
    fn ends_when_the_total_is_reached() {
        let page = |items: &str, total: &str| format!("{{\"items\": {items}, \"n\": {total}}}");
        let total = "{type: page, total: $.n}";
        check(total, &[&page("[1, 2]", "3"), &page("[3]", "3")], &[ONE, TWO, "end"]);
        check(total, &[&page("[1, 2]", "\"2\"")], &[ONE, "end"]);
        check(total, &[&page("[1, 2]", "7")], &[ONE, "3 ahead", TWO]);
        let short = "error[unexpected-shape]: page 1 is empty after 0 of 7 records";
        check(total, &[&page("[]", "7")], &[ONE, short]);
        check(total, &[&page("[]", "0")], &[ONE, "end"]);
        let pages = "{type: page, total_pages: $.n}";
        check(pages, &[&page("[1, 2]", "2"), &page("[3]", "2")], &[ONE, TWO, "end"]);
        check(pages, &[&page("[1, 2]", "1")], &[ONE, "end"]);
        check(pages, &[&page("[1, 2]", "3")], &[ONE, "2 ahead", TWO]);
        check("{type: page, total_pages: header.X-Pages}", &["200\nX-Pages: 1\n\n[1]"], &[ONE, "end"]);
        check("{type: page, total: '{{ response.body.n - 1 }}'}", &[&page("[1, 2]", "3")], &[ONE, "end"]);
    }

    #[test]
    fn a_total_that_does_not_fit_what_came_is_no_end() {
        let page = |items: &str, total: &str| format!("{{\"items\": {items}, \"n\": {total}}}");
        let total = "{type: page, total: $.n}";
        let short = "error[unexpected-shape]: page 2 is empty after 2 of 5 records";
        for said in ["5", "0", "null"] {
            check(total, &[&page("[1, 2]", "5"), &page("[]", said)], &[ONE, "2 ahead", TWO, short]);
        }
        check(total, &[&page("[1, 2]", "5"), "[]"], &[ONE, "2 ahead", TWO, short]);
        check(total, &[&page("[1, 2]", "5"), &page("[]", "2")], &[ONE, "2 ahead", TWO, "end"]);
        let more = "error[unexpected-shape]: with page 2 there are 4 records, 3 in all as `$.n` says";
        check(total, &[&page("[1, 2]", "3"), &page("[3, 4]", "3")], &[ONE, TWO, more]);
        let said = "{type: page, total: $.n, stop_when: page.count == 0}";
        check(said, &[&page("[1, 2]", "5"), &page("[]", "5")], &[ONE, "2 ahead", TWO, "end"]);
    }

    #[test]
    fn a_page_may_be_empty_before_the_last() {
        let page = |items: &str, pages: &str| format!("{{\"items\": {items}, \"n\": {pages}}}");
        let pages = "{type: page, total_pages: $.n}";
        check(
            pages,
            &[&page("[1, 2]", "3"), &page("[]", "3"), &page("[3]", "3")],
            &[ONE, "2 ahead", TWO, "/v1/items?limit=2&page=3", "end"],
        );
        check(pages, &[&page("[1, 2]", "2"), &page("[]", "2")], &[ONE, TWO, "end"]);
    }

    #[test]
    fn a_total_that_is_not_there_ends_nothing() {
        let total = "{type: page, total: $.n}";
        for n in ["null", "-1", "\"\""] {
            check(total, &[&format!("{{\"items\": [1], \"n\": {n}}}")], &[ONE, TWO]);
        }
        check(total, &["{\"items\": [1]}"], &[ONE, TWO]);
        let error = "error[unexpected-shape]: `$.n` gives a list on page 1, where a whole number is needed";
        check(total, &["{\"items\": [1], \"n\": [1]}"], &[ONE, error]);
    }

    #[test]
    fn an_answer_that_is_short_is_not_the_end() {
        check(
            "{type: page, size: 2, size_into: query.limit}",
            &["[1, 2]", "[3]", "[4, 5]", "[]"],
            &[ONE, TWO, "/v1/items?limit=2&page=3", "/v1/items?limit=2&page=4", "end"],
        );
    }
}
