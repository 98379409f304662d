//! Connections that do not come about, break, or say nothing.

use std::time::Duration;

use super::once_and_always;
use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;

/// A port on which nothing listens: systems keep it for a service that is long dead.
const CLOSED: &str = "http://127.0.0.1:1";
/// Short enough for a test, long enough for a busy machine.
const SHORT: &str = "700ms";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("the connection is refused").base_url(CLOSED).fails(
            1,
            "connection",
            "no connection: …(tried 3 times)",
        ),
        Case::new("the host has no address").base_url("http://no-such-host.invalid").fails(
            1,
            "connection",
            "no connection: …(tried 3 times)",
        ),
    ];
    let broke = "the connection broke: …(tried 3 times)";
    let mut broken = |fault: &str, reply: fn() -> Reply| {
        cases.extend(once_and_always(fault, "connection", broke, move |_| reply()));
    };
    broken("the connection is reset before the answer", || Reply::nothing().reset());
    broken("the connection is reset in the status line", || Reply::raw("HTTP/1.1 2").reset());
    broken("the connection is reset in the header", || {
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Le").reset()
    });
    broken("the connection is reset in the body", || {
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"orders\": [{\"id\": 21}").reset()
    });
    broken("the connection is closed before the answer", || Reply::nothing().close());
    broken("the connection is closed in the header", || Reply::raw("HTTP/1.1 200 OK\r\nContent-Le").close());
    broken("the connection is closed in the body", || {
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"orders\": [{\"id\": 21}").close()
    });
    cases.push(
        Case::new("the connection is reset before the answer, on each page the first time")
            .plays(|asked| if asked.attempt == 1 { Reply::nothing().reset() } else { asked.good() })
            .complete(super::AGAIN),
    );
    let silent = "no answer within 0.7 s";
    let mut late = |fault: &str, reply: fn() -> Reply| {
        let [once, always] = once_and_always(fault, "timeout", silent, move |_| reply());
        let patient = "{attempts: 6, backoff: {initial: 1ms, max: 2ms}}";
        let brief = "{attempts: 2, backoff: {initial: 1ms, max: 2ms}}";
        cases.extend([once.timeout(SHORT).retry(patient), always.timeout(SHORT).retry(brief)]);
    };
    late("nothing comes after the request", || Reply::nothing().stall());
    late("nothing more comes in the header", || Reply::raw("HTTP/1.1 200 OK\r\nContent-Le").stall());
    late("nothing more comes in the middle of the body", || {
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"orders\": [{\"id\": 21}").stall()
    });
    late("nothing comes after the header", || Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n").stall());
    cases.extend([
        Case::new("a slow body: a byte every 100 ms")
            .on(2, ALWAYS, |_| {
                let body = "{\"orders\":[{\"id\":21},{\"id\":22},{\"id\":23}]}";
                Reply::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()))
                    .drip(body, Duration::from_millis(100))
            })
            .timeout("1s")
            .waits(4000),
        Case::new("a body that trickles for ever")
            .on(2, ALWAYS, |_| {
                Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                    .drip([b' '; 10_000], Duration::from_millis(20))
            })
            .timeout("300ms")
            .retry("{attempts: 1}")
            .fails(2, "timeout", "no answer within 3 s"),
        Case::new("a header that trickles for ever")
            .on(2, ALWAYS, |_| Reply::raw("HTTP/1.1 200 OK\r\nX: ").drip([b'x'; 10_000], Duration::from_millis(20)))
            .timeout(SHORT)
            .retry("{attempts: 1}")
            .fails(2, "timeout", silent),
        Case::new("the server closes a connection that was to be kept, after each page")
            .plays(|asked| asked.good().close())
            .complete("connects anew, all records come")
            .requests(5),
        Case::new("the server resets a connection that was to be kept, after each page")
            .plays(|asked| asked.good().reset())
            .complete("connects anew, all records come"),
        Case::new("the server closes a kept connection as soon as the next request comes")
            .plays(|asked| {
                // The first request of page 2 comes on the connection of page 1.
                if asked.page == 2 && asked.attempt == 1 { Reply::nothing().reset() } else { asked.good() }
            })
            .complete(super::AGAIN),
        Case::new("a second answer follows the first unasked, with no orders")
            .on(1, ALWAYS, |asked| asked.good().send("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"orders\": []}"))
            .complete("gives the connection up, all records come"),
        Case::new("garbage follows the answer")
            .plays(|asked| asked.good().send("\0\u{1}garbage\r\n\r\n"))
            .complete("gives the connection up, all records come"),
    ]);
    cases
}
