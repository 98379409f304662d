//! What pages of an endpoint may be like without being taken for something else.

use engine_expr::{Condition, Setting};
use engine_plan::Endpoint;
use engine_request::{Pagination, Place, Target};
use url::Url;

/// The keys that end a reading, of whatever kind.
type Ends<'a> = (&'a Option<Condition>, &'a Option<Setting<u64>>, &'a Option<Setting<u64>>);

/// Tells whether pages may be shorter than what is asked for: nothing is taken from how many records one has, and nothing bounds them.
pub(crate) fn takes_short_pages(endpoint: &Endpoint) -> bool {
    macro_rules! ends {
        ($kind:expr) => {
            (&$kind.stop_when, &$kind.max_pages, &$kind.restart_after)
        };
    }
    let Some(paginate) = &endpoint.paginate else { return false };
    let (stop_when, max_pages, restart_after): Ends<'_> = match paginate {
        Pagination::Page(kind) => ends!(kind),
        Pagination::Offset(kind) => ends!(kind),
        Pagination::Cursor(kind) => ends!(kind),
        Pagination::NextUrl(kind) => ends!(kind),
        Pagination::LinkHeader(kind) => ends!(kind),
        Pagination::LastRecord(kind) => ends!(kind),
        Pagination::Custom(kind) => ends!(kind),
        Pagination::None(_) => return false,
    };
    let counts = |condition: &Condition| condition.names().iter().any(|name| name.root() == "page");
    !stop_when.as_ref().is_some_and(counts) && max_pages.is_none() && restart_after.is_none()
}

/// Returns what a request for a page has in common with those for the others of the same read; nothing where that can't be told.
pub(crate) fn read_of(endpoint: &Endpoint, url: &Url) -> Option<String> {
    let or = |place: Option<&Place>, name: &str| match place.map(Place::target) {
        None => Some(name.to_owned()),
        Some(Target::Query(name)) => Some(name.to_string()),
        Some(_) => None,
    };
    let into = match endpoint.paginate.as_ref()? {
        Pagination::Page(kind) => or(kind.into.as_ref(), "page")?,
        Pagination::Offset(kind) => or(kind.into.as_ref(), "offset")?,
        Pagination::Cursor(kind) => or(kind.into.as_ref(), "cursor")?,
        Pagination::LastRecord(kind) => or(Some(&kind.into), "")?,
        _ => return None,
    };
    let others = url.query_pairs().filter(|(name, _)| **name != *into);
    let others: Vec<String> = others.map(|(name, value)| format!("{name}={value}")).collect();
    Some(format!("{} {} {}", endpoint.id(), url.path(), others.join("&")))
}
