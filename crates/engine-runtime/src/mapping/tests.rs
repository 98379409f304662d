//! What mappings make of records.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, OnceLock};

use engine_expr::{Host, Scanner, Scope, Secret, Start, Value};
use engine_source::{Findings, Sources, Tree};
use engine_spec::Mapping;

use super::{Mapper, Mappers, Scratch, StepRecords};
use crate::fields::{FieldPage, Fields};
use crate::item::{Item, Json, Located, Origin};

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

fn read(mapping: &str) -> Mapping {
    let mut sources = Sources::default();
    let id = sources.add("mapping.yaml", mapping);
    let mut findings = Findings::default();
    let tree = Tree::parse(&sources, id, &mut findings).unwrap();
    let mapping: Mapping = engine_spec::read(&tree.root, &mut findings).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    mapping
}

fn map(mapping: &str, record: &str) -> Result<String, String> {
    let mapper = Mapper::new(&read(mapping), &Fixed);
    let object = |json: &str| Value::from_json(json).unwrap();
    let secrets = Value::object([("token", Value::Secret(Secret::new("t0k")))]);
    // The vars of the run, and over them those of the step.
    let base = Scope::new(Arc::new(Fixed))
        .with("inputs", object(r#"{"region": "EU"}"#))
        .with("secrets", secrets.clone())
        .with("vars", Value::object([("names", object(r#"{"7": "seven"}"#)), ("auth", secrets)]))
        .with("vars", object(r#"{"names": {"7": "of the step"}, "own": {"7": "x"}, "n": 3}"#));
    let above = |json: &str, parent: Option<Item>| {
        Item::new(Json::copy(json), parent.map(Arc::new), Arc::new(Origin::default()), 1)
    };
    let record = Value::from_json(record).map_or_else(|_| record.to_owned(), |value| value.to_json());
    let item = above(&record, Some(above(r#"{"id": "p"}"#, Some(above(r#"{"id": "pp"}"#, None)))));
    let mut scratch = Scratch::default();
    // Twice, since what is used again must not remember the first record.
    let first = mapped(&mapper, &item, &base, &mut scratch);
    assert_eq!(first, mapped(&mapper, &item, &base, &mut scratch));
    if let Some(fields) = members_of(&record) {
        let located = Item { located: Located::Members(fields), ..item };
        assert_eq!(first, mapped(&mapper, &located, &base, &mut scratch), "members that are known to be somewhere");
    }
    first
}

fn mapped(mapper: &Mapper, item: &Item, base: &Scope, scratch: &mut Scratch) -> Result<String, String> {
    let (mut out, mut values) = (Vec::new(), Vec::new());
    let kept = mapper.names().map(|_| &mut values);
    mapper.map(item, base, scratch, &mut out, kept).map_err(|failure| failure.message)?;
    let text = String::from_utf8(out).unwrap();
    if let Some(names) = mapper.names() {
        let page = FieldPage {
            names: Arc::clone(names),
            text: text.as_str().into(),
            objects: std::iter::once(0..text.len()).collect(),
            values,
        };
        let object = Value::from_json(&text).unwrap();
        let expected: Vec<(&str, &Value)> =
            object.as_object().unwrap().iter().map(|(name, value)| (&**name, value)).collect();
        let fields = page.into_objects().next().unwrap();
        let told: Vec<(&str, Value)> =
            fields.members().map(|(name, value)| (name, Value::from_json(value).unwrap())).collect();
        let told: Vec<(&str, &Value)> = told.iter().map(|(name, value)| (*name, value)).collect();
        assert_eq!(told, expected, "where the values are");
    }
    Ok(text)
}

/// Tells where the members of a record are; nothing where it is no object, or has a name twice.
fn members_of(record: &str) -> Option<Fields> {
    let mut scanner = Scanner::new(record);
    let (mut names, mut values) = (Vec::<Arc<str>>::new(), Vec::new());
    if scanner.start() != Ok(Start::Object) {
        return None;
    }
    let members = scanner.object(|scanner, name| {
        scanner.start()?;
        let begin = scanner.at();
        scanner.skip()?;
        names.push(name.into());
        values.push(begin..scanner.at());
        Ok(())
    });
    members.ok()?;
    if names.iter().enumerate().any(|(at, name)| names.iter().take(at).any(|known| known == name)) {
        return None;
    }
    let objects = std::iter::once(0..record.len()).collect();
    FieldPage { names: names.into(), text: record.into(), objects, values }.into_objects().next()
}

fn check(mapping: &str, record: &str, expected: Result<&str, &str>) {
    assert_eq!(map(mapping, record).as_deref().map_err(String::as_str), expected, "{mapping}");
}

const ORDER: &str = r##"{"id": 7, "name": "#1", "price": 19.90, "big": 123456789012345678901234567890.12, "note": null,
    "customer": {"id": 7, "mail": "A@X.de"}, "lines": [{"sku": "a", "qty": 2, "ok": true}, {"sku": "b", "qty": 1, "ok": false}]}"##;

#[test]
fn takes_values_as_they_are() {
    check("a: 1\nb: x\nc: [1, {d: null}]", ORDER, Ok(r#"{"a":1,"b":"x","c":[1,{"d":null}]}"#));
    check(
        "p: $.price\nb: $.big\nc: $.customer",
        ORDER,
        Ok(r#"{"p":19.90,"b":123456789012345678901234567890.12,"c":{"id":7,"mail":"A@X.de"}}"#),
    );
    check("a: $.missing\nb: $.note\nc: $.lines[1].sku\nd: $.lines[-1].sku", ORDER, Ok(r#"{"b":null,"c":"b","d":"b"}"#));
    check("skus: $.lines[*].sku\nall: [$.id, $.missing]", ORDER, Ok(r#"{"skus":["a","b"],"all":[7,null]}"#));
    check(
        "m: \"{{ item.customer.mail | lower }}\"\nt: \"{{ item.name }} {{ inputs.region }}\"",
        ORDER,
        Ok(r##"{"m":"a@x.de","t":"#1 EU"}"##),
    );
    check("sum: \"{{ item.price * 3 }}\"", ORDER, Ok(r#"{"sum":59.70}"#));
    check("n: {m: $.id, o: {p: $.missing}}", ORDER, Ok(r#"{"n":{"m":7,"o":{}}}"#));
    check("literal: {value: \"$5\"}", ORDER, Ok(r#"{"literal":"$5"}"#));
}

#[test]
fn brings_values_to_their_types() {
    check("p: {from: $.price, type: string}\nq: {from: $.id, type: string}", ORDER, Ok(r#"{"p":"19.90","q":"7"}"#));
    check(
        "p: {from: $.customer.mail, type: integer}",
        ORDER,
        Err("field `p`: `$.customer.mail` is \"A@X.de\", not a whole number"),
    );
    check("p: {from: \"{{ item.price * 2 }}\", type: decimal}", ORDER, Ok(r#"{"p":39.80}"#));
}

#[test]
fn fills_in_what_is_missing() {
    check(
        "c: {from: $.currency, default: EUR}\nn: {from: $.note, default: $.name}",
        ORDER,
        Ok(r##"{"c":"EUR","n":"#1"}"##),
    );
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

#[test]
fn keeps_all_digits_of_whole_numbers() {
    let record = r#"{"n": 123456789012345678901234567890123, "t": "123456789012345678901234567890123"}"#;
    check(
        "n: {from: $.n, type: integer}\nt: {from: $.t, type: integer}\ne: \"{{ item.n == item.t | decimal }}\"",
        record,
        Err("field `e`: `decimal` cannot hold 123456789012345678901234567890123: it has more than 28 digits"),
    );
    check(
        "n: {from: $.n, type: integer}\nt: {from: $.t, type: integer}\ne: \"{{ item.n > 7 }}\"",
        record,
        Ok(r#"{"n":123456789012345678901234567890123,"t":123456789012345678901234567890123,"e":true}"#),
    );
}

#[test]
fn brings_defaults_to_their_types() {
    check(
        "a: {from: $.none, type: string, default: 5}\nb: {from: $.note, type: integer, default: \"7\"}",
        ORDER,
        Ok(r#"{"a":"5","b":7}"#),
    );
    check("a: {from: $.none, type: date, default: \"2025-03-01T10:00:00Z\"}", ORDER, Ok(r#"{"a":"2025-03-01"}"#));
    check(
        "a: {from: $.none, type: integer, default: many}",
        ORDER,
        Err("field `a`: `default` is \"many\", not a whole number"),
    );
    check(
        "a: {from: $.none, type: integer, default: null}\nb: {from: $.none, default: $.none}",
        ORDER,
        Ok(r#"{"a":null}"#),
    );
    check(
        "a: {from: $.none, required: true, default: $.other}",
        ORDER,
        Err("field `a` is required, but `$.none` is missing"),
    );
    check(
        "a: {from: $.note, required: true, default: $.other}",
        ORDER,
        Err("field `a` is required, but `$.note` is null"),
    );
}

#[test]
fn refuses_two_elements_of_one_key() {
    let record = r#"{"l": [{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}]}"#;
    check("l: {each: $.l, key: \"{{ item.k }}\", map: $.v}", record, Err("field `l`: two elements have the key `a`"));
    check("l: {each: $.l, key: \"{{ item.k }}\", when: item.v < 3, map: $.v}", record, Ok(r#"{"l":{"a":1,"b":2}}"#));
}

#[test]
fn knows_what_is_above_an_element() {
    let record = r#"{"id": "r", "parent": "own", "l": [{"id": "a", "l": [{"id": 1}, {"id": 2, "parent": 9}]}, {"id": "b", "l": [{"id": 3}]}]}"#;
    check(
        "l: {each: $.l, map: {each: $.l, map: \"{{ item.id }}{{ parent.id }}{{ parent.parent.id }}{{ parent.parent.parent.id }}\"}}",
        record,
        Ok(r#"{"l":[["1arp","2arp"],["3brp"]]}"#),
    );
    check(
        "l: {each: $.l, map: {each: $.l, map: \"{{ parent.parent.parent.parent.id }}\"}}",
        record,
        Ok(r#"{"l":[["pp","pp"],["pp"]]}"#),
    );
    check("a: \"{{ parent.parent.id }}\"\nb: \"{{ parent }}\"", record, Ok(r#"{"a":"pp","b":{"id":"p"}}"#));
    check("l: {each: $.l, map: \"{{ parent.parent }}\"}", record, Ok(r#"{"l":[{"id":"p"},{"id":"p"}]}"#));
    check("l: {each: $.l, map: \"{{ item.nme }}\"}", record, Err("field `l`: `item` has no member `nme`"));
}

#[test]
fn many_elements_that_name_their_parent_are_mapped_in_no_time() {
    // To read the record again for each element would take minutes.
    let lines: Vec<String> = (0..20_000).map(|line| format!(r#"{{"n": {line}}}"#)).collect();
    let record = format!(r#"{{"id": 7, "lines": [{}]}}"#, lines.join(","));
    let mapped = map("l: {each: $.lines, map: \"{{ parent.id }}{{ original.id }}{{ item.n }}\"}", &record).unwrap();
    assert!(mapped.ends_with(r#""7719999"]}"#));
}

#[test]
fn a_lookup_is_loaded_once() {
    check("u: {from: $.id, lookup: {in: \"{{ vars.names }}\"}}", ORDER, Ok(r#"{"u":"seven"}"#));
    check("u: {from: $.id, lookup: {in: \"{{ {'7': inputs.region} }}\"}}", ORDER, Ok(r#"{"u":"EU"}"#));
    check(
        "u: {from: $.id, lookup: {in: \"{{ item.customer }}\"}}",
        ORDER,
        Err("field `u`: a lookup is loaded once, it cannot depend on `item`"),
    );
    check(
        "u: {from: $.id, lookup: {in: \"{{ secrets }}\"}}",
        ORDER,
        Err("field `u`: a lookup is loaded once, it cannot depend on `secrets`"),
    );
    check(
        "u: {from: $.id, lookup: {in: $.customer}}",
        ORDER,
        Err("field `u`: a lookup is loaded once, it cannot depend on the record: `$.customer`"),
    );
    check("u: {from: $.id, lookup: {in: \"{{ vars.own }}\"}}", ORDER, Err("field `u`: the lookup is missing"));
}

#[test]
fn puts_no_secret_into_a_record() {
    check("t: \"Bearer {{ secrets.token }}\"", ORDER, Err("field `t`: a secret cannot be put into a record"));
    check(
        "t: {each: $.lines, key: \"{{ secrets.token }}{{ item.sku }}\", map: 1}",
        ORDER,
        Err("field `t`: a secret cannot be put into a record"),
    );
    check(
        "t: {from: $.name, lookup: {in: \"{{ vars.auth }}\", default: x}}",
        ORDER,
        Err("field `t`: a secret cannot be put into a record"),
    );
    check("t: {each: $.lines, key: \"{{ item }}\", map: 1}", ORDER, Err("field `t`: a key is a text, not an object"));
    check("t: {from: \"{{ [secrets] }}\", default: x}", ORDER, Err("field `t`: a secret cannot be put into a record"));
}

#[test]
fn what_is_nested_too_deep_is_no_null() {
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let record = format!(r#"{{"id": 7, "d": {deep}}}"#);
    let nested = format!("\"*\": $\nd: {}$.d{}", "[".repeat(20), "]".repeat(20));
    let refused = "the record cannot be read: the JSON is nested deeper than 128 levels at byte 128";
    check(&nested, &record, Err(refused));
    check("\"*\": $", &record, Ok(&format!(r#"{{"id":7,"d":{deep}}}"#)));
    let deeper = format!(r#"{{"id": 7, "d": {}1{}}}"#, "[".repeat(200), "]".repeat(200));
    for mapping in ["a: $.id", "a: \"{{ item.id }}\"", "a: $.d[*]", "a: 1\nb: \"{{ parent.id }}{{ item }}\""] {
        assert_eq!(
            map(mapping, &deeper).unwrap_err().split(" at byte").next(),
            refused.split(" at byte").next(),
            "{mapping}"
        );
    }
}

/// The records of a step, or none.
struct Users(Option<Arc<OnceLock<Value>>>);

impl StepRecords for Users {
    fn records(&self, _: &str) -> Option<Arc<OnceLock<Value>>> {
        self.0.clone()
    }
}

#[test]
fn a_mapping_is_compiled_once_for_as_long_as_what_it_looks_up_stays() {
    let of = |mapping: &str| Arc::new(read(mapping));
    let (users, others) = (Users(Some(Arc::default())), Users(Some(Arc::default())));
    let run = Mappers::default();
    let within = run.within();
    // Whether it is the same for another item, for one for which the step has other records, and for another run of the flow.
    for (mapping, expected) in [
        ("{id: $.id, both: '{{ item.a }} {{ item.b }}'}", [true, true, true]),
        ("{name: {from: $.id, lookup: {in: {a: one}}}}", [true, true, true]),
        ("{name: {from: $.id, lookup: {in: '{{ inputs.names }}'}}}", [true, true, false]),
        ("{name: {from: $.id, lookup: {in: {a: '{{ vars.one }}'}}}}", [true, true, false]),
        ("{all: {each: $.ids, map: {from: $, lookup: {in: '{{ inputs.names }}'}}}}", [true, true, false]),
        ("{name: {from: $.id, lookup: {in: steps.users, key: $.id, value: $.name}}}", [true, false, false]),
        ("{name: {from: $.id, lookup: {in: '{{ steps.rates.item.rates }}'}}}", [false, false, false]),
    ] {
        let mapping = of(mapping);
        let first = run.of_records(&mapping, &users);
        let again =
            [run.of_records(&mapping, &users), run.of_records(&mapping, &others), within.of_records(&mapping, &users)];
        assert_eq!(again.map(|mapper| Arc::ptr_eq(&first, &mapper)), expected, "{mapping:?}");
        assert!(!Arc::ptr_eq(&first, &run.of_answers(&mapping, &users)), "{mapping:?}");
    }
    let none = Users(None);
    let mapping = of("{name: {from: $.id, lookup: {in: steps.users, key: $.id}}}");
    assert!(!Arc::ptr_eq(&run.of_records(&mapping, &none), &run.of_records(&mapping, &none)));
}
