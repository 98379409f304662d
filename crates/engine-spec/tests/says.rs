//! What is said about mistakes of shape, and where.

use engine_source::{Findings, Sources, Tree};
use engine_spec::{Spec, read};

/// Reads a document and writes each finding as `code @ text at its place: message | help`.
fn said(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let id = sources.add("test.yaml", text);
    let mut findings = Findings::default();
    if let Some(tree) = Tree::parse(&sources, id, &mut findings) {
        read::<Spec>(&tree.root, &mut findings);
    }
    findings.sort();
    findings
        .iter()
        .map(|it| {
            let place = text.get(it.span().range()).unwrap_or("?");
            format!("{} @ {place}: {} | {}", it.code, it.message, it.help.as_deref().unwrap_or_default())
        })
        .collect()
}

fn check(text: &str, expected: &[&str]) {
    let said = said(&format!("version: 1\n{text}\n"));
    assert_eq!(said, expected, "{text}");
}

#[test]
fn members_that_exclude_each_other() {
    check(
        "steps:\n  - call: a.b\n    write: s\n    id: x",
        &["conflicting-keys @ write: `call` and `write` exclude each other in a step | keep `call` or `write`"],
    );
    check(
        "secrets: {a: {env: A, file: b}}",
        &["conflicting-keys @ file: `env` and `file` exclude each other in a secret | keep `env` or `file`"],
    );
    check(
        "secrets: {a: {optional: true}}",
        &["missing-field @ {optional: true}: a secret needs `env`, `file`, `command` or `keyring` | add one of them"],
    );
    check(
        "triggers: [{type: schedule, cron: '* * * * *', every: 5m}]",
        &[
            "conflicting-keys @ every: `cron` and `every` exclude each other in schedule trigger | keep `cron` or `every`",
        ],
    );
    check(
        "apis: {a: {paginate: {type: page, total: $.a, total_pages: $.b}}}",
        &[
            "conflicting-keys @ total_pages: `total` and `total_pages` exclude each other in page pagination | keep `total` or `total_pages`",
        ],
    );
}

#[test]
fn the_long_form_of_a_field() {
    check(
        "mappings: {m: {a: {from: $.a, to: $.b}}}",
        &[concat!(
            "unknown-field @ to: unknown field `to` in the long form of a field | ",
            "for an object with a member `from` write a template: `\"{{ {'from': …, 'to': …} }}\"`"
        )],
    );
    check(
        "mappings: {m: {a: {from: $.a, defualt: 1}}}",
        &[concat!(
            "unknown-field @ defualt: unknown field `defualt` in the long form of a field | did you mean `default`? ",
            "for an object with a member `from` write a template: `\"{{ {'from': …, 'defualt': …} }}\"`"
        )],
    );
    check(
        "mappings: {m: {a: {from: $.a, value: 1}}}",
        &[
            "conflicting-keys @ value: `from` and `value` exclude each other in the long form of a field | keep `from` or `value`",
        ],
    );
    check(
        "mappings: {m: {a: {each: $.a}}}",
        &["missing-field @ {each: $.a}: missing field `map` in a comprehension | add `map: …`"],
    );
}

#[test]
fn mistakes_inside_short_forms_have_their_places() {
    check(
        "apis: {a: {paginate: {type: link_header, max_page: 50}}}",
        &["unknown-field @ max_page: unknown field `max_page` in link_header pagination | did you mean `max_pages`?"],
    );
    check(
        "apis: {a: {auth: [{type: basic, username: a}, {type: baerer, token: b}]}}",
        &["unknown-variant @ baerer: unknown auth `baerer` | did you mean `bearer`?"],
    );
    check(
        "steps:\n  - call: {params: {a: 1}}\n    id: a\n  - read: {endpoint: a, limit: x}",
        &[
            "missing-field @ {params: {a: 1}}: missing field `endpoint` in a call | add `endpoint: …`",
            "invalid-value @ a: `a` does not name an endpoint | write `API.ENDPOINT`",
            "wrong-type @ x: a whole number is expected here, not a string | write a whole number, or a template that gives one",
        ],
    );
    check(
        "steps:\n  - switch:\n      - case: item.a\n        steps:\n          - {wait: 5 minutes}\n      - {fail: a}",
        &[
            "invalid-duration @ 5 minutes: `5 minutes` is not a duration | write a number and one of the units `ms`, `s`, `m`, `h`, `d`, `w`: `30s`",
            "missing-field @ {fail: a}: a case needs `case` or `default` | add one of them",
        ],
    );
}

