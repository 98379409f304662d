//! Bodies that are packed, and do not unpack to what was meant.

use super::{once_and_always, page_two};
use crate::fault::case::{ALWAYS, Case};
use crate::fault::pack::{bomb, deflate, gzip, zlib};
use crate::fault::reply::Reply;
use crate::fault::shop::{body, lines};

const GZIP: (&str, &str) = ("Content-Encoding", "gzip");

pub(super) fn cases() -> Vec<Case> {
    let broke = "the connection broke: …(tried 3 times)";
    let mut cases = Vec::new();
    let mut broken = |fault: &str, encoding: &'static str, kind: &'static str, bytes: Vec<u8>| {
        cases.extend(once_and_always(fault, "connection", broke, move |_| {
            Reply::answer(200, &[("Content-Encoding", encoding), ("Content-Type", kind)], &bytes)
        }));
    };
    let cut = |bytes: Vec<u8>, by: usize| bytes.iter().copied().take(bytes.len() - by).collect::<Vec<_>>();
    let json = "application/json";
    let mut sum = gzip(body(2));
    let at = sum.len() - 6;
    sum.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0xff);
    let mut torn = gzip(body(2));
    torn.iter_mut().skip(14).take(8).for_each(|byte| *byte = 0xff);
    broken("says `gzip`, and is plain", "gzip", json, body(2).into_bytes());
    broken("gzip whose inside is broken", "gzip", json, torn);
    broken("gzip whose sum is wrong", "gzip", json, sum);
    broken("gzip that is cut off", "gzip", json, cut(gzip(body(2)), 20));
    broken("lines of JSON in gzip that lacks its end", "gzip", "application/x-ndjson", cut(gzip(lines(2)), 8));
    broken("lines of JSON in zlib that lacks its end", "deflate", "application/x-ndjson", cut(zlib(lines(2)), 4));
    broken("says `deflate`, and is plain", "deflate", json, body(2).into_bytes());
    let (head, block) = bomb();
    let ten_gb = 10 * 1024;
    cases.extend([
        page_two(
            "a bomb: 10 MB of gzip that unpack to 10 GB, with `max_size: 64MB`",
            "body-too-large",
            "the body is larger than 64 MB when it is unpacked",
            move |_| {
                let length = (head.len() as u64 + block.len() as u64 * ten_gb).to_string();
                Reply::headed(&[GZIP, ("Content-Length", &length)], &head).flood(&block, ten_gb)
            },
        )
        .api("response: {max_size: 64MB}"),
        Case::new("says nothing, and is gzip")
            .on(2, ALWAYS, |asked| Reply::json(200, gzip(asked.body())))
            .complete("sees it by the first bytes, all records come"),
        Case::new("says a coding that nobody knows, and is plain")
            .on(2, ALWAYS, |asked| Reply::answer(200, &[("Content-Encoding", "x-own")], asked.body()))
            .complete("all records come"),
        Case::new("a coding that nobody knows")
            .on(2, ALWAYS, |asked| Reply::answer(200, &[("Content-Encoding", "x-own")], deflate(asked.body())))
            .fails(2, "not-json", "packed as `x-own`, which is not known"),
        Case::new("says `identity`, and is plain")
            .plays(|asked| Reply::answer(200, &[("Content-Encoding", "identity")], asked.body()))
            .complete("all records come"),
        Case::new("gzip in two members")
            .on(2, ALWAYS, |asked| {
                let body = asked.body();
                let (first, second) = body.split_at(20);
                Reply::answer(200, &[GZIP], [gzip(first), gzip(second)].concat())
            })
            .complete("all records come"),
        Case::new("gzip, with the length of what is in it")
            .on(2, 1, |asked| {
                let (packed, length) = (gzip(asked.body()), asked.body().len().to_string());
                Reply::headed(&[GZIP, ("Content-Length", &length)], packed).close()
            })
            .complete(super::AGAIN),
        Case::new("gzip in gzip, and says so")
            .on(2, ALWAYS, |asked| Reply::answer(200, &[("Content-Encoding", "gzip, gzip")], gzip(gzip(asked.body()))))
            .complete("unpacks both, all records come"),
        Case::new("`deflate` without a frame, as some servers send it")
            .on(2, ALWAYS, |asked| Reply::answer(200, &[("Content-Encoding", "deflate")], deflate(asked.body())))
            .complete("all records come"),
        Case::new("`x-gzip`, the old name")
            .on(2, ALWAYS, |asked| Reply::answer(200, &[("Content-Encoding", "x-gzip")], gzip(asked.body())))
            .complete("all records come"),
        page_two("an empty body that says `gzip`", "unexpected-shape", "the answer has no body", |_| {
            Reply::answer(200, &[GZIP], "")
        }),
    ]);
    cases
}
