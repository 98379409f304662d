//! `engine init` and `engine new`: what they make validates, runs against its examples, and passes its tests.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use engine_tests::{Engine, Finished};

#[track_caller]
fn engine(folder: &Path, arguments: &[&str]) -> Finished {
    let finished = Engine::new(arguments).folder(folder).finish();
    assert_eq!(finished.status, Some(0), "{arguments:?}: {}{}", finished.stdout(), finished.stderr());
    finished
}

#[test]
fn a_project_works_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let said = engine(folder.path(), &["init", "shop"]).stderr();
    assert!(said.contains("Next: cd shop && engine run flows/orders-to-sqlite.yaml --mock"), "{said}");
    let project = folder.path().join("shop");
    engine(&project, &["validate", "--deny-warnings", "flows", "specs"]);
    engine(&project, &["test", "flows", "specs"]);
    engine(&project, &["run", "flows/orders-to-sqlite.yaml", "--mock"]);
    assert!(project.join("out/shop.db").exists());
    assert!(fs::read_to_string(project.join(".gitignore")).unwrap().lines().any(|line| line == ".env"));

    // What is there stays.
    fs::write(project.join("README.md"), "mine").unwrap();
    let said = engine(&project, &["init"]).stderr();
    assert!(said.contains("kept") && !said.contains("made"), "{said}");
    assert_eq!(fs::read_to_string(project.join("README.md")).unwrap(), "mine");
}

#[test]
fn a_spec_of_every_kind_works_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let auths = ["bearer", "api-key", "basic", "oauth2", "none"];
    let pages = ["none", "page", "offset", "cursor", "next-url", "link-header"];
    let sinks = ["stdout", "sqlite", "postgres", "jsonl", "csv", "parquet"];
    for (number, (page, sink)) in pages.iter().zip(sinks).enumerate() {
        let auth = auths[number % auths.len()];
        let file = format!("flows/{page}.yaml");
        let records = ["$.orders", "$", "$.data.orders"][number % 3];
        let given = ["--paginate", page, "--to", sink, "--auth", auth, "--records", records, "--schedule", "0 * * * *"];
        let finished = Engine::new(["new", &file, "--api", "erp"]).arguments(given).folder(folder.path()).finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    }
    engine(folder.path(), &["validate", "--deny-warnings", "flows"]);
    engine(folder.path(), &["test", "flows"]);
    let again = Engine::new(["new", "flows/none.yaml", "--yes"]).folder(folder.path()).finish();
    assert!(again.status == Some(2) && again.stderr().contains("--force"), "{}", again.stderr());
}

#[test]
fn mistakes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for (given, expected) in [
        (["--api", "a b"], "is no name"),
        (["--base-url", "shop"], "is no URL"),
        (["--read", "orders"], "is no path"),
        (["--records", "orders"], "is no path"),
    ] {
        let finished = Engine::new(["new", "a.yaml", "--yes"]).arguments(given).folder(folder.path()).finish();
        assert!(finished.status == Some(2) && finished.stderr().contains(expected), "{}", finished.stderr());
    }
    assert!(!folder.path().join("a.yaml").exists());
}
