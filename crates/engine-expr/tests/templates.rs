//! What templates and conditions mean.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use engine_expr::{Condition, Host, Scope, Template, Value};
use engine_source::Span;
use jiff::Timestamp;

struct Fixed;

impl Host for Fixed {
    fn now(&self) -> Timestamp {
        "2025-03-01T10:00:00Z".parse().unwrap()
    }

    fn random(&self) -> u64 {
        7
    }
}

fn scope() -> Scope {
    let item = r#"{"id": 7, "name": "Ada", "price": 19.90, "qty": 3, "empty": null, "tags": ["a", "b"], "paid": true,
        "address": {"city": "Köln"}, "zip": "00501", "at": "2025-01-31T08:00:00+01:00", "rate": 1.1}"#;
    Scope::new(Arc::new(Fixed))
        .with("item", Value::from_json(item).unwrap())
        .with("inputs", Value::from_json(r#"{"since": "2025-01-01"}"#).unwrap())
        .with("secrets", Value::object([("key", Value::Secret(engine_expr::Secret::new("s3cret")))]))
}

fn render(text: &str) -> Result<String, String> {
    let template = Template::new(text, Span::default());
    if let Some(problem) = template.problems().first() {
        return Err(format!("{}: {}", problem.code, problem.message));
    }
    template.render(&scope()).map(|value| value.to_json()).map_err(|error| error.message)
}

#[test]
fn one_expression_keeps_its_type() {
    for (text, expected) in [
        ("{{ item.id }}", "7"),
        ("{{ item.paid }}", "true"),
        ("{{ item.empty }}", "null"),
        ("{{ item.tags }}", r#"["a","b"]"#),
        ("{{ item.address }}", r#"{"city":"Köln"}"#),
        ("{{ item.price }}", "19.90"),
        ("{{ item.zip }}", r#""00501""#),
        ("\n{{ item.id }}\n", "7"),
        ("n {{ item.id }}", r#""n 7""#),
        ("{{ item.id }}{{ item.id }}", r#""77""#),
        ("{% if item.paid %}yes{% else %}no{% endif %}", r#""yes""#),
        ("{% for tag in item.tags %}{{ tag }}{% if not loop.last %}-{% endif %}{% endfor %}", r#""a-b""#),
        ("{{ {'a': item.id, 'b': [1, 2.50]} }}", r#"{"a":7,"b":[1,2.5]}"#),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn arithmetic_is_exact() {
    for (text, expected) in [
        ("{{ item.price * item.qty }}", "59.70"),
        ("{{ 0.1 + 0.2 }}", "0.3"),
        ("{{ item.price + 1 }}", "20.90"),
        ("{{ item.qty + 1 }}", "4"),
        ("{{ item.qty / 2 }}", "1.5"),
        ("{{ 10 / 2 }}", "5"),
        ("{{ -7 // 2 }}", "-4"),
        ("{{ -7 % 3 }}", "2"),
        ("{{ 2 ** 10 }}", "1024"),
        ("{{ 9223372036854775807 + 1 }}", "9223372036854775808"),
        ("{{ item.price | round(1) }}", "19.9"),
        ("{{ 2.5 | round }}", "3"),
        ("{{ '12.50' | decimal }}", "12.50"),
        ("{{ '12.345' | decimal(2) }}", "12.35"),
        ("{{ [item.price, 0.10] | sum }}", "20.00"),
        ("{{ (item.price * 100) | int }}", "1990"),
        ("{{ -item.price }}", "-19.90"),
        ("{{ item.rate * 3 }}", "3.3"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    for (text, expected) in [
        ("{{ item.nme | upper }}", "`item` has no member `nme`"),
        ("{{ item.labels | map(attribute='name') | join(', ') }}", "`item` has no member `labels`"),
        ("{{ item.nme }}", "`item` has no member `nme`"),
        ("{{ item.address.street.number }}", "`item.address` has no member `street`"),
        ("{{ item.name.first }}", "`item.name` is a string, it has no member `first`"),
        ("{{ item.zip > 5 }}", "a string cannot be compared with a number"),
        ("{{ item.zip == 501 }}", "a string cannot be compared with a number"),
        ("{{ item.empty > 5 }}", "`>` cannot compare null with a number"),
        ("{{ item.empty == 5 }}", "null cannot be compared with a number"),
        ("{{ item.zip + 5 }}", "a string and a number cannot be added"),
        ("x {{ item.empty }}", "null cannot be put into a text"),
        ("x {{ item.tags }}", "a list cannot be put into a text"),
        ("{{ item.id / 0 }}", "a division by zero"),
        ("{{ item.name | decimal }}", "`decimal` cannot read `Ada` as a number"),
        ("{{ item.name | date_add(days=1) }}", "`date_add` cannot read `Ada` as a date"),
        (
            "{% for x in range(100000) %}{% for y in range(100000) %}{{ y }}{% endfor %}{% endfor %}",
            "the template takes too long",
        ),
        ("{{ 'x' * 100000000 }}", "the text would be longer than 1 MB"),
        ("{{ env('HOME') }}", "unknown-function: unknown function `env`"),
        ("{{ item.name | uper }}", "unknown-filter: unknown filter `uper`"),
        ("{{ item.name is strng }}", "unknown-test: unknown test `strng`"),
        ("{% include 'x' %}", "template-syntax: `{% include %}` is not available in a spec"),
    ] {
        assert_eq!(render(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn default_takes_a_link_that_is_missing_anywhere() {
    for (text, expected) in [
        ("{{ item.a.b.c | default('x') }}", r#""x""#),
        ("{{ item.address.street.number | default(5) }}", "5"),
        ("{{ item.empty.deep | default('x') }}", r#""x""#),
        ("{{ item['a'][0].b | d('x') }}", r#""x""#),
        ("{{ item.a.b is defined }}", "false"),
        ("{{ item.a.b is undefined }}", "true"),
        ("{{ item.name | default('x') }}", r#""Ada""#),
        ("{{ 'yes' if item.a.b is defined else 'no' }}", r#""no""#),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn functions_do_what_they_say() {
    for (text, expected) in [
        ("{{ now() }}", r#""2025-03-01T10:00:00Z""#),
        ("{{ item.at | date_add(days=2) | date_format('%Y-%m-%d') }}", r#""2025-02-02""#),
        ("{{ item.at | date_add(months=1) }}", r#""2025-02-28T08:00:00+01:00""#),
        ("{{ '2025-01-31' | date_add(months=1) }}", r#""2025-02-28""#),
        ("{{ item.at | date_format('%H:%M', tz='America/New_York') }}", r#""02:00""#),
        ("{{ '31.12.2024' | parse_date('%d.%m.%Y') }}", r#""2024-12-31""#),
        ("{{ 1735689600 | date_format }}", r#""2025-01-01T00:00:00Z""#),
        ("{{ 1735689600000 | date_format('unix') }}", r#""1735689600""#),
        ("{{ 'Wed, 01 Jan 2025 00:00:00 +0000' | date_format('%F') }}", r#""2025-01-01""#),
        ("{{ '/Date(1735689600000)/' | date_format('%F') }}", r#""2025-01-01""#),
        ("{{ item.at.strftime('%d/%m') }}", r#""31/01""#),
        ("{{ 'a b'.split(' ')[1] }}", r#""b""#),
        ("{{ item.get('name') }}", r#""Ada""#),
        ("{{ item.address.items() | list | length }}", "1"),
        ("{{ item | pick('id', 'name') }}", r#"{"id":7,"name":"Ada"}"#),
        ("{{ {'a': 1, 'b': 2} | omit('a') }}", r#"{"b":2}"#),
        ("{{ {'a': 1} | entries }}", r#"[{"key":"a","value":1}]"#),
        ("{{ {'a': 1} | entries | object }}", r#"{"a":1}"#),
        ("{{ zip([1, 2], ['a', 'b']) }}", r#"[[1,"a"],[2,"b"]]"#),
        ("{{ [[1], [2, 3]] | flatten }}", "[1,2,3]"),
        ("{{ {'a': {'b': 1}} | merge({'a': {'c': 2}}) }}", r#"{"a":{"b":1,"c":2}}"#),
        (
            "{{ [{'k': 'x', 'v': 1}, {'k': 'y', 'v': 2}] | group_by('k') }}",
            r#"{"x":[{"k":"x","v":1}],"y":[{"k":"y","v":2}]}"#,
        ),
        ("{{ [1, 2, 3] | chunk(2) }}", "[[1,2],[3]]"),
        ("{{ 'abc' | hash }}", r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#),
        ("{{ 'abc' | hmac('key', 'sha1') }}", r#""4fd0b215276ef12f2b3e4c8ecac2811498b656fc""#),
        ("{{ 'a b' | base64 }}", r#""YSBi""#),
        ("{{ 'YSBi' | base64_decode }}", r#""a b""#),
        ("{{ 'a b&ü' | urlencode }}", r#""a%20b%26%C3%BC""#),
        ("{{ item.address | tojson }}", r#""{\"city\":\"Köln\"}""#),
        ("{{ '{\"a\": 1.50}' | fromjson }}", r#"{"a":1.50}"#),
        ("{{ 'order 17' | regex_search('[0-9]+') }}", r#""17""#),
        ("{{ 'order 17' | regex_replace('([0-9]+)', '<\\\\1>') }}", r#""order <17>""#),
        ("{{ 'Größe & Preis!' | slugify }}", r#""groesse-preis""#),
        ("{{ item | jsonpath('$.tags[1]') }}", r#""b""#),
        ("{{ range(3) }}", "[0,1,2]"),
        ("{{ [3, 1, 2] | sort }}", "[1,2,3]"),
        ("{{ [1.5, 2] | max }}", "2"),
        ("{{ 'b' in item.tags }}", "true"),
        ("{{ 'name' in item }}", "true"),
        ("{{ item.tags | join(', ') }}", r#""a, b""#),
        ("{{ item.name | upper }}", r#""ADA""#),
        ("{{ item.tags | map('upper') | list }}", r#"["A","B"]"#),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn conditions_are_bare_and_never_guess() {
    let test = |text: &str| Condition::new(text, Span::default()).test(&scope());
    assert_eq!(test("item.price > 19 and item.paid"), Ok(true));
    assert_eq!(test("{{ item.price > 20 }}"), Ok(false));
    assert_eq!(test("item.empty is none"), Ok(true));
    assert_eq!(test("item.empty == none or item.empty == 5"), Ok(true));
    assert_eq!(test("1 < item.qty < 5"), Ok(true));
    assert_eq!(test("item.zip not in ['00501']"), Ok(false));
    assert_eq!(test("item.price == 19.9"), Ok(true));
    assert!(test("item.missing").is_err());
    assert!(test("item.zip > 5").is_err());
    let problem = |text: &str| Condition::new(text, Span::default()).problems()[0].clone();
    assert_eq!(problem("$.total > 5").code, "path-as-condition");
    assert_eq!(problem("$.total > 5").help.as_deref(), Some("write `item.total > 5`"));
    assert_eq!(problem("item.a && item.b").help.as_deref(), Some("write `and`"));
    assert_eq!(problem("item.a =").code, "condition-syntax");
}

#[test]
fn what_is_made_of_a_secret_is_one() {
    let template = Template::new("Bearer {{ secrets.key }}", Span::default());
    let value = template.render(&scope()).unwrap();
    assert_eq!(format!("{value:?}"), "\"***\"");
    assert_eq!(value.text().as_deref(), Some("Bearer s3cret"));
}

#[test]
fn names_are_known_before_running() {
    let template = Template::new(
        "{% for x in item.lines %}{{ x.a }}{{ inputs.org.id | default(1) }}{% endfor %}{{ y }}",
        Span::default(),
    );
    let names: Vec<(String, bool)> = template.names().iter().map(|name| (name.dotted(9), name.optional)).collect();
    assert_eq!(names, [("item.lines".to_owned(), false), ("inputs.org.id".to_owned(), true), ("y".to_owned(), false)]);
    let template = Template::new("GET {{ inputs.orgid }}", Span::default());
    assert_eq!(template.names()[0].range, 7..19);
    assert_eq!(template.names()[0].range_of(1), 7..13);
}

#[test]
fn says_at_which_bytes_a_text_is_wrong() {
    for (text, at, message) in [
        ("{{ item.x ", "{{", "invalid template: `{{` is never closed"),
        ("{{ item. }}", "}}", "invalid template: a name is missing after the dot"),
        ("{{ item.a && item.b }}", "&&", "invalid template: `&&` is not an operator here"),
        ("{{ 'abc }}", "'", "invalid template: a quote is never closed"),
        ("{{ item.a ?? 1 }}", "??", "invalid template: `??` is not an operator here"),
        ("{{ a b }}", "b", "invalid template: two values stand side by side"),
        ("{{ item.x = 5 }}", "=", "invalid template: a single `=` compares nothing"),
        ("{{ $.a }}", "$", "invalid template: a path cannot stand in an expression"),
        ("{% if item.x %}a", "a", "invalid template: a block is never closed"),
        ("{{ }}", "}}", "invalid template: it is empty"),
        ("{{ item.x | uper }}", "uper", "unknown filter `uper`"),
    ] {
        let template = Template::new(text, Span::default());
        let problem = &template.problems()[0];
        assert_eq!((text.get(problem.range.clone()), problem.message.as_str()), (Some(at), message), "{text}");
    }
}

#[test]
fn whatever_holds_a_secret_gives_one() {
    let secret = |text: &str| Value::Secret(engine_expr::Secret::new(text));
    let deep = Value::list(vec![Value::object([("token", secret("t0k")), ("name", Value::from("x"))])]);
    let scope = scope()
        .with("vars", Value::object([("key", secret("s3cret")), ("plain", Value::from("p")), ("deep", deep.clone())]))
        .with("params", Value::object([("h", Value::object([("Authorization", secret("Bearer s3cret"))]))]));
    let shown = |text: &str| format!("{:?}", Template::new(text, Span::default()).render(&scope).unwrap());
    for (text, expected) in [
        ("{{ vars.key }}", r#""***""#),
        ("{{ vars.key | upper }}", r#""***""#),
        ("a {{ vars.key }} b", r#""***""#),
        ("{% set x = vars.key %}{{ x }}", r#""***""#),
        ("{% for x in vars.deep %}{{ x.token }}{% endfor %}", r#""***""#),
        ("{{ vars.plain }} {{ item.id }}", r#""p 7""#),
        ("{{ vars[item.name] | default(inputs.since) }}", r#""***""#),
        ("{{ params.h }}", r#"{"Authorization":"***"}"#),
        ("{{ params.h['Authorization'] }}", r#""***""#),
        ("{{ [params.h.Authorization, item.id] }}", r#"["***",7]"#),
        ("{{ {'a': {'b': params.h.Authorization}} }}", r#"{"a":{"b":"***"}}"#),
        ("{{ vars.deep }}", r#"[{"token":"***","name":"x"}]"#),
        ("{{ vars.deep | first }}", r#"{"token":"***","name":"***"}"#),
        ("{{ secrets.key | length }}", r#""***""#),
        ("{{ secrets.key == 's3cret' }}", "true"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
    let test = |text: &str| Condition::new(text, Span::default()).test(&scope);
    assert_eq!(test("vars.key == 'other'"), Ok(false));
    assert_eq!(test("secrets.key == 's3cret'"), Ok(true));
}

#[test]
fn says_that_a_member_is_missing() {
    for (text, missing) in [
        ("{{ item.nme }}", true),
        ("{{ item.address.street.number }}", true),
        ("{{ item.name.first }}", true),
        ("{{ item.tags[9] }}", true),
        ("x {{ item.nme }}", true),
        ("{{ item.empty > 5 }}", false),
        ("{{ unknown }}", false),
        ("{{ item.name | decimal }}", false),
    ] {
        let error = Template::new(text, Span::default()).render(&scope()).unwrap_err();
        assert_eq!(error.missing, missing, "{text}: {error}");
    }
}

#[test]
fn parents_are_names_of_their_own() {
    let scope = scope()
        .with("parent", Value::from_json(r#"{"id": 1, "parent": "a member"}"#).unwrap())
        .with("parent.parent", Value::from_json(r#"{"id": 2}"#).unwrap());
    let render = |text: &str| {
        let template = Template::new(text, Span::default());
        assert!(template.problems().is_empty(), "{text}");
        template.render(&scope).map(|value| value.to_json()).map_err(|error| error.message)
    };
    for (text, expected) in [
        ("{{ parent.id }}", "1"),
        ("{{ parent.parent.id }}", "2"),
        ("{{ parent['parent'].id }}", "2"),
        ("{{ parent }}", r#"{"id":1,"parent":"a member"}"#),
        ("{{ parent.parent }}", r#"{"id":2}"#),
        ("{{ parent.parent.x.y | default('-') }}", r#""-""#),
        ("{{ parent.parent.parent.id | default('-') }}", r#""-""#),
        ("{{ parent.parent is defined and parent.parent.parent is not defined }}", "true"),
        ("{{ parent.parent.get('id') }}", "2"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(render("{{ parent.parent.x }}").unwrap_err(), "`parent.parent` has no member `x`");
    assert_eq!(render("{{ parent.parent.parent.x }}").unwrap_err(), "`parent.parent.parent` is not known here");
    assert_eq!(Template::new("{% set parent = 1 %}{{ parent }}", Span::default()).problems().len(), 1);
}

#[test]
fn a_macro_takes_no_operator_away() {
    assert_eq!(render("{% macro neg(x) %}no{% endmacro %}{{ -item.qty }}").as_deref(), Ok(r#""-3""#));
}

#[test]
fn an_expression_that_was_refused_is_not_run() {
    let template = Template::new(&format!("{{{{ 1{} }}}}", " + 1".repeat(20_000)), Span::default());
    assert!(template.render(&scope()).is_err());
}
