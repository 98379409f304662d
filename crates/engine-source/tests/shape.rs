//! What is said about the shape of a document: every mistake, each at its place.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use engine_source::{AnyNode, Findings, Map, Scalar, Sources, Span, Spanned, Tree};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
#[serde(rename = "the spec", deny_unknown_fields)]
struct Spec {
    version: Spanned<u32>,
    name: Option<Spanned<String>>,
    #[serde(default)]
    apis: Map<Api>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(rename = "an API", deny_unknown_fields)]
struct Api {
    base_url: Spanned<String>,
    paginate: Option<Pagination>,
    #[serde(rename = "retry")]
    _retry: Option<bool>,
    body: Option<Body>,
    #[serde(default, rename = "query")]
    _query: Map<AnyNode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename = "@tag:type:pagination", rename_all = "snake_case")]
enum Pagination {
    LinkHeader(#[expect(dead_code, reason = "only its shape matters")] LinkHeader),
    Page { size: Option<Spanned<u32>> },
    None,
}

#[derive(Debug, Deserialize)]
#[serde(rename = "link_header pagination", deny_unknown_fields)]
struct LinkHeader {
    #[serde(rename = "rel")]
    _rel: Option<Spanned<String>>,
    #[serde(rename = "max_pages")]
    _max_pages: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename = "@key:body", rename_all = "snake_case")]
enum Body {
    Json(AnyNode),
    #[expect(dead_code, reason = "only its name matters")]
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(rename = "step", deny_unknown_fields)]
struct Step {
    #[serde(rename = "id")]
    _id: String,
    limit: Option<Scalar>,
    mode: Option<Mode>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename = "mode", rename_all = "snake_case")]
enum Mode {
    Append,
    Upsert,
}

fn read<T: DeserializeOwned>(text: &str) -> (Option<T>, String) {
    let mut sources = Sources::new();
    let id = sources.add("x.yaml", text);
    let mut findings = Findings::new();
    let tree = Tree::parse(&sources, id, &mut findings);
    let value = tree.and_then(|tree| tree.root.deserialize(&sources, &mut findings));
    findings.sort();
    let mut said = String::new();
    for finding in &findings {
        let place = sources.place(finding.span());
        let at = sources.text_of(finding.span());
        let help = finding.help.as_deref().unwrap_or("-");
        writeln!(said, "{place} {}: {} [{at}] {help}", finding.code, finding.message).unwrap();
    }
    (value, said)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let (_, said) = read::<Spec>(text);
    assert_eq!(said.trim(), expected.trim(), "\n{said}");
}

