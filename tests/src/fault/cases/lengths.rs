//! Bodies whose length is not what was announced.

use super::{once_and_always, page_two};
use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;
use crate::fault::shop::lines;

const BODY: &str = "{\"orders\": [{\"id\": 21}, {\"id\": 22}, {\"id\": 23}]}";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn announced(length: &str) -> Reply {
    Reply::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{BODY}"))
}

fn chunk(size: &str) -> String {
    format!("{CHUNKED}{size}\r\n{BODY}\r\n")
}

pub(super) fn cases() -> Vec<Case> {
    let size = BODY.len();
    let hex = format!("{size:x}");
    let broke = "the connection broke: …(tried 3 times)";
    let mut cases = Vec::new();
    let mut broken = |fault: &str, reply: Reply| {
        cases.extend(once_and_always(fault, "connection", broke, move |_| reply.clone()));
    };
    broken("`Content-Length` is too large, then the connection is closed", announced("1000").close());
    broken("`Content-Length` is a number that no machine has", announced("99999999999999999999999").close());
    broken("`Content-Length` is negative", announced("-5"));
    broken("`Content-Length` is no number", announced("many"));
    broken("`Content-Length` is there twice, with two values", announced(&format!("{size}\r\nContent-Length: 20")));
    broken("a chunked body without its end, then the connection is closed", Reply::raw(chunk(&hex)).close());
    broken("a chunked body is reset between two chunks", Reply::raw(chunk(&hex)).reset());
    broken("a chunk is smaller than its size, then the connection is closed", Reply::raw(chunk("fff")).close());
    broken("a chunk is larger than its size", Reply::raw(chunk("10")));
    broken("the size of a chunk is no number", Reply::raw(chunk("zz")));
    broken("the size of a chunk is a number that no machine has", Reply::raw(chunk("ffffffffffffffffffff")));
    broken("the size of a chunk is negative", Reply::raw(chunk("-2f")));
    broken("a chunked body with endless extensions", Reply::raw(CHUNKED).send("2f;x=").flood("x", 1_000_000).close());
    let lines_of = |page: u64| lines(page);
    broken(
        "lines of JSON in chunks that end without the last chunk",
        Reply::raw(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n",
            lines_of(2).len(),
            lines_of(2)
        ))
        .close(),
    );
    cases.extend([
        page_two("`Content-Length` is the largest number there is", "body-too-large", "an impossible length", |_| {
            announced("18446744073709551615").close()
        }),
        page_two("`Content-Length` is too large, and the connection stays open", "timeout", "no answer within 0.7 s", |_| {
            announced("1000").stall()
        })
        .timeout("700ms")
        .retry("{attempts: 2, backoff: {initial: 1ms}}"),
        page_two("a chunked body without its end, and the connection stays open", "timeout", "no answer within 0.7 s", move |_| {
            Reply::raw(chunk(&format!("{:x}", BODY.len()))).stall()
        })
        .timeout("700ms")
        .retry("{attempts: 2, backoff: {initial: 1ms}}"),
        page_two("`Content-Length` is too small", "not-json", "is not JSON: ", |_| announced("20")),
        page_two("`Content-Length` is 0, and a body comes", "unexpected-shape", "the answer has no body", |_| announced("0")),
        Case::new("both `Content-Length` and chunks, the length too small")
            .on(2, ALWAYS, move |_| {
                Reply::raw(format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n\r\n",
                    BODY.len()
                ))
            })
            .complete("the chunks count (RFC 9112 §6.3), all records come"),
        Case::new("both `Content-Length` and chunks, the length too large")
            .on(2, ALWAYS, move |_| {
                Reply::raw(format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1400\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n\r\n",
                    BODY.len()
                ))
            })
            .complete("the chunks count (RFC 9112 §6.3), all records come"),
        Case::new("`Content-Length` is there twice, with one value")
            .on(2, ALWAYS, move |_| announced(&format!("{0}\r\nContent-Length: {0}", BODY.len())))
            .complete("all records come"),
        Case::new("neither length nor chunks: the body ends with the connection")
            .plays(|asked| Reply::headed(&[("Content-Type", "application/json")], asked.body()).close())
            .complete("all records come"),
        Case::new("HTTP/1.0: the body ends with the connection")
            .plays(|asked| Reply::raw(format!("HTTP/1.0 200 OK\r\n\r\n{}", asked.body())).close())
            .complete("all records come"),
        page_two("neither length nor chunks, and the body is cut off", "not-json", "is not JSON: ", |_| {
            Reply::raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", &BODY.chars().take(30).collect::<String>())).close()
        }),
        page_two("neither length nor chunks, and the connection is reset", "connection", broke, |_| {
            Reply::raw(format!("HTTP/1.1 200 OK\r\n\r\n{BODY}")).reset()
        }),
        Case::new("a chunk of one byte each")
            .plays(|asked| {
                let chunks = asked.body().chars().map(|char| format!("1\r\n{char}\r\n")).collect::<Vec<_>>().concat();
                Reply::raw(format!("{CHUNKED}{chunks}0\r\n\r\n"))
            })
            .complete("all records come"),
        Case::new("a chunked body with extensions and trailers")
            .plays(|asked| {
                let body = asked.body();
                Reply::raw(format!("{CHUNKED}{:x};name=value\r\n{body}\r\n0\r\nX-Sum: 1\r\n\r\n", body.len()))
            })
            .complete("all records come"),
        page_two("a body without end, with `max_size: 16MB`", "body-too-large", "the body is larger than 16 MB", |_| {
            Reply::headed(&[("Transfer-Encoding", "chunked")], "").flood(format!("400\r\n{}\r\n", " ".repeat(1024)), 600_000)
        })
        .api("response: {max_size: 16MB}"),
    ]);
    cases
}
