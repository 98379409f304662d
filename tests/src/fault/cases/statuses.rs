//! Statuses that say that something is wrong, or nothing.

use super::{AGAIN, page_two};
use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (status, name) in [
        (500, "500 Internal Server Error"),
        (502, "502 Bad Gateway"),
        (503, "503 Service Unavailable"),
        (504, "504 Gateway Timeout"),
        (408, "408 Request Timeout"),
        (425, "425 Too Early"),
    ] {
        cases.push(
            Case::new(format!("{name} on page 3 three times"))
                .on(3, 3, move |_| Reply::json(status, "{\"message\": \"not now\"}"))
                .retry("{backoff: {initial: 1ms, max: 2ms}}")
                .complete(AGAIN)
                .requests(8),
        );
    }
    cases.extend([
        Case::new("500 on page 3, always").on(3, ALWAYS, |_| Reply::json(500, "{\"message\": \"not now\"}")).fails(
            3,
            "http-status",
            "answered 500 Internal Server Error (tried 3 times): {\"message\": \"not now\"}",
        ),
        Case::new("502 with a page of HTML, always")
            .on(3, ALWAYS, |_| {
                Reply::answer(502, &[("Content-Type", "text/html")], "<html>\n<h1>Bad Gateway</h1>\n</html>")
            })
            .fails(3, "http-status", "answered 502 Bad Gateway (tried 3 times): <html> <h1>Bad Gateway</h1> </html>"),
        Case::new("503 on every page the first time")
            .plays(|asked| if asked.attempt == 1 { Reply::json(503, "") } else { asked.good() })
            .complete(AGAIN),
    ]);
    for (status, says) in [
        (400, "answered 400 Bad Request"),
        (401, "answered 401 Unauthorized"),
        (403, "answered 403 Forbidden"),
        (404, "answered 404 Not Found"),
        (410, "answered 410 Gone"),
        (416, "answered 416 Range Not Satisfiable"),
        (422, "answered 422 Unprocessable Entity"),
        (501, "answered 501 Not Implemented"),
    ] {
        cases.push(
            Case::new(format!("{status} on page 3"))
                .on(3, ALWAYS, move |_| Reply::json(status, "{\"orders\": []}"))
                .fails(3, "http-status", says)
                .requests(3),
        );
    }
    cases.extend([
        page_two("204 with no body, unasked", "unexpected-shape", "the answer has no body", |_| Reply::json(204, "")),
        page_two("205 with no body, unasked", "unexpected-shape", "the answer has no body", |_| Reply::json(205, "")),
        page_two("304, though nothing was said of what is known", "http-status", "answered 304 Not Modified", |_| {
            Reply::json(304, "")
        }),
        page_two("a status that nobody knows: 799", "http-status", "answered 799", |_| {
            Reply::json(799, "{\"orders\": []}")
        }),
        page_two(
            "200 with an error in the body",
            "unexpected-shape",
            "the answer has no `$.orders`: it has `error`",
            |_| Reply::json(200, "{\"error\": {\"code\": 17, \"message\": \"too deep\"}}"),
        ),
        page_two(
            "200 with HTML: a login page",
            "not-json",
            "the answer (text/html) is not JSON: …<h1>Log in</h1>",
            |_| Reply::answer(200, &[("Content-Type", "text/html")], "<!DOCTYPE html><h1>Log in</h1>"),
        ),
        page_two("200 with an empty body", "unexpected-shape", "the answer has no body", |_| Reply::json(200, "")),
        page_two("200 with blanks", "unexpected-shape", "the answer has no body", |_| Reply::json(200, " \r\n ")),
    ]);
    cases
}
