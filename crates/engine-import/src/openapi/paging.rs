//! Recognises how the pages of a list follow each other, by the names that documents use.

use serde_json::{Value, json};

use super::answer::{Answer, member};
use super::param::Params;

/// How large a page may be asked to be where the document does not say.
const LARGEST: u64 = 1_000;

const CURSORS: [&str; 14] = [
    "cursor",
    "page_token",
    "pageToken",
    "after",
    "next_token",
    "nextToken",
    "continuation_token",
    "continuationToken",
    "marker",
    "next_cursor",
    "nextCursor",
    "page_cursor",
    "pageCursor",
    "pagination_token",
];
const NEXT_CURSORS: [&str; 17] = [
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "next_token",
    "nextToken",
    "continuation_token",
    "continuationToken",
    "cursor",
    "after",
    "end_cursor",
    "endCursor",
    "next_marker",
    "nextMarker",
    "nextPageCursor",
    "next_page_cursor",
    "next",
];
const NEXT_URLS: [&str; 12] = [
    "next",
    "next_page",
    "next_url",
    "nextUrl",
    "nextLink",
    "next_link",
    "@odata.nextLink",
    "nextPage",
    "next_page_url",
    "nextPageUrl",
    "next_page_uri",
    "nextHref",
];
const WITHIN: [&str; 13] = [
    "links",
    "_links",
    "paging",
    "pagination",
    "meta",
    "metadata",
    "page",
    "page_info",
    "pageInfo",
    "response_metadata",
    "_meta",
    "cursors",
    "cursor",
];
const PAGES: [&str; 8] = ["page", "page_number", "pageNumber", "page[number]", "pageNo", "page_no", "PageNumber", "p"];
const OFFSETS: [&str; 9] =
    ["offset", "skip", "start", "startAt", "start_at", "startIndex", "page[offset]", "$skip", "from"];
const SIZES: [&str; 20] = [
    "per_page",
    "perPage",
    "page_size",
    "pageSize",
    "limit",
    "page[size]",
    "page[limit]",
    "max_results",
    "maxResults",
    "size",
    "count",
    "pagelen",
    "rows",
    "$top",
    "top",
    "PageSize",
    "results_per_page",
    "perpage",
    "hitsPerPage",
    "max",
];
const TOTALS: [&str; 10] = [
    "total",
    "total_count",
    "totalCount",
    "total_results",
    "totalResults",
    "totalItems",
    "total_items",
    "totalElements",
    "total_records",
    "count",
];
const TOTAL_PAGES: [&str; 6] = ["total_pages", "totalPages", "page_count", "pageCount", "last_page", "pages"];

/// Tells whether a page is asked for: its number, its cursor, or where it begins.
pub(super) fn is_asked(params: &Params) -> bool {
    let has = |names: &[&str]| params.query.iter().any(|it| names.contains(&it.name.as_str()));
    has(&PAGES) || has(&CURSORS) || has(&["starting_after"]) || has(&OFFSETS) && has(&SIZES)
}

