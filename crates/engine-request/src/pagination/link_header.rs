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
        LinkHeaderTurn { rel: rel.map_or("next", Text::as_str).into(), span: rel.map_or_else(Span::default, Text::span) }
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
            if let Some(link) = links(&text).iter().find(|link| link.has_rel(&self.rel) && link.anchor().is_none_or(is_here)) {
                return Ok(Next::Request(Changes::to_url(seen.resolve(&link.target, self.span)?)));
            }
        }
        Ok(Next::End)
    }

    fn asks(&self) -> (Span, String) {
        (self.span, format!("check that the link `{}` leads to the next page", self.rel))
    }
}
