//! Pages that come again, go on for ever, or are fewer than was said.

use super::page_two;
use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;
use crate::fault::shop::{Asked, SIZE, body_with, ids, list};

const CURSOR: &str = "{type: cursor, next: $.cursor}";
const OFFSET: &str = "{type: offset}";

/// Orders that never end.
fn endless(asked: &Asked<'_>) -> Reply {
    let next = asked.page + 1;
    let orders: Vec<String> = (1..=SIZE).map(|at| format!("{{\"id\": {}}}", asked.page * 10 + at)).collect();
    Reply::json(
        200,
        format!("{{\"orders\": [{}], \"cursor\": \"c{next}\", \"next\": \"/orders?at={next}\"}}", orders.join(", ")),
    )
}

/// Leads to a page by a cursor.
fn leads(asked: &Asked<'_>, cursor: &str) -> Reply {
    Reply::json(200, format!("{{\"orders\": {}, \"cursor\": {cursor}}}", list(asked.page)))
}

/// Answers with a total of its own.
fn total(asked: &Asked<'_>, total: &str) -> Reply {
    Reply::json(200, body_with(asked.page, &list(asked.page), total))
}

pub(super) fn cases() -> Vec<Case> {
    let read = "leads to a page that was already read";
    let empty = "{\"orders\": [], \"cursor\": \"c3\", \"next\": \"/orders?at=3\", \"total\": 12}";
    let without_two = [1, 3, 4].into_iter().flat_map(ids).collect::<Vec<_>>();
    let mut cases = Vec::new();
    for paginate in [
        "{type: page, max_pages: 6}",
        "{type: offset, max_pages: 6}",
        "{type: cursor, next: $.cursor, max_pages: 6}",
        "{type: next_url, next: $.next, max_pages: 6}",
        "{type: last_record, next: $.id, into: query.after, max_pages: 6}",
    ] {
        let kind = paginate.trim_start_matches("{type: ").split(',').next().unwrap_or_default();
        cases.push(
            Case::new(format!("pages without end, `{kind}` with `max_pages: 6`"))
                .plays(|asked| {
                    let after = asked.received.target.split_once("after=").and_then(|(_, id)| id.parse::<u64>().ok());
                    let page = after.map_or(asked.page, |id| id / 10 + 1);
                    endless(&Asked { page, ..*asked })
                })
                .pages(paginate)
                .fails(6, "too-many-pages", "the read is not at its end after 6 pages")
                .requests(6),
        );
    }
    cases.extend([
        page_two("a cursor that leads to its own page", "pagination-loop", read, |asked| leads(asked, "\"c2\""))
            .pages(CURSOR),
        Case::new("a cursor that leads back to an earlier page")
            .on(4, ALWAYS, |asked| leads(asked, "\"c2\""))
            .pages(CURSOR)
            .fails(4, "pagination-loop", read),
        Case::new("cursors that alternate: A, B, A, B")
            .plays(|asked| leads(asked, if asked.page == 2 { "\"c3\"" } else { "\"c2\"" }))
            .pages(CURSOR)
            .fails(3, "pagination-loop", read),
        page_two("a next URL that is the page's own", "pagination-loop", read, |asked| {
            Reply::json(
                200,
                format!("{{\"orders\": {}, \"next\": \"/orders?at=2\"}}", list(2)).replace("HERE", asked.here),
            )
        })
        .pages("{type: next_url, next: $.next}"),
        page_two("a `Link` that leads to its own page", "pagination-loop", read, |asked| {
            Reply::answer(200, &[("Link", "</orders?at=2>; rel=next")], asked.body())
        })
        .pages("{type: link_header}"),
        Case::new("a last page that is given again for all after it (page 5 = page 4)")
            .plays(|asked| Asked { page: asked.page.min(4), ..*asked }.good())
            .fails(5, "pagination-loop", "page 5 has the very records of page 4"),
        Case::new("a last page that is given again, by offset")
            .plays(|asked| Asked { page: asked.page.min(4), ..*asked }.good())
            .pages(OFFSET)
            .fails(5, "pagination-loop", "page 5 has the very records of page 4"),
        page_two(
            "a server that does not know the parameter, and gives page 1 always",
            "pagination-loop",
            "page 2 has the very records of page 1",
            |asked| Asked { page: 1, ..*asked }.good(),
        ),
        Case::new("an empty page in the middle, with a cursor to the next")
            .on(2, ALWAYS, move |_| Reply::json(200, empty))
            .pages(CURSOR)
            .gives(without_two.clone())
            .complete("goes on, all records come"),
        Case::new("an empty page in the middle, with a next URL")
            .on(2, ALWAYS, move |_| Reply::json(200, empty))
            .pages("{type: next_url, next: $.next}")
            .gives(without_two)
            .complete("goes on, all records come"),
        Case::new("an empty page before the total is reached, by page")
            .on(3, ALWAYS, |_| Reply::json(200, "{\"orders\": [], \"total\": 12}"))
            .pages("{type: page, total: $.total}")
            .fails(3, "unexpected-shape", "page 3 is empty after 6 of 12 records"),
        Case::new("an empty page before the total is reached, by offset")
            .on(3, ALWAYS, |_| Reply::json(200, "{\"orders\": [], \"total\": 12}"))
            .pages("{type: offset, total: $.total}")
            .fails(3, "unexpected-shape", "page 3 is empty after 6 of 12 records"),
        Case::new("an empty page before the last of `total_pages`")
            .on(3, ALWAYS, |_| Reply::json(200, "{\"orders\": [], \"pages\": 4}"))
            .pages("{type: page, total_pages: $.pages}")
            .gives([1, 2, 4].into_iter().flat_map(ids).collect())
            .complete("goes on, all records come"),
        Case::new("a thousand pages, as `total_pages` says, and the fifth and all after it are empty")
            .plays(|asked| Reply::json(200, asked.body().replace("\"pages\": 4", "\"pages\": 1000")))
            .pages("{type: page, total_pages: $.pages}")
            .fails(15, "unexpected-shape", "page 15 of 1000 is empty, and so are those before it"),
        Case::new("an empty page that comes ahead of time, several being asked for at once")
            .on(3, ALWAYS, |_| Reply::json(200, "{\"orders\": [], \"total\": 12}"))
            .pages("{type: page, total: $.total}")
            .api("concurrency: 4")
            .fails(3, "unexpected-shape", "page 3 is empty after 6 of 12 records"),
        Case::new("a total that is too large")
            .plays(|asked| total(asked, "20"))
            .pages("{type: page, total: $.total}")
            .fails(5, "unexpected-shape", "page 5 is empty after 12 of 20 records"),
        Case::new("a total that is too small, and no multiple of a page")
            .plays(|asked| total(asked, "5"))
            .pages("{type: page, total: $.total}")
            .fails(2, "unexpected-shape", "with page 2 there are 6 records, 5 in all as `$.total` says"),
        Case::new("a total that grows while it is read")
            .plays(|asked| total(asked, &(6 + asked.page * 3).min(12).to_string()))
            .pages("{type: page, total: $.total}")
            .complete("the newest counts, all records come"),
        Case::new("a total that shrinks while it is read, to what there is")
            .plays(|asked| total(asked, &(24 - asked.page * 3).max(12).to_string()))
            .pages("{type: page, total: $.total}")
            .complete("the newest counts, all records come"),
        page_two("a total that is no number", "unexpected-shape", "`$.total` gives a list on page 2", |asked| {
            total(asked, "[12]")
        })
        .pages("{type: page, total: $.total}"),
        Case::new("a total that comes on the first page only")
            .plays(|asked| total(asked, if asked.page == 1 { "12" } else { "null" }))
            .pages("{type: page, total: $.total}")
            .complete("all records come"),
        Case::new("a total that is not there")
            .plays(|asked| total(asked, "null"))
            .pages("{type: page, total: $.total}")
            .complete("reads on until a page is empty, all records come"),
        Case::new("pages that are shorter than asked for")
            .pages("{type: page, size: 100, size_into: query.limit}")
            .complete("reads on until a page is empty, all records come"),
        Case::new("a cursor that is an object")
            .on(2, ALWAYS, |asked| leads(asked, "{\"after\": 3}"))
            .pages(CURSOR)
            .fails(3, "template-failed", "can't be asked for: `cursor` is an object, which a query can't hold"),
        page_two("a next URL that is none", "unexpected-shape", "page 2 gives a next URL that is none", |_| {
            Reply::json(200, "{\"orders\": [{\"id\": 21}], \"next\": \"http://[::\"}")
        })
        .pages("{type: next_url, next: $.next}"),
        page_two("a next URL that is a number", "unexpected-shape", "`$.next` gives a number on page 2", |_| {
            Reply::json(200, "{\"orders\": [{\"id\": 21}], \"next\": 17}")
        })
        .pages("{type: next_url, next: $.next}"),
        Case::new("500 on page 3 of several that are asked for at once, then good")
            .on(3, 1, |_| Reply::json(500, "{}"))
            .pages("{type: page, total: $.total}")
            .api("concurrency: 4")
            .complete(super::AGAIN),
        Case::new("404 on page 3 of several that are asked for at once")
            .on(3, ALWAYS, |_| Reply::json(404, "{}"))
            .pages("{type: page, total: $.total}")
            .api("concurrency: 4")
            .fails(3, "http-status", "answered 404 Not Found"),
        Case::new("page 2 comes after page 4, several being asked for at once")
            .plays(
                |asked| {
                    if asked.page == 2 { Reply::nothing().pause(300).send(asked.good().bytes()) } else { asked.good() }
                },
            )
            .pages("{type: page, total: $.total}")
            .api("concurrency: 4")
            .complete("keeps the order, all records come"),
    ]);
    cases
}
