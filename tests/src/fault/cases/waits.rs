//! 429, and how long it asks to wait, in every form.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::AGAIN;
use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;

const WAITS: &str = "waits as long as it says, all records come";

/// Returns the time in so many seconds, since 1970.
fn soon(seconds: u64) -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970") + Duration::from_secs(seconds)
}

/// Refuses page 2 once, with a header.
fn refused(form: &str, headers: impl Fn() -> Vec<(&'static str, String)> + Send + Sync + 'static) -> Case {
    Case::new(format!("429 with {form}")).on(2, 1, move |_| {
        let headers = headers();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Reply::answer(429, &headers, "{\"message\": \"slower\"}")
    })
}

/// Refuses page 2 once, with headers that are always the same.
fn says(name: &'static str, value: &'static str) -> Case {
    refused(&format!("`{name}: {value}`"), move || vec![(name, value.to_owned())])
}

pub(super) fn cases() -> Vec<Case> {
    let too_long = "answered 429 Too Many Requests (it asks to wait …s, which is longer than `max_elapsed`)";
    let mut cases = vec![
        refused("nothing said", Vec::new).complete(AGAIN),
        says("Retry-After", "1").complete(WAITS).waits(1000),
        says("Retry-After", "1.5").complete(WAITS).waits(1500),
        says("Retry-After", "0").complete(AGAIN),
        refused("`Retry-After` as a date", || {
            let then = Timestamp::from_second(i64::try_from(soon(3).as_secs()).unwrap()).unwrap();
            vec![("Retry-After", then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())]
        })
        .complete(WAITS)
        .waits(2000),
        says("Retry-After", "Sat, 01 Mar 2014 10:00:00 GMT")
            .complete("does not wait for what has passed, all records come"),
        says("Retry-After", "-5").complete(AGAIN),
        says("Retry-After", "soon").complete(AGAIN),
        says("X-RateLimit-Reset", "1").complete(WAITS).waits(1000),
        refused("`X-RateLimit-Reset` as seconds since 1970", || {
            vec![("X-RateLimit-Reset", soon(3).as_secs().to_string())]
        })
        .complete(WAITS)
        .waits(2000),
        refused("`X-RateLimit-Reset` as milliseconds since 1970", || {
            vec![("X-RateLimit-Reset", soon(2).as_millis().to_string())]
        })
        .complete(WAITS)
        .waits(1900),
        refused("`RateLimit-Remaining: 0` and `RateLimit-Reset: 1`", || {
            vec![
                ("RateLimit-Limit", "10".to_owned()),
                ("RateLimit-Remaining", "0".to_owned()),
                ("RateLimit-Reset", "1".to_owned()),
            ]
        })
        .complete(WAITS)
        .waits(1000),
        refused("`RateLimit: \"default\";r=0;t=1`", || {
            vec![
                ("RateLimit-Policy", "\"default\";q=10;w=1".to_owned()),
                ("RateLimit", "\"default\";r=0;t=1".to_owned()),
            ]
        })
        .complete(WAITS)
        .waits(1000),
        refused("`RateLimit: limit=10, remaining=0, reset=1`", || {
            vec![("RateLimit", "limit=10, remaining=0, reset=1".to_owned())]
        })
        .complete(WAITS)
        .waits(1000),
    ];
    let endless = |name: &'static str, value: &'static str| {
        Case::new(format!("429 with `{name}: {value}`"))
            .on(2, ALWAYS, move |_| Reply::answer(429, &[(name, value)], "{}"))
            .fails(2, "http-status", too_long)
            .requests(2)
    };
    cases.extend([
        endless("Retry-After", "86400"),
        endless("Retry-After", "99999999999"),
        endless("X-RateLimit-Reset", "4102444800"),
        Case::new("429 with `Retry-After: 99999999999999999999999999`, a number that no clock has")
            .on(2, 1, |_| Reply::answer(429, &[("Retry-After", "99999999999999999999999999")], "{}"))
            .complete(AGAIN),
        Case::new("429, always").on(2, ALWAYS, |_| Reply::json(429, "{}")).fails(
            2,
            "http-status",
            "answered 429 Too Many Requests (tried 3 times)",
        ),
        Case::new("429 with `Retry-After: 0`, always")
            .on(2, ALWAYS, |_| Reply::answer(429, &[("Retry-After", "0")], "{}"))
            .fails(2, "http-status", "answered 429 Too Many Requests (tried 3 times)"),
        Case::new("503 with `Retry-After: 1`")
            .on(2, 1, |_| Reply::answer(503, &[("Retry-After", "1")], "{}"))
            .complete(WAITS)
            .waits(1000),
    ]);
    cases
}
