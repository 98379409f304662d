//! The examples in `docs/functions.md` are what templates do, and nothing is left out there.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine_expr::{FILTERS, FUNCTIONS, Host, Scope, TESTS, Template, Value};
use engine_source::Span;
use jiff::Timestamp;

/// Where the time stands on the page.
struct Fixed;

impl Host for Fixed {
    fn now(&self) -> Timestamp {
        "2025-03-01T10:00:00Z".parse().unwrap()
    }

    fn random(&self) -> u64 {
        7
    }
}

/// An example: a template, and what comes of it.
struct Example<'a> {
    line: usize,
    template: &'a str,
    expected: &'a str,
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/functions.md");
    fs::read_to_string(path).unwrap()
}

/// Reads the scope from the one block of JSON on the page.
fn scope(page: &str) -> Scope {
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (json, _) = rest.split_once("```").unwrap();
    let members = Value::from_json(json).unwrap();
    let member = |name: &str| members.get(name).cloned().unwrap();
    Scope::new(Arc::new(Fixed)).with("item", member("item")).with("inputs", member("inputs"))
}

/// Finds the lines of the form `` - `template` → `result` ``.
fn examples(page: &str) -> Vec<Example<'_>> {
    page.lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let (template, expected) = line.trim().strip_prefix("- ")?.split_once(" → ")?;
            Some(Example { line: at + 1, template: code(template)?, expected: code(expected)? })
        })
        .collect()
}

/// Takes the marks off a text in code; there are two of them where it has some of its own.
fn code(text: &str) -> Option<&str> {
    match text.strip_prefix("``") {
        Some(rest) => rest.strip_suffix("``").map(str::trim),
        None => text.strip_prefix('`')?.strip_suffix('`'),
    }
}

fn render(template: &str, scope: &Scope) -> String {
    let template = Template::new(template, Span::default());
    if let Some(problem) = template.problems().first() {
        return format!("error: {}", problem.message);
    }
    template.render(scope).map_or_else(|error| format!("error: {}", error.message), |value| value.to_json())
}

/// Returns the names that a part of the page explains: the bold ones at the beginning of an item.
fn explained(part: &str) -> BTreeSet<&str> {
    let items = part.lines().filter_map(|line| line.strip_prefix("- **`"));
    items
        .flat_map(|item| {
            let bold = item.split_once("`**:").or_else(|| item.split_once("`** `")).map_or("", |(names, _)| names);
            bold.split("`**, **`")
        })
        .collect()
}

/// Takes the page apart into what is before the tests, the tests, and what follows them.
fn parts(page: &str) -> (&str, &str, &str) {
    let (functions, rest) = page.split_once("\n## Tests\n").unwrap();
    let (tests, methods) = rest.split_once("\n## Methods\n").unwrap();
    (functions, tests, methods)
}

#[test]
fn every_example_gives_what_the_page_says() {
    let page = page();
    let scope = scope(&page);
    let examples = examples(&page);
    assert!(examples.len() > 150, "the examples are not found: {}", examples.len());
    let wrong: Vec<String> = examples
        .iter()
        .filter_map(|Example { line, template, expected }| {
            let found = render(template, &scope);
            (found != *expected).then(|| format!("line {line}: {template}\n  page:  {expected}\n  found: {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_arrow_is_an_example() {
    let page = page();
    assert_eq!(page.matches(" → ").count(), examples(&page).len());
}

#[test]
fn every_function_filter_and_test_is_explained() {
    let page = page();
    let (functions, tests, _) = parts(&page);
    let known: BTreeSet<&str> = FILTERS.iter().chain(FUNCTIONS).copied().collect();
    assert_eq!(explained(functions), known);
    assert_eq!(explained(tests), TESTS.iter().copied().collect());
}

#[test]
fn every_signature_says_what_is_a_function() {
    let page = page();
    for item in parts(&page).0.lines().filter_map(|line| line.strip_prefix("- **`")) {
        let (name, rest) = item.split_once("`** `").unwrap();
        let is_function = rest.starts_with(&format!("{name}("));
        assert!(is_function || rest.contains(&format!("| {name}")), "{item}");
        assert_eq!(is_function, FUNCTIONS.contains(&name), "{name}");
    }
}

#[test]
fn every_method_has_an_example() {
    let page = page();
    for item in parts(&page).2.split("\n- `.").skip(1) {
        let (line, examples) = item.split_once('\n').unwrap();
        let (names, _) = line.split_once("`: ").unwrap();
        for name in names.split("`, `.").map(|name| name.split('(').next().unwrap()) {
            assert!(examples.contains(&format!(".{name}(")), "{name}");
        }
    }
}