#[test]
fn names_and_places() {
    check(
        "inputs: {a-b: {type: string}}",
        &[
            "invalid-name @ a-b: `a-b` is not a name | write `a_b`: letters, digits and underscores, not beginning with a digit",
        ],
    );
    check(
        "apis: {a: {paginate: {type: cursor, next: next_cursor, into: cursor}}}",
        &[
            "invalid-place @ next_cursor: `next_cursor` is not a place in an answer | write `$.next_cursor` for a member of the body, or `header.NAME`",
            "invalid-place @ cursor: `cursor` is not a place in a request | say where: `query.cursor`, `header.cursor` or `body.cursor`",
        ],
    );
    check(
        "steps:\n  - for_each: [a\n      ,b]\n    id: 1st",
        &[
            "invalid-name @ 1st: `1st` is not a name | write `_1st`: letters, digits and underscores, not beginning with a digit",
        ],
    );
}

#[test]
fn other_keys_are_allowed_at_the_top_only() {
    check("x-a: 1", &[]);
    check(
        "steps:\n  - call: {endpoint: a.b, x-a: 1}",
        &[
            "unknown-field @ x-a: unknown field `x-a` in a call | one of `endpoint`, `params`, `query`, `headers`, `body`, `until`, `every`, `timeout`",
        ],
    );
}

#[test]
fn versions() {
    assert_eq!(said("version: 2\n"), ["unsupported-version @ 2: version `2` is not supported | write `version: 1`"]);
    assert_eq!(
        said("version: \"1\"\n"),
        ["wrong-type @ \"1\": a string where the number 1 is expected | remove the quotes: `1`"]
    );
    assert_eq!(said("{}\n"), ["missing-field @ {}: missing field `version` in a spec | add `version: …`"]);
}

#[test]
fn what_other_tools_call_it() {
    let step = |field: &str, help: &str| {
        check(
            &format!("steps:\n  - call: a.b\n    {field}: x"),
            &[&format!("unknown-field @ {field}: unknown field `{field}` in a step | {help}")],
        );
    };
    for (there, here) in [
        ("name", "id"),
        ("if", "when"),
        ("filter", "where"),
        ("loop", "for_each"),
        ("do", "steps"),
        ("catch", "on_error"),
        ("transform", "map"),
    ] {
        step(there, &format!("did you mean `{here}`?"));
    }
    step("with", "write it within `call`, or `read`: `call: {endpoint: api.name, params: {…}}`");
    step("limit", "write it within `read`: `read: {endpoint: api.name, limit: …}`");
    step("inputs", "write it within `flow`: `flow: {spec: ./other.yaml, inputs: {…}}`");
    step("retry", "write it within `on_error`, `on_error: {retry: {…}}`, or in the endpoint for each of its requests");
    step("table", "write it within `write`: `write: {sink: …, table: …, mode: …}`");
    check(
        "apis: {a: {endpoints: {b: {request: GET /b, url: /b, retries: 3}}}}",
        &[
            "unknown-field @ url: unknown field `url` in an endpoint | write the method and the path in `request`: `request: GET /path`",
            "unknown-field @ retries: unknown field `retries` in an endpoint | did you mean `retry`?",
        ],
    );
    check(
        "sinks: {a: {type: csv, path: a, file: b}, d: {type: postgres, url: e, host: f}, g: {type: jsonl, file: h}}",
        &[
            "unknown-field @ file: unknown field `file` in csv sink | one of `path`, `compression`, `delimiter`, `header`",
            "unknown-field @ host: unknown field `host` in postgres sink | one of `url`, `schema`, `create`",
            "missing-field @ {type: jsonl, file: h}: missing field `path` in jsonl sink | add `path: …`",
            "unknown-field @ file: unknown field `file` in jsonl sink | did you mean `path`?",
        ],
    );
    check(
        "steps:\n  - write: {sink: a, primary_key: [b], on_conflict: c}",
        &[
            "unknown-field @ primary_key: unknown field `primary_key` in a write | did you mean `key`?",
            "unknown-field @ on_conflict: unknown field `on_conflict` in a write | did you mean `mode`?",
        ],
    );
    check(
        "env: {}\nvariables: {}\njobs: []\nsources: {}",
        &[
            "unknown-field @ env: unknown field `env` in a spec | write `{env: NAME}` in `inputs` or `secrets`",
            "unknown-field @ variables: unknown field `variables` in a spec | did you mean `vars`?",
            "unknown-field @ jobs: unknown field `jobs` in a spec | did you mean `steps`?",
            "unknown-field @ sources: unknown field `sources` in a spec | did you mean `apis`?",
        ],
    );
    check("triggers: [{type: cron}]", &["unknown-variant @ cron: unknown trigger `cron` | did you mean `schedule`?"]);
}