#[test]
fn reads_a_whole_document_with_places() {
    let text = "\
version: 1
name: x
apis:
  shop:
    base_url: http://x
    paginate: {type: page, size: 5}
    body: {json: {a: 1}}
  other: {base_url: 'y', paginate: {type: none}}
steps:
  - {id: a, limit: 19.90, mode: upsert}
x-note: [1]
";
    let (spec, said) = read::<Spec>(text);
    assert_eq!(said, "");
    let spec = spec.unwrap();
    let text_of = |span: Span| text.get(span.range()).unwrap();
    assert_eq!(text_of(spec.version.span), "1");
    assert_eq!(text_of(spec.name.unwrap().span), "x");
    let (key, api) = spec.apis.iter().next().unwrap();
    assert_eq!((&*key.value, text_of(key.span)), ("shop", "shop"));
    assert_eq!(text_of(api.base_url.span), "http://x");
    let Some(Pagination::Page { size: Some(size) }) = &api.paginate else { panic!("{:?}", api.paginate) };
    assert_eq!((size.value, text_of(size.span)), (5, "5"));
    let Some(Body::Json(json)) = &api.body else { panic!("{:?}", api.body) };
    assert_eq!(format!("{:?}", json.0), r#"{"a": 1}"#);
    assert_eq!(text_of(json.0.span()), "{a: 1}");
    let other = spec.apis.get("other").unwrap();
    assert!(matches!(other.paginate, Some(Pagination::None)));
    let step = spec.steps.first().unwrap();
    let limit = step.limit.clone().unwrap();
    assert_eq!((&*limit.text, text_of(limit.span)), ("19.90", "19.90"));
    assert_eq!(step.mode, Some(Mode::Upsert));
}

#[test]
fn says_every_mistake_of_a_document_once() {
    check(
        "\
version: one
nam: x
apis:
  a: {base_url: 12, retry: yes}
  b: {paginate: {type: link_headr}}
  c:
    base_url: http://c
    paginate: {type: link_header, max_page: 5, rel: [1]}
  d: {base_url: http://d, body: {json: 1, text: a}}
  e: {base_url: http://e, body: {jsn: 1}}
  f: {base_url: http://f, query: {flag: no, code: NO}}
  g: {base_url: http://g, paginate: {size: 5}}
  h: {base_url: http://h, paginate: {type: page, size: -1, sise: 2}}
steps:
  - {id: 7}
  - {limit: 5}
  - {id: a, mode: replace, limit: {a: 1}}
  - just text
",
        "
x.yaml:1:10 wrong-type: a string where a whole number from 0 on is expected [one] -
x.yaml:2:1 unknown-field: unknown field `nam` in the spec [nam] did you mean `name`?
x.yaml:4:17 wrong-type: a number where a string is expected [12] quote it: `\"12\"`
x.yaml:4:28 wrong-type: a string where a boolean is expected [yes] write `true` or `false`
x.yaml:5:6 missing-field: missing field `base_url` in an API [{paginate: {type: link_headr}}] add `base_url: …`
x.yaml:5:24 unknown-variant: unknown pagination `link_headr` [link_headr] did you mean `link_header`?
x.yaml:8:35 unknown-field: unknown field `max_page` in link_header pagination [max_page] did you mean `max_pages`?
x.yaml:8:53 wrong-type: a list where a string is expected [[1]] write one text
x.yaml:9:43 conflicting-keys: `json` and `text` exclude each other in body [text] keep `json` or `text`
x.yaml:10:34 unknown-field: unknown field `jsn` in body [jsn] did you mean `json`?
x.yaml:11:41 yaml11-boolean: `no` is a string, not a boolean [no] write `false`, or `\"no\"` if the word is meant
x.yaml:12:37 missing-field: missing field `type` in pagination [{size: 5}] add `type: …`, one of `link_header`, `page`, `none`
x.yaml:13:56 wrong-type: `-1` where a whole number from 0 on is expected [-1] -
x.yaml:13:60 unknown-field: unknown field `sise` in page pagination [sise] only `size` is known here
x.yaml:15:10 wrong-type: a number where a string is expected [7] quote it: `\"7\"`
x.yaml:16:5 missing-field: missing field `id` in step [{limit: 5}] add `id: …`
x.yaml:17:19 unknown-variant: unknown mode `replace` [replace] one of `append`, `upsert`
x.yaml:17:35 wrong-type: an object where a single value is expected [{a: 1}] write one value, in quotes if it has brackets
x.yaml:18:5 wrong-type: a string where step is expected, which is an object [just text] its fields are `id`, `limit`, `mode`
",
    );
}

#[test]
fn keeps_what_is_left_without_the_wrong_parts() {
    let text = "version: 1\napis:\n  a: {base_url: 1}\n  b: {base_url: x, retry: 3}\nsteps: [{id: 1}, {id: b}]\n";
    let (spec, said) = read::<Spec>(text);
    assert_eq!(said.lines().count(), 3, "{said}");
    let spec = spec.unwrap();
    assert_eq!(spec.apis.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(spec.steps.len(), 1);
}

#[test]
fn is_silent_below_what_failed_before() {
    check(
        "version: {{ x }}\nname: a\n",
        "x.yaml:1:10 unquoted-template: a value that starts with a template must be quoted [{{ x }}] quote it: `\"{{ x }}\"`",
    );
}

#[test]
fn points_at_the_key_of_an_empty_value() {
    check(
        "version: 1\nname: x\napis:\n",
        "x.yaml:3:1 wrong-type: nothing where an object is expected [apis] write `name: value` for each member",
    );
}

#[test]
fn allows_extensions_at_the_top_only() {
    check(
        "version: 1\nx-a: {}\napis: {a: {base_url: b, x-b: 1}}\n",
        "x.yaml:3:25 unknown-field: unknown field `x-b` in an API [x-b] one of `base_url`, `paginate`, `retry`, `body`, `query`",
    );
}

#[test]
fn says_every_one_of_many_mistakes() {
    let mut text = "version: 1\nsteps:\n".to_owned();
    for index in 0..300 {
        writeln!(text, "  - {{id: {index}}}").unwrap();
    }
    let (_, said) = read::<Spec>(&text);
    assert_eq!(said.lines().count(), 300);
}

#[derive(Debug, PartialEq)]
struct Period(u64);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Arc<str>>::deserialize(deserializer)?;
        let number = text.strip_suffix('s').and_then(|digits| digits.parse().ok());
        let said = || format!("[invalid-duration] `{text}` is not a duration\nhelp: write a number and a unit: `5m`");
        number.map(Self).ok_or_else(|| D::Error::custom(said()))
    }
}

/// A boolean, or a template that gives one.
#[derive(Debug)]
struct Flag;

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        match &*scalar.text {
            "true" | "false" => Ok(Self),
            _ => Err(D::Error::custom("[wrong-type] a string where a boolean is expected\nlabel: expected a boolean")),
        }
    }
}

#[test]
fn says_one_thing_about_a_word_that_was_a_boolean() {
    let (flags, said) = read::<Vec<Flag>>("[yes, true]");
    assert_eq!(said, "x.yaml:1:2 wrong-type: a string where a boolean is expected [yes] -\n");
    assert_eq!(flags.map(|flags| flags.len()), Some(1));
    let (_, said) = read::<Vec<Scalar>>("[Yes, 'no', NO, note, {a: 1}]");
    assert_eq!(
        said,
        "x.yaml:1:2 yaml11-boolean: `Yes` is a string, not a boolean [Yes] write `true`, or `\"Yes\"` if the word is meant\n\
         x.yaml:1:23 wrong-type: an object where a single value is expected [{a: 1}] write one value, in quotes if it has brackets\n"
    );
}

#[test]
fn takes_code_and_help_from_a_type() {
    #[derive(Debug, Deserialize)]
    struct Retry {
        wait: Spanned<Period>,
        #[serde(rename = "each")]
        _each: Map<Period>,
    }
    let (value, said) = read::<Retry>("wait: 5 minutes\neach: {a: 5s, b: x}\n");
    assert!(value.is_none());
    assert_eq!(
        said,
        "x.yaml:1:7 invalid-duration: `5 minutes` is not a duration [5 minutes] write a number and a unit: `5m`\n\
         x.yaml:2:18 invalid-duration: `x` is not a duration [x] write a number and a unit: `5m`\n"
    );
    let (value, _) = read::<Retry>("wait: 5s\neach: {}\n");
    assert_eq!(value.unwrap().wait.value, Period(5));
}

#[derive(Deserialize, PartialEq, Eq)]
struct Name(Spanned<String>);

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.value.cmp(&other.0.value)
    }
}

#[test]
fn knows_the_places_of_keys() {
    let (value, said) = read::<BTreeMap<Name, u8>>("a: 1\n'b c': 2\n");
    assert_eq!(said, "");
    let keys: Vec<_> = value.unwrap().into_keys().map(|key| (key.0.value.clone(), key.0.span.range())).collect();
    assert_eq!(keys, [("a".to_owned(), 0..1), ("b c".to_owned(), 5..10)]);
}

#[test]
fn reads_other_formats_too() {
    #[derive(Debug, Deserialize)]
    struct Loose {
        a: Spanned<u8>,
        b: Map<Spanned<String>>,
        c: Scalar,
        d: AnyNode,
    }
    let text = r#"{"a": 1, "b": {"x": "y"}, "c": 1.5, "d": [null, {"k": true}]}"#;
    let loose: Loose = serde_json::from_str(text).unwrap();
    assert_eq!((loose.a.value, &*loose.b.get("x").unwrap().value, &*loose.c.text), (1, "y", "1.5"));
    assert_eq!(format!("{:?}", loose.d.0), r#"[null, {"k": true}]"#);
    assert_eq!(serde_json::to_string(&loose.d).unwrap(), r#"[null,{"k":true}]"#);
}
