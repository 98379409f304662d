//! `docs/catalogue.md` says what the specs of the catalogue have and what each was proven against, as it is in the specs.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write;

use engine_tests::{Expected, root};
use serde_yaml::{Mapping, Value};

/// What the page says before its tables.
const HEAD: &str = "\
# The catalogue

Specs of systems that integrations often connect, ready to be imported by a flow: `imports: [../specs/stripe.yaml]`. Each says on its first lines which variables it wants, has a link to the vendor's page for
each endpoint, examples that `--mock` serves, and tests that run offline (`engine test specs`).

They are files in the folder `specs/` of this repository. Neither the binary nor the [image](how-to-docker.md) nor the archive of `packaging/archive.sh` has them: copy those that you need from a clone into your own `specs/`, each with its
tests. None imports another, so one file is all, and it is yours to change.

```sh,skip=installs
mkdir -p specs && cp CLONE/specs/stripe.yaml CLONE/specs/stripe.test.yaml specs/
```

A description that is newer or has more endpoints is made from the vendor's own document by [`engine import openapi`](importing.md).

This page is written by a test, of the specs themselves (`UPDATE=1 cargo test -p engine-tests --test catalogue`).

";

/// A spec of the catalogue.
struct Spec {
    name: String,
    apis: Vec<Api>,
    tests: usize,
}

/// An API of a spec.
struct Api {
    name: String,
    auth: Vec<String>,
    reads: usize,
    writes: usize,
    incremental: usize,
    webhooks: Vec<String>,
}

/// Reads a document with its anchors and merges carried out.
fn document(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let mut value: Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    value.apply_merge().unwrap_or_else(|error| panic!("{path}: {error}"));
    value
}

fn members(value: &Value, key: &str) -> Mapping {
    value.get(key).and_then(Value::as_mapping).cloned().unwrap_or_default()
}

/// Names the kinds of auth that a value says: those of a switch too, and the grant of OAuth 2.
fn kinds(auth: Option<&Value>, found: &mut Vec<String>) {
    let Some(auth) = auth else { return };
    if let Some(all) = auth.as_sequence() {
        for one in all {
            kinds(Some(one), found);
        }
        return;
    }
    let text = |key: &str| auth.get(key).and_then(Value::as_str);
    let name = match text("type") {
        Some("switch") => return members(auth, "cases").values().for_each(|case| kinds(Some(case), found)),
        Some("oauth2") => format!("oauth2 ({})", text("grant").unwrap_or_default()),
        Some(other) => other.to_owned(),
        None => auth.as_str().unwrap_or_default().to_owned(),
    };
    if !name.is_empty() && name != "none" && !found.contains(&name) {
        found.push(name);
    }
}

fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null() && value.as_str() != Some("none"))
}

fn api(name: &str, value: &Value) -> Api {
    let mut found =
        Api { name: name.to_owned(), auth: Vec::new(), reads: 0, writes: 0, incremental: 0, webhooks: Vec::new() };
    kinds(value.get("auth"), &mut found.auth);
    for endpoint in members(value, "endpoints").values() {
        kinds(endpoint.get("auth"), &mut found.auth);
        let request = endpoint.get("request").and_then(Value::as_str).unwrap_or_default();
        let is_get = request.starts_with("GET ");
        // What an API says of records and cursors holds for its GETs.
        let own_or = |key: &str| match endpoint.get(key) {
            Some(own) => is_set(Some(own)),
            None => is_get && is_set(value.get(key)),
        };
        let changes = !is_get && !own_or("records") && !request.is_empty() || calls_a_change(endpoint, value);
        if changes {
            found.writes += 1;
        } else {
            found.reads += 1;
        }
        found.incremental += usize::from(own_or("incremental"));
    }
    for webhook in members(value, "webhooks").values() {
        let kind = webhook.get("verify").and_then(|verify| verify.get("type")).and_then(Value::as_str);
        found.webhooks.push(kind.unwrap_or("not signed").to_owned());
    }
    found.webhooks.dedup();
    found
}

