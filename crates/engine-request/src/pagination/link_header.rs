//! Pages that give the URL of the next one in their `Link` header (RFC 8288).

use std::sync::Arc;

use engine_expr::{Condition, Setting};
use engine_source::Span;
use http::header::LINK;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn};
use super::{Next, PagerError};
use crate::link::links;
use crate::{Changes, Text};

/// Follows the `Link` header of every answer, until an answer has none.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "link_header pagination", deny_unknown_fields)]
#[schemars(rename = "LinkHeaderPagination")]
pub struct LinkHeaderPagination {
    /// The relation of the link to follow; `next` if not given.
    pub rel: Option<Text>,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}

impl LinkHeaderPagination {
    /// Begins a read.
    pub(super) fn turn(&self) -> LinkHeaderTurn {
        let rel = self.rel.as_ref();
        LinkHeaderTurn {
            rel: rel.map_or("next", Text::as_str).into(),
            span: rel.map_or_else(Span::default, Text::span),
        }
    }
}

/// A read from link to link.
#[derive(Debug)]
pub(super) struct LinkHeaderTurn {
    rel: Arc<str>,
    span: Span,
}

impl Turn for LinkHeaderTurn {
    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        let here = &seen.page.request.url;
        for header in seen.page.answer.headers.get_all(LINK) {
            let text = String::from_utf8_lossy(header.as_bytes());
            // A link with an anchor elsewhere is not about this page (RFC 8288 §3.2).
            let is_here = |anchor: &str| here.join(anchor).is_ok_and(|url| url == *here);
            if let Some(link) =
                links(&text).iter().find(|link| link.has_rel(&self.rel) && link.anchor().is_none_or(is_here))
            {
                return Ok(Next::Request(Changes::to_url(seen.resolve(&link.target, self.span)?)));
            }
        }
        Ok(Next::End)
    }

    fn asks(&self) -> (Span, String) {
        (self.span, format!("check that the link `{}` leads to the next page", self.rel))
    }
}

#[cfg(test)]
mod tests {
    use crate::pagination::pager::tests::check;

    const FIRST: &str = "/v1/items?limit=2";

    #[test]
    fn follows_links_until_there_is_none() {
        let pages = [
            "200\nLink: <https://api.test/v1/items?page=2>; rel=\"next\", <a>; rel=last\n\n[1]",
            "200\nLink: <a>; rel=prev\n\n[2]",
        ];
        check("type: link_header", &pages, &[FIRST, "/v1/items?page=2", "end"]);
        check("type: link_header", &["[1]"], &[FIRST, "end"]);
    }

    #[test]
    fn an_empty_page_is_not_the_end() {
        let pages = ["200\nLink: <?page=2>; rel=next\n\n[]", "[1]"];
        check("type: link_header", &pages, &[FIRST, "/v1/items?page=2", "end"]);
    }

    #[test]
    fn follows_another_relation_in_any_of_several_headers() {
        let page = "200\nLink: <a>; rel=next\nLink: <b>; rel=\"Older x\"\n\n[1]";
        check("{type: link_header, rel: older}", &[page], &[FIRST, "/v1/b"]);
    }

    #[test]
    fn a_link_of_another_thing_is_not_followed() {
        let page = "200\nLink: <a>; rel=next; anchor=\"/other\", <b>; rel=next; anchor=\"?limit=2\"\n\n[1]";
        check("type: link_header", &[page], &[FIRST, "/v1/b"]);
    }
}
