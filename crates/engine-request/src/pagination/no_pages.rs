//! A list in one page.

use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::{Seen, Turn};
use super::{Next, PagerError};

/// Reads one page. The same as `paginate: none`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "none pagination", deny_unknown_fields)]
#[schemars(rename = "NoPagination")]
pub struct NoPagination {}

impl NoPagination {
    /// Begins a read.
    #[expect(clippy::unused_self, reason = "all kinds begin alike")]
    pub(super) fn turn(&self) -> OnePage {
        OnePage
    }
}

/// A read of one page.
#[derive(Debug)]
pub(super) struct OnePage;

impl Turn for OnePage {
    fn next(&mut self, _: &Seen<'_>) -> Result<Next, PagerError> {
        Ok(Next::End)
    }

    fn asks(&self) -> (Span, String) {
        (Span::default(), String::new())
    }
}

#[cfg(test)]
mod tests {
    use crate::pagination::pager::tests::check;

    #[test]
    fn reads_one_page() {
        check("type: none", &["[1]"], &["/v1/items?limit=2", "end"]);
    }
}
