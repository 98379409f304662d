//! The faults, by what they are about.

mod bodies;
mod connections;
mod heads;
mod lengths;
mod packed;
mod pages;
mod redirects;
mod statuses;
mod waits;
mod writes;

use super::Group;
use super::case::{ALWAYS, Case};
use super::reply::Reply;
use super::shop::Asked;

/// Returns all groups, in the order of the documentation.
pub(super) fn all() -> Vec<Group> {
    vec![
        Group { name: "Connections", cases: connections::cases() },
        Group { name: "Lengths and chunks", cases: lengths::cases() },
        Group { name: "Heads", cases: heads::cases() },
        Group { name: "Statuses", cases: statuses::cases() },
        Group { name: "Waiting", cases: waits::cases() },
        Group { name: "Redirects", cases: redirects::cases() },
        Group { name: "Pages", cases: pages::cases() },
        Group { name: "Packed bodies", cases: packed::cases() },
        Group { name: "Bodies", cases: bodies::cases() },
        Group { name: "Writes", cases: writes::cases() },
    ]
}

/// What the table says of a fault that goes away.
const AGAIN: &str = "asks again, all records come";

/// Makes two cases of a fault on page 2: it happens once, and it happens every time.
fn once_and_always(
    fault: &str,
    code: &'static str,
    says: &'static str,
    reply: impl Fn(&Asked<'_>) -> Reply + Clone + Send + Sync + 'static,
) -> [Case; 2] {
    [
        Case::new(format!("{fault}, once")).on(2, 1, reply.clone()).complete(AGAIN),
        Case::new(format!("{fault}, always")).on(2, ALWAYS, reply).fails(2, code, says),
    ]
}

/// Makes a case of an answer on page 2 that is the same every time.
fn page_two(
    fault: &str,
    code: &'static str,
    says: &'static str,
    reply: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static,
) -> Case {
    Case::new(fault).on(2, ALWAYS, reply).fails(2, code, says)
}
