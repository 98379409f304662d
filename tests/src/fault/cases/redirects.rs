//! Answers that lead elsewhere.

use super::page_two;
use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;
use crate::fault::shop::Asked;

const BEARER: &str = "auth: {type: bearer, token: \"{{ secrets.token }}\"}";
/// Credentials in every place that a redirect could carry along.
const ALL: &str = r#"auth:
      - {type: bearer, token: "{{ secrets.token }}"}
      - {type: api_key, value: "{{ secrets.token }}", in: header.X-Api-Key}
      - {type: api_key, value: "{{ secrets.token }}", in: query.key}
      - {type: api_key, value: "{{ secrets.token }}", in: cookie.session}"#;

fn leads(status: u16, to: &str) -> Reply {
    Reply::answer(status, &[("Location", to)], "")
}

pub(super) fn cases() -> Vec<Case> {
    let other = |auth: &str| format!("{auth}\n    allow_hosts: [\"{{{{ inputs.other | replace('http://', '') }}}}\"]");
    let circle = "more than 10 redirects";
    let elsewhere = "which the spec does not name";
    let mut cases = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        cases.push(
            Case::new(format!("a redirect ({status}) to another path"))
                .on(2, 1, move |asked| leads(status, &format!("/moved?page={}", asked.page)))
                .api(BEARER)
                .complete("follows it, all records come"),
        );
        cases.push(
            Case::new(format!("a redirect ({status}) to another origin that the spec does not name"))
                .on(2, ALWAYS, move |asked| leads(status, &format!("{}/orders?page=2", asked.other)))
                .api(ALL)
                .fails(2, "host-not-allowed", elsewhere),
        );
        cases.push(
            Case::new(format!("a redirect ({status}) to another origin that is in `allow_hosts`"))
                .on(2, ALWAYS, move |asked| leads(status, &format!("{}/orders?page=2", asked.other)))
                .api(other(ALL))
                .complete("follows it without the credentials, all records come"),
        );
    }
    cases.extend([
        page_two("a redirect to itself", "http-status", circle, |_| leads(302, "/orders?page=2")).requests(13),
        page_two("a redirect to nothing: `Location` is empty", "http-status", circle, |_| leads(302, "")),
        page_two("two URLs that lead to each other", "http-status", circle, |asked| {
            leads(302, if asked.received.target.contains("/a") { "/b?page=2" } else { "/a?page=2" })
        }),
        page_two("redirects that lead ever further", "http-status", circle, |asked| {
            leads(302, &format!("/orders/{}?page=2", asked.attempt))
        }),
        page_two("a redirect without `Location`", "http-status", "answered 302 Found", |_| Reply::json(302, "")),
        page_two("300 with a choice of URLs", "http-status", "answered 300 Multiple Choices", |_| {
            Reply::json(300, "[]")
        }),
        page_two("a redirect to what is no URL", "http-status", "answered 302 Found", |_| leads(302, "http://[::")),
        page_two("a redirect to a file", "host-not-allowed", "file:///etc/passwd", |_| {
            leads(302, "file:///etc/passwd")
        }),
        page_two("a redirect to the cloud's metadata", "host-not-allowed", elsewhere, |_| {
            leads(302, "http://169.254.169.254/latest/meta-data/")
        })
        .requests(2),
        page_two("a redirect with a user and a password of its own", "host-not-allowed", elsewhere, |asked| {
            leads(302, &format!("{}/orders", asked.other.replace("http://", "http://user:word@")))
        }),
        Case::new("a redirect to another origin, which leads back")
            .on(2, 1, |asked| leads(302, &format!("{}/orders?back={}", asked.other, asked.here)))
            .other(back)
            .api(other(BEARER))
            .complete("follows it without the credentials, all records come"),
        Case::new("the next URL is on another origin")
            .on(1, ALWAYS, |asked| {
                Reply::json(200, asked.body().replace("\"/orders?at=2\"", &format!("\"{}/orders?at=2\"", asked.other)))
            })
            .pages("{type: next_url, next: $.next}")
            .api(ALL)
            .fails(2, "host-not-allowed", elsewhere),
        Case::new("the next URL is on another origin that is in `allow_hosts`")
            .on(1, ALWAYS, |asked| {
                Reply::json(200, asked.body().replace("\"/orders?at=2\"", &format!("\"{}/orders?at=2\"", asked.other)))
            })
            .pages("{type: next_url, next: $.next}")
            .api(other(ALL))
            .complete("follows it without the credentials, all records come"),
        Case::new("the page after the last leads to the first").on(5, ALWAYS, |_| leads(302, "/orders?page=1")).fails(
            5,
            "pagination-loop",
            "page 5 leads to a page that was already read",
        ),
        Case::new("a POST is answered with 307, to another path")
            .writes("POST", false)
            .plays(|asked| if asked.received.target() == "/orders" { leads(307, "/elsewhere") } else { asked.good() })
            .complete("sends it there, each order is made once")
            .requests(6),
        Case::new("a POST is answered with 308, to another origin that is in `allow_hosts`")
            .writes("POST", false)
            .on(2, ALWAYS, |asked| leads(308, &format!("{}/orders", asked.other)))
            .api(other(BEARER))
            .fails(2, "http-status", "answered 308 Permanent Redirect")
            .requests(2),
        Case::new("a POST is answered with 302")
            .writes("POST", false)
            .on(2, ALWAYS, |_| leads(302, "/elsewhere"))
            .fails(2, "http-status", "answered 302 Found")
            .requests(2),
        Case::new("a POST is done, and answered with 303")
            .writes("POST", false)
            .plays(|asked| {
                if asked.received.method() == "GET" {
                    let id = asked.received.target().trim_start_matches("/orders/");
                    return Reply::json(200, format!("{{\"id\": {id}}}"));
                }
                asked.make();
                leads(303, &format!("/orders/{}", asked.page))
            })
            .complete("reads what came of it, each order is made once")
            .requests(6),
        Case::new("a POST is done and answered with 303, and nothing comes of the GET after it")
            .writes("POST", false)
            .on(2, ALWAYS, |asked| {
                asked.make();
                leads(303, "/made")
            })
            .on(
                1,
                ALWAYS,
                |asked| if asked.received.method() == "GET" { Reply::nothing().reset() } else { asked.good() },
            )
            .fails(2, "connection", "")
            .shows("")
            .requests(8),
    ]);
    cases
}

/// Leads back to where it came from.
fn back(asked: &Asked<'_>) -> Reply {
    let (_, back) = asked.received.target.split_once("back=").unwrap_or_default();
    leads(302, &format!("{back}/orders?page=2"))
}
