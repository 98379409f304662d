//! Pages that begin after the last record of the one before.

use engine_expr::{Condition, EvalError, Expr, Setting};
use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn};
use super::{Next, PagerError};
use crate::{Changes, Place};

/// Sends a member of the last record with the next request, until an empty page.
///
/// With an API that says when there is no more, add `stop_when: not response.body.has_more`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "last_record pagination", deny_unknown_fields)]
#[schemars(rename = "LastRecordPagination")]
pub struct LastRecordPagination {
    /// A path over the last record of the page, such as `$.id`.
    pub next: Expr,
    /// Where it is sent, such as `query.starting_after`.
    pub into: Place,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}

impl LastRecordPagination {
    /// Begins a read.
    pub(super) fn turn(&self) -> LastRecordTurn {
        LastRecordTurn { next: self.next.clone(), into: self.into.clone() }
    }
}

/// A read from last record to last record.
#[derive(Debug)]
pub(super) struct LastRecordTurn {
    next: Expr,
    into: Place,
}

impl Turn for LastRecordTurn {
    fn ends_at_an_empty_page(&self) -> bool {
        true
    }

    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        match self.next.evaluate(seen.scope)? {
            Some(value) if !value.is_null() => Ok(Next::Request(Changes::new(vec![(self.into.clone(), value)]))),
            // Ending here would take a wrong path for the end of the data.
            _ => {
                let message = format!("the last record of page {} has no `{}`", seen.number, self.next.text());
                Err(EvalError::new(message, self.next.span()).help("name a member that every record has").into())
            }
        }
    }

    fn asks(&self) -> (Span, String) {
        (
            self.next.span(),
            format!("check that the API takes `{}` of the last record as `{}`", self.next.text(), self.into),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::pagination::pager::tests::check;

    const FIRST: &str = "/v1/items?limit=2";

    #[test]
    fn goes_on_after_the_last_record() {
        let yaml = "{type: last_record, next: $.id, into: query.starting_after}";
        let pages = ["[{\"id\": \"a\"}, {\"id\": \"b\"}]", "[{\"id\": \"c\"}]", "[]"];
        check(
            yaml,
            &pages,
            &[FIRST, "/v1/items?limit=2&starting_after=b", "/v1/items?limit=2&starting_after=c", "end"],
        );
    }

    #[test]
    fn ends_where_the_api_says_that_there_is_no_more() {
        let yaml = "{type: last_record, next: $.id, into: query.after, stop_when: not response.body.has_more}";
        let pages =
            ["{\"items\": [{\"id\": 1}], \"has_more\": true}", "{\"items\": [{\"id\": 2}], \"has_more\": false}"];
        check(yaml, &pages, &[FIRST, "/v1/items?limit=2&after=1", "end"]);
    }

    #[test]
    fn a_template_sees_the_last_record() {
        let yaml = "{type: last_record, next: '{{ last.id + 1 }}', into: query.since}";
        check(yaml, &["[{\"id\": 1}]"], &[FIRST, "/v1/items?limit=2&since=2"]);
    }

    #[test]
    fn a_last_record_without_it_is_an_error() {
        let yaml = "{type: last_record, next: $.id, into: query.after}";
        for page in ["[{\"a\": 1}]", "[{\"id\": null}]", "[1]"] {
            check(yaml, &[page], &[FIRST, "error[template-failed]: the last record of page 1 has no `$.id`"]);
        }
    }

    #[test]
    fn a_repeated_value_is_an_error() {
        let pages = ["[{\"id\": 1, \"t\": 5}]", "[{\"id\": 2, \"t\": 5}]"];
        let error = "error[pagination-loop]: page 2 leads to a page that was already read";
        check(
            "{type: last_record, next: $.t, into: query.since}",
            &pages,
            &[FIRST, "/v1/items?limit=2&since=5", error],
        );
    }
}
