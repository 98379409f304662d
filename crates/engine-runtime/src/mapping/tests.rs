//! What mappings make of records.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, OnceLock};

use engine_expr::{Host, Scope, Value};
use engine_source::{Findings, Sources, Tree};
use engine_spec::Mapping;

use super::{Mapper, Scratch, StepRecords};
use crate::item::{Item, Json, Origin};

struct Fixed;

impl Host for Fixed {
    fn now(&self) -> jiff::Timestamp {
        "2025-03-01T10:00:00Z".parse().unwrap()
    }

    fn random(&self) -> u64 {
        7
    }
}

impl StepRecords for Fixed {
    fn records(&self, step: &str) -> Option<Arc<OnceLock<Value>>> {
        let users = Value::from_json(r#"[{"id": 7, "name": "Ada"}, {"id": 8, "name": "Bob"}]"#).unwrap();
        (step == "users").then(|| Arc::new(OnceLock::from(users)))
    }
}

fn map(mapping: &str, record: &str) -> Result<String, String> {
    let mut sources = Sources::default();
    let id = sources.add("mapping.yaml", mapping);
    let mut findings = Findings::default();
    let tree = Tree::parse(&sources, id, &mut findings).unwrap();
    let mapping: Mapping = engine_spec::read(&tree.root, &mut findings).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let mapper = Mapper::new(&mapping, &Fixed);
    let base = Scope::new(Arc::new(Fixed)).with("inputs", Value::from_json(r#"{"region": "EU"}"#).unwrap());
    let item = Item::new(Json::of(&Value::from_json(record).unwrap()), None, Arc::new(Origin::default()), 1);
    let mut out = Vec::new();
    let mut scratch = Scratch::default();
    // Twice, since what is used again must not remember the first record.
    mapper.map(&item, &base, &mut scratch, &mut out).map_err(|failure| failure.message)?;
    let first = String::from_utf8(std::mem::take(&mut out)).unwrap();
    mapper.map(&item, &base, &mut scratch, &mut out).map_err(|failure| failure.message)?;
    assert_eq!(first, String::from_utf8(out).unwrap());
    Ok(first)
}

fn check(mapping: &str, record: &str, expected: Result<&str, &str>) {
    assert_eq!(map(mapping, record).as_deref().map_err(String::as_str), expected, "{mapping}");
}

const ORDER: &str = r##"{"id": 7, "name": "#1", "price": 19.90, "big": 123456789012345678901234567890.12, "note": null,
    "customer": {"id": 7, "mail": "A@X.de"}, "lines": [{"sku": "a", "qty": 2, "ok": true}, {"sku": "b", "qty": 1, "ok": false}]}"##;

#[test]
fn takes_values_as_they_are() {
    check("a: 1\nb: x\nc: [1, {d: null}]", ORDER, Ok(r#"{"a":1,"b":"x","c":[1,{"d":null}]}"#));
    check("p: $.price\nb: $.big\nc: $.customer", ORDER, Ok(r#"{"p":19.90,"b":123456789012345678901234567890.12,"c":{"id":7,"mail":"A@X.de"}}"#));
    check("a: $.missing\nb: $.note\nc: $.lines[1].sku\nd: $.lines[-1].sku", ORDER, Ok(r#"{"b":null,"c":"b","d":"b"}"#));
    check("skus: $.lines[*].sku\nall: [$.id, $.missing]", ORDER, Ok(r#"{"skus":["a","b"],"all":[7,null]}"#));
    check("m: \"{{ item.customer.mail | lower }}\"\nt: \"{{ item.name }} {{ inputs.region }}\"", ORDER, Ok(r##"{"m":"a@x.de","t":"#1 EU"}"##));
    check("sum: \"{{ item.price * 3 }}\"", ORDER, Ok(r#"{"sum":59.70}"#));
    check("n: {m: $.id, o: {p: $.missing}}", ORDER, Ok(r#"{"n":{"m":7,"o":{}}}"#));
    check("literal: {value: \"$5\"}", ORDER, Ok(r#"{"literal":"$5"}"#));
}

#[test]
fn brings_values_to_their_types() {
    check("p: {from: $.price, type: string}\nq: {from: $.id, type: string}", ORDER, Ok(r#"{"p":"19.90","q":"7"}"#));
    check("p: {from: $.customer.mail, type: integer}", ORDER, Err("field `p`: `$.customer.mail` is \"A@X.de\", not a whole number"));
    check("p: {from: \"{{ item.price * 2 }}\", type: decimal}", ORDER, Ok(r#"{"p":39.80}"#));
}

#[test]
fn fills_in_what_is_missing() {
    check("c: {from: $.currency, default: EUR}\nn: {from: $.note, default: $.name}", ORDER, Ok(r##"{"c":"EUR","n":"#1"}"##));
    check("c: {from: $.currency, required: true}", ORDER, Err("field `c` is required, but `$.currency` is missing"));
    check("c: {from: $.note, required: true}", ORDER, Err("field `c` is required, but `$.note` is null"));
    check("a: {from: $.id, when: item.price > 20}\nb: {from: $.id, when: item.price < 20}", ORDER, Ok(r#"{"b":7}"#));
    check("x: \"{{ item.nme }}\"", ORDER, Err("field `x`: `item` has no member `nme`"));
}

#[test]
fn goes_over_lists() {
    check(
        "l: {each: $.lines, map: {s: $.sku, q: {from: $.qty, type: string}, o: \"{{ parent.name }}\"}}",
        ORDER,
        Ok(r##"{"l":[{"s":"a","q":"2","o":"#1"},{"s":"b","q":"1","o":"#1"}]}"##),
    );
    check("l: {each: $.lines, when: item.ok, map: $.sku}", ORDER, Ok(r#"{"l":["a"]}"#));
    check("l: {each: $.lines, key: \"{{ item.sku }}\", map: $.qty}", ORDER, Ok(r#"{"l":{"a":2,"b":1}}"#));
    check("l: {each: $.missing, map: $.sku}", ORDER, Ok(r#"{"l":[]}"#));
    check("l: {each: $.customer, map: $.sku}", ORDER, Err("field `l`: `each` takes a list, not an object"));
}

#[test]
fn spreads_objects_below_its_own_fields() {
    check("\"*\": $.customer\nid: $.name", ORDER, Ok(r##"{"id":"#1","mail":"A@X.de"}"##));
    check("\"*\": \"{{ item.customer | omit('mail') }}\"\nx: 1", ORDER, Ok(r#"{"id":7,"x":1}"#));
    check("\"*\": $.price", ORDER, Err("`*` takes an object or a list of them, not a number"));
}

#[test]
fn looks_values_up() {
    check("u: {from: $.id, lookup: {in: steps.users, key: $.id, value: $.name}}", ORDER, Ok(r#"{"u":"Ada"}"#));
    check("u: {from: $.name, lookup: {in: {\"#1\": one}}}", ORDER, Ok(r#"{"u":"one"}"#));
    check("u: {from: $.name, lookup: {in: {}, default: none}}", ORDER, Ok(r#"{"u":"none"}"#));
    check("u: {from: $.name, lookup: {in: {}}}", ORDER, Err("field `u`: the lookup has nothing for `#1`"));
}
