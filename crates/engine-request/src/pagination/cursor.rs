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
        (
            self.next.span(),
            format!(
                "check that `{}` is the cursor of the next page, and that the API takes it as `{}`",
                self.next.text(),
                self.into
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::pagination::pager::tests::check;

    const FIRST: &str = "/v1/items?limit=2";

    #[test]
    fn follows_cursors_until_there_is_none() {
        let yaml = "{type: cursor, next: $.meta.next, into: query.page_token}";
        let pages =
            ["{\"items\": [1], \"meta\": {\"next\": \"a/b=\"}}", "{\"items\": [2], \"meta\": {\"next\": null}}"];
        check(yaml, &pages, &[FIRST, "/v1/items?limit=2&page_token=a/b%3D", "end"]);
        for none in [
            "{\"items\": [1]}",
            "{\"items\": [1], \"meta\": {\"next\": \"\"}}",
            "{\"items\": [1], \"meta\": {\"next\": false}}",
            "[1]",
        ] {
            check(yaml, &[none], &[FIRST, "end"]);
        }
    }

    #[test]
    fn nought_is_a_cursor_and_numbers_keep_their_digits() {
        let yaml = "{type: cursor, next: $.next}";
        check(
            yaml,
            &["{\"next\": 0}", "{\"next\": 12345678901234567890.10}"],
            &[FIRST, "/v1/items?limit=2&cursor=0", "/v1/items?limit=2&cursor=12345678901234567890.10"],
        );
    }

    #[test]
    fn an_empty_page_is_not_the_end() {
        let pages = ["{\"items\": [], \"next\": \"a\"}", "{\"items\": [], \"next\": \"b\"}", "{\"items\": [1]}"];
        check(
            "{type: cursor, next: $.next}",
            &pages,
            &[FIRST, "/v1/items?limit=2&cursor=a", "/v1/items?limit=2&cursor=b", "end"],
        );
    }

    #[test]
    fn a_repeated_cursor_is_an_error() {
        let pages = [
            "{\"items\": [1], \"next\": \"a\"}",
            "{\"items\": [2], \"next\": \"b\"}",
            "{\"items\": [3], \"next\": \"a\"}",
        ];
        let error = "error[pagination-loop]: page 3 leads to a page that was already read";
        check(
            "{type: cursor, next: $.next}",
            &pages,
            &[FIRST, "/v1/items?limit=2&cursor=a", "/v1/items?limit=2&cursor=b", error],
        );
    }

    #[test]
    fn finds_the_cursor_wherever_it_is() {
        let second = "/v1/items?limit=2&cursor=x";
        check("{type: cursor, next: header.X-Next}", &["200\nX-Next: x\n\n[1]"], &[FIRST, second]);
        check("{type: cursor, next: cookie.next}", &["200\nSet-Cookie: next=x; Path=/\n\n[1]"], &[FIRST, second]);
        check("{type: cursor, next: '{{ response.body.next | lower }}'}", &["{\"next\": \"X\"}"], &[FIRST, second]);
        check("{type: cursor, next: '{{ response.body.nope }}'}", &["{\"next\": \"X\"}"], &[FIRST, "end"]);
        check(
            "{type: cursor, next: '$.list[-1].id'}",
            &["{\"list\": [{\"id\": 1}, {\"id\": \"x\"}]}"],
            &[FIRST, second],
        );
        check(
            "{type: cursor, next: $.next, into: body.after}",
            &["{\"next\": [1, \"x\"]}"],
            &[FIRST, "/v1/items?limit=2 {\"after\":[1,\"x\"]}"],
        );
        check(
            "{type: cursor, next: $.more}",
            &["{\"more\": true}"],
            &[FIRST, "error[unexpected-shape]: `$.more` gives a boolean on page 1, where a cursor is needed"],
        );
    }
}