/// Recognises it, and takes the parameters away that it uses.
pub(super) fn recognise(answer: &Answer<'_>, params: &mut Params) -> Option<Value> {
    let find = |params: &Params, names: &[&str]| {
        names.iter().find_map(|wanted| params.query.iter().find(|it| it.name == *wanted).map(|it| it.name.clone()))
    };
    let has_link = has_link(answer.whole);
    if let Some(into) = find(params, &["starting_after"])
        && answer.key.is_some()
        && answer.document.property(answer.schema, "has_more").is_some()
    {
        params.remove_query(&into);
        params.remove_query("ending_before");
        let next = member("$", answer.key.as_deref().unwrap_or("id"));
        return Some(
            json!({"type": "last_record", "next": next, "into": "query.starting_after", "stop_when": "not response.body.has_more"}),
        );
    }
    if let Some(into) = find(params, &CURSORS)
        && let Some(next) =
            place(answer, &NEXT_CURSORS, |kind| kind != "object" && kind != "array" && kind != "boolean")
    {
        params.remove_query(&into);
        return Some(json!({"type": "cursor", "next": next, "into": format!("query.{into}")}));
    }
    if let Some(next) = place(answer, &NEXT_URLS, |kind| kind == "string").or_else(|| href(answer)) {
        for names in [&PAGES[..], &OFFSETS, &CURSORS] {
            if let Some(name) = find(params, names) {
                params.remove_query(&name);
            }
        }
        return Some(json!({"type": "next_url", "next": next}));
    }
    if has_link {
        for names in [&PAGES[..], &CURSORS, &["since"]] {
            if let Some(name) = find(params, names) {
                params.remove_query(&name);
            }
        }
        return Some(json!({"type": "link_header"}));
    }
    if let Some(into) = find(params, &PAGES) {
        let start = params.query.iter().find(|it| it.name == into).and_then(|it| it.default).unwrap_or(1);
        params.remove_query(&into);
        let mut paging = json!({"type": "page", "into": format!("query.{into}")});
        if start == 0 {
            paging["start"] = json!(0);
        }
        with_size(&mut paging, params);
        if let Some(total) = place(answer, &TOTAL_PAGES, |kind| kind == "integer" || kind == "number") {
            paging["total_pages"] = json!(total);
        } else if let Some(total) = place(answer, &TOTALS[..9], |kind| kind == "integer" || kind == "number") {
            paging["total"] = json!(total);
        }
        return Some(paging);
    }
    if let Some(into) = find(params, &OFFSETS)
        && find(params, &SIZES).is_some()
    {
        params.remove_query(&into);
        let mut paging = json!({"type": "offset", "into": format!("query.{into}")});
        with_size(&mut paging, params);
        if let Some(total) = place(answer, &TOTALS[..9], |kind| kind == "integer" || kind == "number") {
            paging["total"] = json!(total);
        }
        return Some(paging);
    }
    None
}

/// Lets the paging ask for a size.
fn with_size(paging: &mut Value, params: &mut Params) {
    let Some((name, size)) = size(params) else { return };
    params.remove_query(&name);
    paging["size"] = json!(size);
    paging["size_into"] = json!(format!("query.{name}"));
}

fn size(params: &Params) -> Option<(String, u64)> {
    let found = SIZES.iter().find_map(|wanted| params.query.iter().find(|it| it.name == *wanted))?;
    let size =
        found.maximum.filter(|it| (1..=LARGEST).contains(it)).or(found.default.filter(|it| *it > 0)).unwrap_or(100);
    Some((found.name.clone(), size))
}

/// Finds a member of the answer by its usual names, also one level deeper.
fn place(answer: &Answer<'_>, names: &[&str], fits: impl Fn(&str) -> bool) -> Option<String> {
    let document = answer.document;
    let is_it = |schema| document.kind(schema).is_none_or(&fits);
    for name in names {
        if document.property(answer.schema, name).is_some_and(is_it) {
            return Some(member("$", name));
        }
    }
    for outer in WITHIN {
        let Some(schema) = document.property(answer.schema, outer) else { continue };
        for name in names {
            if document.property(schema, name).is_some_and(is_it) {
                return Some(member(&member("$", outer), name));
            }
        }
        for inner in ["cursors", "pagination", "links"] {
            let Some(schema) = document.property(schema, inner) else { continue };
            for name in names {
                if document.property(schema, name).is_some_and(is_it) {
                    return Some(member(&member(&member("$", outer), inner), name));
                }
            }
        }
    }
    None
}

/// `{_links: {next: {href}}}`, `{paging: {next: {link}}}`
fn href(answer: &Answer<'_>) -> Option<String> {
    let document = answer.document;
    for outer in WITHIN {
        let Some(next) = document.property(answer.schema, outer).and_then(|it| document.property(it, "next")) else {
            continue;
        };
        for name in ["href", "link", "url"] {
            if document.property(next, name).is_some() {
                return Some(member(&member(&member("$", outer), "next"), name));
            }
        }
    }
    None
}

/// Tells whether an answer has a header that leads to others.
pub(super) fn has_link(whole: &Value) -> bool {
    let headers = whole.get("headers").and_then(Value::as_object);
    headers.into_iter().flatten().any(|(known, _)| known.eq_ignore_ascii_case("link"))
}
