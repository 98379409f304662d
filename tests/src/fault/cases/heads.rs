//! Answers whose head is none, or too much.

use super::{once_and_always, page_two};
use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;
use crate::fault::shop::Asked;

/// Puts lines of header before a good answer's own.
fn with(asked: &Asked<'_>, lines: &str) -> Reply {
    let body = asked.body();
    Reply::raw(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len()))
}

pub(super) fn cases() -> Vec<Case> {
    let broke = "the connection broke: …(tried 3 times)";
    let mut cases = Vec::new();
    let mut broken = |fault: &str, reply: fn(&Asked<'_>) -> Reply| {
        cases.extend(once_and_always(fault, "connection", broke, reply));
    };
    broken("garbage in place of an answer", |_| Reply::raw("\u{16}\u{3}\u{1}garbage, and more of it\r\n\r\n").close());
    broken("TLS in place of HTTP", |_| Reply::raw([0x15, 3, 1, 0, 2, 2, 22]).close());
    broken("HTTP/0.9: a body without a head", |asked| Reply::raw(asked.body()).close());
    broken("HTTP/2 frames unasked", |_| Reply::raw([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]).close());
    broken("a version of HTTP that there is not", |_| {
        Reply::raw("HTTP/7.3 200 OK\r\nContent-Length: 14\r\n\r\n{\"orders\": []}")
    });
    broken("a status of two digits", |_| Reply::raw("HTTP/1.1 20 OK\r\nContent-Length: 14\r\n\r\n{\"orders\": []}"));
    broken("a status of four digits", |_| Reply::raw("HTTP/1.1 2000 OK\r\nContent-Length: 14\r\n\r\n{\"orders\": []}"));
    broken("a status that is a word", |_| Reply::raw("HTTP/1.1 OK\r\nContent-Length: 14\r\n\r\n{\"orders\": []}"));
    broken("a header with a NUL", |asked| with(asked, "X-Bad: a\0b\r\n"));
    broken("a header without a colon", |asked| with(asked, "no colon here\r\n"));
    broken("a header whose name has a blank", |asked| with(asked, "X Bad: 1\r\n"));
    cases.extend([
        page_two(
            "10,000 cookies",
            "body-too-large",
            "the answer has more than 100 headers, more than 400 KiB of them, or an impossible length",
            |_| {
                Reply::raw("HTTP/1.1 200 OK\r\n")
                    .flood("Set-Cookie: many=1; Path=/\r\n", 10_000)
                    .send("Content-Length: 14\r\n\r\n{\"orders\": []}")
            },
        )
        .requests(2),
        page_two(
            "100,000 headers",
            "body-too-large",
            "the answer has more than 100 headers, more than 400 KiB of them, or an impossible length",
            |_| {
                Reply::raw("HTTP/1.1 200 OK\r\n")
                    .flood("X-Many: 1\r\n", 100_000)
                    .send("Content-Length: 14\r\n\r\n{\"orders\": []}")
            },
        )
        .requests(2),
        page_two(
            "a header of 100 MB",
            "body-too-large",
            "the answer has more than 100 headers, more than 400 KiB of them, or an impossible length",
            |_| {
                Reply::raw("HTTP/1.1 200 OK\r\nX-Large: ")
                    .flood("x".repeat(1024), 100 * 1024)
                    .send("\r\n\r\n{\"orders\": []}")
            },
        )
        .requests(2),
        Case::new("a header with bytes that are no UTF-8")
            .on(2, ALWAYS, |asked| {
                let body = asked.body();
                Reply::raw("HTTP/1.1 200 OK\r\nX-Latin: caf")
                    .send([0xe9, 0xff, b'\r', b'\n'])
                    .send(format!("Content-Length: {}\r\n\r\n{body}", body.len()))
            })
            .complete("all records come"),
        Case::new("a header of 60 KB")
            .on(2, ALWAYS, |asked| with(asked, &format!("X-Large: {}\r\n", "x".repeat(60_000))))
            .complete("all records come"),
        Case::new("50 cookies")
            .plays(|asked| with(asked, &"Set-Cookie: many=1; Path=/\r\n".repeat(50)))
            .complete("all records come"),
        Case::new("lines of the head that end with a line feed alone")
            .plays(|asked| {
                Reply::raw(format!("HTTP/1.1 200 OK\nContent-Length: {}\n\n{}", asked.body().len(), asked.body()))
            })
            .complete("all records come"),
        Case::new("a status without a phrase")
            .plays(|asked| {
                Reply::raw(format!("HTTP/1.1 200\r\nContent-Length: {}\r\n\r\n{}", asked.body().len(), asked.body()))
            })
            .complete("all records come"),
        Case::new("100 and 103 before the answer")
            .plays(|asked| {
                let body = asked.body();
                Reply::raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=\"next\"\r\n\r\n")
                    .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
            })
            .complete("passes them over, all records come"),
        page_two("100 without end", "timeout", "no answer within 0.7 s", |_| {
            Reply::nothing().flood("HTTP/1.1 100 Continue\r\n\r\n", u64::MAX)
        })
        .timeout("700ms")
        .retry("{attempts: 1}"),
        page_two("101: another protocol, unasked", "http-status", "answered 101 Switching Protocols", |_| {
            Reply::raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        }),
        page_two("a `Link` whose URL is none", "unexpected-shape", "gives a next URL that is none", |asked| {
            with(asked, "Link: <http://[::>; rel=\"next\"\r\n")
        })
        .pages("{type: link_header}"),
    ]);
    cases
}
