//! What answers say of pages.

use serde_json::Value;

use super::squeezed;
use crate::openapi::document::Document;

/// What only one page of several says of itself, squeezed.
const PAGE: [&str; 14] = [
    "page",
    "pagenumber",
    "pagesize",
    "perpage",
    "pagecount",
    "lastpage",
    "offset",
    "skip",
    "startat",
    "startindex",
    "islast",
    "totalpages",
    "maxresults",
    "resultsetsize",
];

/// What leads from one page to the next, squeezed.
const LEADS: [&str; 24] = [
    "next",
    "nextpage",
    "nexttoken",
    "nextpagetoken",
    "nextcursor",
    "nextpagecursor",
    "nextlink",
    "nexturl",
    "nextpageurl",
    "nexturi",
    "nextpageuri",
    "nexthref",
    "nextmarker",
    "nextoffset",
    "odatanextlink",
    "hasmore",
    "hasnext",
    "hasnextpage",
    "cursor",
    "continuationtoken",
    "istruncated",
    "pagination",
    "paging",
    "pageinfo",
];

/// What a member of an answer says of pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Paged {
    /// Nothing.
    No,
    /// That this is one of several.
    One,
    /// What leads to the next one.
    Leads,
}

impl Paged {
    /// Looks at a member.
    pub(super) fn of<'d>(document: &Document<'d>, name: &str, schema: &'d Value) -> Self {
        let name = squeezed(name);
        if document.kind(schema) == Some("array") {
            return Self::No;
        }
        if matches!(name.as_str(), "meta" | "metadata" | "link" | "links" | "responsemetadata") {
            let within = document.properties(schema);
            return within.iter().map(|(name, it)| Self::of(document, name, it)).max().unwrap_or(Self::No);
        }
        let counts = |what: &str| {
            matches!(
                what,
                "count" | "results" | "items" | "elements" | "records" | "rows" | "pages" | "hits" | "setsize"
            )
        };
        if LEADS.contains(&name.as_str()) {
            Self::Leads
        } else if PAGE.contains(&name.as_str()) || name.strip_prefix("total").is_some_and(counts) {
            Self::One
        } else {
            Self::No
        }
    }
}
