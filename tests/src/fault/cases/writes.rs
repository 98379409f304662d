//! Requests that change something: they are done once, or somebody is told that nobody knows.

use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;
use crate::fault::shop::Asked;

/// Slow enough to see that a connection was closed before it is used again: if it is closed later, nobody knows what was done.
const SLOWLY: &str = "rate_limit: {rate: 4/1s, burst: 1}";

type Answering = fn(&Asked<'_>) -> Reply;

/// Makes the order, then breaks the connection.
fn done_and_reset(asked: &Asked<'_>) -> Reply {
    asked.make();
    Reply::nothing().reset()
}

/// Makes the order, then says nothing.
fn done_and_silent(asked: &Asked<'_>) -> Reply {
    asked.make();
    Reply::nothing().stall()
}

/// Makes the order, then breaks off in the answer.
fn done_and_cut(asked: &Asked<'_>) -> Reply {
    let body = asked.make();
    Reply::raw(format!("HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n{body}")).close()
}

/// Makes the order, then says that something went wrong.
fn done_and_500(asked: &Asked<'_>) -> Reply {
    asked.make();
    Reply::json(500, "{\"message\": \"who knows\"}")
}

pub(super) fn cases() -> Vec<Case> {
    let faults: [(&str, Answering, &str, &str); 4] = [
        ("is done, then the connection is reset", done_and_reset, "connection", "the connection broke"),
        ("is done, then no answer comes", done_and_silent, "timeout", "no answer within 0.7 s"),
        ("is done, then its answer breaks off", done_and_cut, "connection", "the connection broke"),
        ("is done, and answered with 500", done_and_500, "http-status", "answered 500 Internal Server Error"),
    ];
    let mut cases = Vec::new();
    for (fault, reply, code, says) in faults {
        cases.extend([
            Case::new(format!("a POST {fault}; it has no key"))
                .writes("POST", false)
                .on(2, ALWAYS, reply)
                .timeout("700ms")
                .fails(2, code, says)
                .requests(2),
            Case::new(format!("a POST {fault}; it has an idempotency key"))
                .writes("POST", true)
                .on(2, 1, reply)
                .timeout("700ms")
                .retry("{attempts: 6, backoff: {initial: 1ms, max: 2ms}}")
                .complete("sends it again with the same key, each order is made once"),
        ]);
    }
    cases.extend([
        Case::new("a PATCH is done, then the connection is reset")
            .writes("PATCH", false)
            .on(2, ALWAYS, done_and_reset)
            .fails(2, "connection", "the connection broke")
            .requests(2),
        Case::new("a PUT is reset before it is done")
            .writes("PUT", false)
            .on(2, 1, |_| Reply::nothing().reset())
            .complete("sends it again, each order is made once"),
        Case::new("a POST is refused with 429 twice")
            .writes("POST", false)
            .on(2, 2, |_| Reply::json(429, "{}"))
            .complete("sends it again, each order is made once")
            .requests(5),
        Case::new("a POST is refused with 503; it has no key")
            .writes("POST", false)
            .on(2, ALWAYS, |_| Reply::json(503, "{}"))
            .fails(2, "http-status", "answered 503 Service Unavailable")
            .requests(2),
        Case::new("a POST is refused with 409; it has an idempotency key")
            .writes("POST", true)
            .on(2, ALWAYS, |_| Reply::json(409, "{\"message\": \"the key was used for another order\"}"))
            .fails(2, "http-status", "answered 409 Conflict: {\"message\": \"the key was used for another order\"}")
            .requests(2),
        Case::new("the server closes a kept connection after each POST")
            .writes("POST", false)
            .plays(|asked| asked.good().close())
            .api(SLOWLY)
            .complete("connects anew, each order is made once"),
        Case::new("the server resets a kept connection after each POST")
            .writes("POST", false)
            .plays(|asked| asked.good().reset())
            .api(SLOWLY)
            .complete("connects anew, each order is made once"),
        Case::new("100 before the answer to a POST")
            .writes("POST", false)
            .plays(|asked| Reply::raw("HTTP/1.1 100 Continue\r\n\r\n").send(asked.good().bytes()))
            .complete("each order is made once"),
        Case::new("a POST is answered before its body was read, with 413")
            .writes("POST", false)
            .on(2, ALWAYS, |_| Reply::json(413, "{}").close())
            .fails(2, "http-status", "answered 413 Payload Too Large")
            .requests(2),
        Case::new("a POST is done, and answered with 201 and no body; its id is required")
            .writes("POST", false)
            .on(2, ALWAYS, |asked| {
                asked.make();
                Reply::json(201, "")
            })
            .fails(2, "mapping-required", "field `id` is required, but `$.id` is missing")
            .shows("")
            .requests(2),
        Case::new("a POST is answered with 200 and a login page")
            .writes("POST", false)
            .on(2, ALWAYS, |_| Reply::answer(200, &[("Content-Type", "text/html")], "<h1>Log in</h1>"))
            .fails(2, "mapping-required", "field `id` is required, but `$.id` is missing")
            .shows("")
            .requests(2),
    ]);
    cases
}