/// Tells whether an endpoint is made of steps, one of which calls what is no GET.
fn calls_a_change(endpoint: &Value, api: &Value) -> bool {
    let called = endpoint.get("steps").map(names_of_calls).unwrap_or_default();
    called.iter().any(|name| {
        let name = name.rsplit('.').next().unwrap_or_default();
        let request = api.get("endpoints").and_then(|all| all.get(name)).and_then(|it| it.get("request"));
        request.and_then(Value::as_str).is_some_and(|request| !request.starts_with("GET "))
    })
}

/// Lists the endpoints that steps call, at any depth.
fn names_of_calls(steps: &Value) -> Vec<String> {
    match steps {
        Value::Sequence(items) => items.iter().flat_map(names_of_calls).collect(),
        Value::Mapping(members) => {
            let called = members.get("call").map(|call| call.get("endpoint").unwrap_or(call));
            let called = called.and_then(Value::as_str).map(str::to_owned);
            called.into_iter().chain(members.values().flat_map(names_of_calls)).collect()
        }
        _ => Vec::new(),
    }
}

fn spec(name: &str) -> Spec {
    let value = document(&format!("specs/{name}.yaml"));
    let apis = members(&value, "apis").iter().map(|(key, value)| api(key.as_str().unwrap(), value)).collect();
    let count = |value: &Value| value.get("tests").and_then(Value::as_sequence).map_or(0, Vec::len);
    let tests = count(&value) + count(&document(&format!("specs/{name}.test.yaml")));
    Spec { name: name.to_owned(), apis, tests }
}

fn names() -> Vec<String> {
    let files = std::fs::read_dir(root().join("specs")).unwrap();
    let names = files.filter_map(|file| file.unwrap().file_name().into_string().ok());
    let names = names.filter(|name| !name.ends_with(".test.yaml"));
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).collect();
    names.sort();
    names
}

fn or_dash(list: &[String]) -> String {
    if list.is_empty() { "—".to_owned() } else { list.join(", ") }
}

#[test]
fn the_catalogue_is_current() {
    let proofs: BTreeMap<String, Vec<String>> =
        serde_yaml::from_value(document("tests/catalogue/proofs.yaml")).unwrap();
    let specs: Vec<Spec> = names().iter().map(|name| spec(name)).collect();
    let mut page = String::from(HEAD);
    page.push_str("| spec: API | auth | endpoints | reads | writes | incremental | webhooks | tests |\n");
    page.push_str("|---|---|---|---|---|---|---|---|\n");
    for Spec { name, apis, tests } in &specs {
        for (at, Api { name: api, auth, reads, writes, incremental, webhooks }) in apis.iter().enumerate() {
            let tests = if at == 0 { tests.to_string() } else { String::new() };
            _ = writeln!(
                page,
                "| `{name}`: `{api}` | {} | {} | {reads} | {writes} | {incremental} | {} | {tests} |",
                or_dash(auth),
                reads + writes,
                or_dash(webhooks)
            );
        }
    }
    let all = || specs.iter().flat_map(|spec| &spec.apis);
    let endpoints: usize = all().map(|api| api.reads + api.writes).sum();
    let tests: usize = specs.iter().map(|spec| spec.tests).sum();
    _ = writeln!(page, "\n{} specs, {endpoints} endpoints, {tests} tests.\n", specs.len());
    page.push_str("## Proven against servers\n\nEach of these is a test that starts the server, and compares with what it says itself.\n\n");
    page.push_str("| spec | proven against |\n|---|---|\n");
    for (name, lines) in &proofs {
        assert!(specs.iter().any(|spec| spec.name == *name), "there is no spec {name}");
        _ = writeln!(page, "| {name} | {} |", lines.join("<br>"));
    }
    page.push_str(
        "\n## Held against the documents of the vendors\n\nBy [`engine validate --openapi`](contracts.md), for the specs whose vendor publishes such a document; it is fetched for the test and not kept.\n\n",
    );
    page.push_str(&std::fs::read_to_string(root().join("tests/contract/catalogue.expected")).unwrap_or_default());
    Expected::at(root().join("docs/catalogue.md")).check(&page).unwrap();
}
