//! Bodies that are not the JSON that was meant.

use super::page_two;
use crate::fault::case::{ALWAYS, Case};
use crate::fault::reply::Reply;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let not_json = "is not JSON: ";
    let mut wrong = |fault: &str, body: &'static [u8]| {
        cases.push(page_two(fault, "not-json", not_json, move |_| Reply::json(200, body)));
    };
    wrong("bytes that are no UTF-8, in a text", b"{\"orders\": [{\"id\": 21, \"name\": \"caf\xe9\"}]}");
    wrong("bytes that are no UTF-8, in a name", b"{\"orders\": [{\"id\": 21, \"caf\xe9\": 1}]}");
    wrong("an overlong form of UTF-8", b"{\"orders\": [{\"id\": 21, \"name\": \"\xc0\xaf\"}]}");
    wrong("UTF-16 without its mark", b"{\0\"\0o\0r\0d\0e\0r\0s\0\"\0:\0[\0]\0}\0");
    wrong("`NaN`", b"{\"orders\": [{\"id\": 21, \"price\": NaN}]}");
    wrong("`Infinity`", b"{\"orders\": [{\"id\": 21, \"price\": Infinity}]}");
    wrong("`-Infinity`", b"{\"orders\": [{\"id\": 21, \"price\": -Infinity}]}");
    wrong("a comma too many", b"{\"orders\": [{\"id\": 21},]}");
    wrong("quotes that are single", b"{'orders': [{'id': 21}]}");
    wrong("a comment", b"{\"orders\": [{\"id\": 21}] /* more */}");
    wrong("a number with a zero in front", b"{\"orders\": [{\"id\": 021}]}");
    wrong("a number with a plus in front", b"{\"orders\": [{\"id\": +21}]}");
    wrong("a line break within a text", b"{\"orders\": [{\"id\": 21, \"name\": \"a\nb\"}]}");
    wrong("a NUL within a text", b"{\"orders\": [{\"id\": 21, \"name\": \"a\0b\"}]}");
    wrong("an escape that there is not", b"{\"orders\": [{\"id\": 21, \"name\": \"\\x41\"}]}");
    wrong("half of a surrogate pair", b"{\"orders\": [{\"id\": 21, \"name\": \"\\ud83d\"}]}");
    wrong(
        "the two halves of a surrogate pair the wrong way round",
        b"{\"orders\": [{\"id\": 21, \"name\": \"\\ude00\\ud83d\"}]}",
    );
    wrong("JSON, and more after it", b"{\"orders\": [{\"id\": 21}]} {\"orders\": []}");
    wrong("JSON, and HTML after it", b"{\"orders\": [{\"id\": 21}]}<br><b>Warning</b>: division by zero");
    wrong("HTML before JSON", b"<b>Notice</b>: undefined index {\"orders\": [{\"id\": 21}]}");
    wrong("JSON that breaks off, with the right length", b"{\"orders\": [{\"id\": 21}, {\"id\": 2");
    wrong("a guard before JSON", b")]}',\n{\"orders\": [{\"id\": 21}]}");
    wrong("a call of JSONP", b"callback({\"orders\": [{\"id\": 21}]})");
    let mut shape = |fault: &str, says: &'static str, body: &'static str| {
        cases.push(page_two(fault, "unexpected-shape", says, move |_| Reply::json(200, body)));
    };
    shape("`null` as a page", "it has no `$.orders`", "null");
    shape("`[]` as a page", "it has no `$.orders`", "[]");
    shape("`{}` as a page", "the answer has no `$.orders`: it is empty", "{}");
    shape("a number as a page", "it has no `$.orders`", "17");
    shape("a text as a page", "it has no `$.orders`", "\"no orders\"");
    shape("`true` as a page", "it has no `$.orders`", "true");
    shape("`null` for the list", "the answer has no `$.orders`", "{\"orders\": null}");
    shape(
        "an object for the list",
        "`$.orders` is an object in the answer, not a list",
        "{\"orders\": {\"21\": {\"id\": 21}}}",
    );
    shape("a text for the list", "`$.orders` is a string in the answer, not a list", "{\"orders\": \"21\"}");
    shape("`false` for the list", "`$.orders` is a boolean in the answer, not a list", "{\"orders\": false}");
    cases.extend([
        page_two("lists 100,000 deep", "not-json", not_json, |_| {
            Reply::json(200, format!("{{\"orders\": [{}{}]}}", "[".repeat(100_000), "]".repeat(100_000)))
        }),
        page_two("objects 100,000 deep, never closed", "not-json", not_json, |_| {
            Reply::json(200, format!("{{\"orders\": {}", "{\"a\":".repeat(100_000)))
        }),
        page_two("the list twice, empty the second time", "unexpected-shape", "`orders` twice", |_| {
            Reply::json(200, "{\"orders\": [{\"id\": 21}, {\"id\": 22}, {\"id\": 23}], \"orders\": []}")
        }),
        Case::new("a key twice in a record")
            .on(2, ALWAYS, |_| Reply::json(200, "{\"orders\": [{\"id\": 1, \"id\": 21}, {\"id\": 22}, {\"id\": 23}]}"))
            .complete("the last counts, all records come"),
        Case::new("UTF-16 with its mark")
            .plays(|asked| {
                let units = std::iter::once(0xFEFF).chain(asked.body().encode_utf16().collect::<Vec<_>>());
                Reply::json(200, units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
            })
            .complete("all records come"),
        Case::new("a byte order mark before JSON")
            .plays(|asked| Reply::json(200, format!("\u{feff}{}", asked.body())))
            .complete("all records come"),
        Case::new("JSON as `text/html`")
            .plays(|asked| Reply::answer(200, &[("Content-Type", "text/html")], asked.body()))
            .complete("all records come"),
        Case::new("a text of 10 MB")
            .on(2, ALWAYS, |_| {
                let name = "x".repeat(10 * 1024 * 1024);
                Reply::json(
                    200,
                    format!("{{\"orders\": [{{\"id\": 21, \"name\": \"{name}\"}}, {{\"id\": 22}}, {{\"id\": 23}}]}}"),
                )
            })
            .complete("all records come"),
        Case::new("a number of 100,000 digits")
            .on(2, ALWAYS, |_| {
                let price = "9".repeat(100_000);
                Reply::json(
                    200,
                    format!("{{\"orders\": [{{\"id\": 21, \"price\": {price}}}, {{\"id\": 22}}, {{\"id\": 23}}]}}"),
                )
            })
            .complete("all records come"),
        Case::new("a number of 10 to the power of 999,999,999")
            .on(2, ALWAYS, |_| {
                Reply::json(200, "{\"orders\": [{\"id\": 21, \"price\": 1e999999999}, {\"id\": 22}, {\"id\": 23}]}")
            })
            .complete("all records come"),
        Case::new("100,000 members that nobody wants")
            .on(2, ALWAYS, |asked| {
                let many = (0..100_000).map(|at| format!("\"m{at}\": {at}, ")).collect::<Vec<_>>().concat();
                Reply::json(200, asked.body().replacen('{', &format!("{{{many}"), 1))
            })
            .complete("all records come"),
        page_two("a line of JSON that breaks off", "not-json", "line 3: ", |_| {
            Reply::answer(200, &[("Content-Type", "application/x-ndjson")], "{\"id\": 21}\n{\"id\": 22}\n{\"id\": 2")
        }),
        page_two("records that are no objects", "mapping-required", "field `id` is required, but `$.id` is ", |_| {
            Reply::json(200, "{\"orders\": [21, 22, 23]}")
        }),
        page_two(
            "records that lack what is required",
            "mapping-required",
            "field `id` is required, but `$.id` is ",
            |_| Reply::json(200, "{\"orders\": [{\"id\": null}, {}]}"),
        ),
    ]);
    cases
}
