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

#[cfg(test)]
mod tests {
    use crate::pagination::pager::tests::check;

    const FIRST: &str = "/v1/items?limit=2";

    #[test]
    fn follows_urls_until_there_is_none() {
        let yaml = "{type: next_url, next: $.next}";
        let pages =
            ["{\"items\": [1], \"next\": \"https://api.test/v1/items?x=%2f#y\"}", "{\"items\": [2], \"next\": \"\"}"];
        check(yaml, &pages, &[FIRST, "/v1/items?x=%2f", "end"]);
        for none in ["{}", "{\"next\": null}", "{\"next\": false}"] {
            check(yaml, &[none], &[FIRST, "end"]);
        }
    }

    #[test]
    fn resolves_relative_urls_against_the_request() {
        let yaml = "{type: next_url, next: \"$['@odata.nextLink']\"}";
        let page = |next: &str| format!("{{\"@odata.nextLink\": \"{next}\"}}");
        check(
            yaml,
            &[&page("items?$skip=2"), &page("?$skip=4"), &page("/v2/b"), &page("//other.test/c")],
            &[FIRST, "/v1/items?$skip=2", "/v1/items?$skip=4", "/v2/b", "https://other.test/c"],
        );
    }

    #[test]
    fn what_is_no_url_is_an_error() {
        let yaml = "{type: next_url, next: $.next}";
        check(
            yaml,
            &["{\"next\": true}"],
            &[FIRST, "error[unexpected-shape]: `$.next` gives a boolean on page 1, where a URL is needed"],
        );
        for url in ["javascript:x", "file:///etc/passwd", "https://"] {
            check(
                yaml,
                &[&format!("{{\"next\": \"{url}\"}}")],
                &[FIRST, "error[unexpected-shape]: page 1 gives a next URL that is none"],
            );
        }
    }

    #[test]
    fn a_repeated_url_is_an_error() {
        let error = "error[pagination-loop]: page 1 leads to a page that was already read";
        check("{type: next_url, next: $.next}", &["{\"items\": [1], \"next\": \"items?limit=2\"}"], &[FIRST, error]);
    }

    #[test]
    fn reads_headers() {
        check(
            "{type: next_url, next: header.Next-Page}",
            &["200\nNext-Page: https://api.test/v1/items?_token=a\n\n[1]", "[2]"],
            &[FIRST, "/v1/items?_token=a", "end"],
        );
    }
}
