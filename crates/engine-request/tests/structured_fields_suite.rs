//! The published suite of structured fields (RFC 9651) against the parser that reads `RateLimit`: every case of parsing.

#![expect(clippy::disallowed_methods, reason = "a test reads where its suite is from the environment")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use serde_json::{Value, json};
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parameters, Parser};

/// How many cases the suite has.
const CASES: usize = 235;

#[test]
#[expect(clippy::print_stderr, reason = "a skipped suite must be seen")]
fn passes_the_whole_suite() {
    let folder = std::env::var_os("ENGINE_SUITES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/suites")), PathBuf::from)
        .join("structured-fields");
    let Ok(files) = std::fs::read_dir(&folder) else {
        assert!(std::env::var_os("CI").is_none(), "in CI the suite must be there: {}", folder.display());
        eprintln!("skipped: the suite of structured fields is not at {}", folder.display());
        return;
    };
    let mut count = 0;
    let mut failed = Vec::new();
    for file in files.map(|file| file.unwrap().path()).filter(|file| file.extension().is_some_and(|it| it == "json")) {
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        count += cases.len();
        failed.extend(cases.iter().filter_map(|case| check(case).err()));
    }
    assert!(failed.is_empty(), "{} of {count} fail:\n{}", failed.len(), failed.join("\n"));
    assert_eq!(count, CASES);
}

fn check(case: &Value) -> Result<(), String> {
    let lines = case["raw"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    let field = lines.collect::<Vec<_>>().join(", ");
    let parser = Parser::new(&field);
    let found = match case["header_type"].as_str().unwrap() {
        "item" => parser.parse::<Item>().map(|item| shown_item(&item)),
        "list" => parser.parse::<List>().map(|list| list.iter().map(shown).collect()),
        "dictionary" => parser
            .parse::<Dictionary>()
            .map(|members| members.iter().map(|(name, member)| json!([name.as_str(), shown(member)])).collect()),
        other => panic!("{other}"),
    };
    let fits = match &found {
        Err(_) => case["must_fail"] == true || case["can_fail"] == true,
        Ok(found) => case["must_fail"] != true && same(found, &case["expected"]),
    };
    if fits { Ok(()) } else { Err(format!("{}: `{field}`: {found:?}, not {}", case["name"], case["expected"])) }
}

/// Compares as the suite does: a number is a number, whole or not.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(found), Value::Number(expected)) => found.as_f64() == expected.as_f64(),
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| same(found, expected))
        }
        _ => found == expected,
    }
}

fn shown(entry: &ListEntry) -> Value {
    match entry {
        ListEntry::Item(item) => shown_item(item),
        ListEntry::InnerList(list) => {
            json!([list.items.iter().map(shown_item).collect::<Vec<_>>(), shown_params(&list.params)])
        }
    }
}

fn shown_item(item: &Item) -> Value {
    json!([shown_bare(&item.bare_item), shown_params(&item.params)])
}

fn shown_params(params: &Parameters) -> Value {
    params.iter().map(|(name, value)| json!([name.as_str(), shown_bare(value)])).collect()
}

fn shown_bare(value: &BareItem) -> Value {
    match value {
        BareItem::Integer(number) => json!(i64::from(*number)),
        BareItem::Decimal(number) => json!(f64::from(*number)),
        BareItem::String(text) => json!(text.as_str()),
        BareItem::Boolean(truth) => json!(truth),
        BareItem::Token(text) => json!({"__type": "token", "value": text.as_str()}),
        BareItem::ByteSequence(bytes) => json!({"__type": "binary", "value": base32(bytes)}),
        BareItem::Date(date) => json!({"__type": "date", "value": i64::from(date.unix_seconds())}),
        BareItem::DisplayString(text) => json!({"__type": "displaystring", "value": text}),
    }
}

/// Writes bytes as the suite does (RFC 4648 §6).
fn base32(bytes: &[u8]) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('2'..='7').collect();
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut group = [0_u8; 5];
        group[..chunk.len()].copy_from_slice(chunk);
        let number = group.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let digits = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let digit = usize::try_from((number >> (35 - 5 * place)) & 31).unwrap();
            out.push(if place < digits { letters[digit] } else { '=' });
        }
    }
    out
}
