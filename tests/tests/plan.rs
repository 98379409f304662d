//! `engine plan`: what would happen, before it does. Nothing is asked but by `--probe`, and no secret is shown.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use engine_tests::{EchoServer, Engine, Expected, Finished, root, shown_forms};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "q7+K/9%Z\"x~é&k";

/// A copy of the flow, so that nothing is written into the repository.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("apis")).unwrap();
    for file in ["flow.yaml", "apis/shop.yaml"] {
        fs::copy(root().join("tests/plans").join(file), place.path().join(file)).unwrap();
    }
    place
}

fn engine(place: &Path, arguments: &[&str]) -> Engine {
    Engine::new(arguments).folder(place)
}

/// Plans with all that the flow needs.
fn planned(place: &Path, arguments: &[&str]) -> Finished {
    let engine = engine(place, &[&["plan"], arguments].concat());
    let engine = engine.variable("SHOP", "acme").variable("SHOP_TOKEN", SECRET).variable("ERP_SECRET", SECRET);
    engine.argument("--input").argument("region=eu").finish()
}

#[track_caller]
fn check(finished: &Finished, file: &str) {
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    // When a schedule comes next is another time each time.
    let lines = finished.stdout();
    let lines = lines.lines().map(|line| match line.split_once("next: ") {
        Some((before, _)) => format!("{before}next: …\n"),
        None => format!("{line}\n"),
    });
    Expected::at(root().join("tests/plans").join(file)).check(&lines.collect::<String>()).unwrap();
}

#[track_caller]
fn json_of(finished: &Finished) -> Value {
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    serde_json::from_str(&finished.stdout()).unwrap()
}

#[test]
fn sums_up_a_flow_as_a_colleague_would() {
    let place = place();
    let finished = planned(place.path(), &["flow.yaml"]);
    check(&finished, "flow.txt");
    assert!(!place.path().join(".engine").exists(), "a plan makes nothing");
    for text in [finished.stdout(), finished.stderr()] {
        assert_eq!(shown_forms(SECRET, &text), Vec::<String>::new());
        assert!(!text.contains("written-out-by-somebody"), "a header that proves something is not shown");
    }
}

#[test]
fn says_what_is_missing_and_every_way_to_give_it() {
    let place = place();
    let finished = engine(place.path(), &["plan", "flow.yaml"]).finish();
    check(&finished, "missing.txt");
    let plan = json_of(&engine(place.path(), &["plan", "flow.yaml", "--format", "json"]).finish());
    let of =
        |list: &str, name: &str| plan[list].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(of("inputs", "region")["given"], "missing");
    assert_eq!(of("inputs", "region")["ways"].as_array().unwrap().len(), 4);
    assert_eq!(of("inputs", "since")["given"], "default");
    assert_eq!(of("secrets", "shop_token")["given"], "missing");
    assert_eq!(of("secrets", "vault")["given"], "not_asked");
    let wrong = engine(place.path(), &["plan", "flow.yaml", "-i", "region=mars", "--format", "json"]).finish();
    let plan = json_of(&wrong);
    assert_eq!(plan["inputs"].as_array().unwrap().iter().filter(|input| input["given"] == "wrong").count(), 1);
}

#[test]
fn refuses_inputs_that_the_spec_does_not_have() {
    let place = place();
    let finished = engine(place.path(), &["plan", "flow.yaml", "-i", "regoin=eu"]).finish();
    assert_eq!(finished.status, Some(2));
    assert!(finished.stderr().contains("did you mean `region`?"), "{}", finished.stderr());
}

#[test]
fn tells_programs_the_same() {
    let place = place();
    let finished = planned(place.path(), &["flow.yaml", "--format", "json"]);
    let plan = json_of(&finished);
    assert_eq!(plan["flow"], "orders-to-erp");
    assert_eq!(plan["starts"][0]["next"].as_array().unwrap().len(), 3);
    assert_eq!(
        plan["steps"][0]["reads"][0]["request"]["query"],
        json!({"status": "any", "limit": 250, "since": "2025-01-01T00:00:00Z"})
    );
    assert_eq!(plan["steps"][0]["spooled"], true);
    assert_eq!(plan["steps"][1]["for_each"], "orders");
    let endpoints = plan["endpoints"].as_array().unwrap();
    let setting = |id: &str, name: &str| {
        let endpoint = endpoints.iter().find(|endpoint| endpoint["id"] == id).unwrap();
        endpoint["settings"].as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap()["from"].clone()
    };
    assert_eq!(setting("shop.list_orders", "auth"), "api");
    assert_eq!(setting("shop.list_orders", "timeout"), "own");
    assert_eq!(setting("shop.get_order", "errors"), "both");
    assert_eq!(setting("shop.get_order", "retry"), "both");
    assert_eq!(setting("erp.create_order", "rate limit"), "default");
    assert_eq!(plan["unused"], json!(["shop.list_customers"]));
    assert_eq!(shown_forms(SECRET, &finished.stdout()), Vec::<String>::new());
}

#[test]
fn plans_some_steps_alone() {
    let place = place();
    let plan = json_of(&planned(place.path(), &["flow.yaml", "--only", "orders", "--format", "json"]));
    assert_eq!(plan["steps"].as_array().unwrap().len(), 1);
    assert_eq!(planned(place.path(), &["flow.yaml", "--only", "ordres"]).status, Some(2));
}

#[test]
fn prints_the_merged_spec_with_the_places_of_its_values() {
    let place = place();
    check(&planned(place.path(), &["flow.yaml", "--resolved"]), "resolved.yaml");
    // What is printed is the same spec again.
    let resolved = planned(place.path(), &["flow.yaml", "--resolved"]).stdout();
    fs::write(place.path().join("whole.yaml"), resolved).unwrap();
    let finished = engine(place.path(), &["plan", "--diff", "flow.yaml", "whole.yaml", "--format", "json"]).finish();
    let diff = json_of(&finished);
    let changed: Vec<_> = diff["changes"].as_array().unwrap().iter().map(|change| change["path"].clone()).collect();
    assert_eq!(
        changed,
        [json!("apis.erp.endpoints.create_order.headers.Authorization-Hint")],
        "a secret that is written out"
    );
}

#[test]
fn what_is_resolved_of_every_example_is_the_same_spec() {
    let place = tempfile::tempdir().unwrap();
    for folder in ["examples", "specs"] {
        for entry in fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
            let path = entry.path();
            // Files of tests have no flow of their own.
            let is_tests = path.to_string_lossy().ends_with(".test.yaml");
            if is_tests || path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let resolved = Engine::new(["plan".as_ref(), path.as_os_str(), "--resolved".as_ref()]).finish();
            assert_eq!(resolved.status, Some(0), "{}: {}", path.display(), resolved.stderr());
            let whole = place.path().join("whole.yaml");
            fs::write(&whole, resolved.stdout()).unwrap();
            let again = Engine::new(["plan".as_ref(), whole.as_os_str(), "--resolved".as_ref()]).finish();
            let bare = |text: String| -> Vec<String> {
                text.lines().map(|line| line.split("  # ").next().unwrap().trim_end().to_owned()).collect()
            };
            // Files that are named are looked for beside the spec, and are not there.
            if again.status == Some(0) {
                assert_eq!(bare(resolved.stdout()), bare(again.stdout()), "{}", path.display());
            } else {
                assert!(again.stderr().contains("there is no file"), "{}: {}", path.display(), again.stderr());
            }
        }
    }
}

#[test]
fn draws_who_takes_from_whom() {
    let place = place();
    for (format, file) in [("mermaid", "graph.mmd"), ("dot", "graph.dot"), ("svg", "graph.svg")] {
        check(&planned(place.path(), &["flow.yaml", "--graph", format]), file);
    }
}

#[test]
fn says_what_a_change_changes_and_what_survives_it() {
    let place = place();
    let flow = fs::read_to_string(place.path().join("flow.yaml")).unwrap();
    let shop = fs::read_to_string(place.path().join("apis/shop.yaml")).unwrap();
    let change = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let other = change(&shop, "attempts: 3", "attempts: 5");
    fs::write(place.path().join("apis/shop2.yaml"), other).unwrap();
    let new = change(&flow, "./apis/shop.yaml", "./apis/shop2.yaml");
    let new = change(&new, "limit: 500", "limit: 900");
    let new = change(&new, "number: $.number, customer", "number: $.no, customer");
    let new = change(&new, "id: detail", "id: details");
    let new = change(&new, "written-out-by-somebody", "another-that-is-written-out");
    let new = change(&new, "status: any", "status: paid");
    fs::write(place.path().join("new.yaml"), new).unwrap();
    let diff =
        |format: &str| engine(place.path(), &["plan", "--diff", "flow.yaml", "new.yaml", "--format", format]).finish();
    check(&diff("text"), "diff.txt");
    let found = json_of(&diff("json"));
    let survives = |what: &str| {
        let state = found["state"].as_array().unwrap();
        state.iter().find(|one| one["what"].as_str().unwrap().starts_with(what)).unwrap()["survives"].clone()
    };
    assert_eq!(survives("cursor of orders"), false, "the read sends another status");
    assert_eq!(survives("dead letters of orders"), true);
    assert_eq!(survives("last time of schedule"), true);
    assert_eq!(survives("a run that broke off"), false);
    let same = engine(place.path(), &["plan", "--diff", "flow.yaml", "flow.yaml"]).finish();
    assert_eq!((same.status, same.stdout().as_str()), (Some(0), "nothing changes\n"));
}

const SHOP: &str = r#"
version: 1
name: shop
inputs: {url: {type: string, env: SERVER_URL}}
secrets: {token: {env: TOKEN}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    auth: {type: bearer, token: "{{ secrets.token }}"}
    rate_limit: {rate: 1/1s, burst: 1}
    endpoints:
      list_orders:
        request: GET /orders
        records: $.orders
        paginate: {type: page, total: $.total}
        incremental: {cursor: $.at, start: "2025-01-01T00:00:00Z", send: query.since}
      get_order: {request: "GET /orders/{id}", params: {id: {type: integer, required: true}}}
steps:
  - {id: orders, read: shop.list_orders}
  - {id: details, for_each: orders, call: {endpoint: shop.get_order, params: {id: "{{ item.id }}"}}}
"#;

fn shop() -> (TempDir, EchoServer) {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("shop.yaml"), SHOP).unwrap();
    let api = EchoServer::start(|received| {
        let header = received.header("authorization").unwrap_or_default().to_owned();
        let body = if received.target().starts_with("/orders/") {
            json!({"id": 1})
        } else if received.target().contains("page=1") {
            json!({"total": 5, "said": header, "orders": [{"id": 1, "at": "2025-03-01T10:00:00Z"}, {"id": 2, "at": "2025-03-02T10:00:00Z"}]})
        } else {
            json!({"total": 2, "orders": []})
        };
        (200, vec![("Content-Type", "application/json".to_owned())], body.to_string().into_bytes())
    });
    (place, api)
}

#[test]
fn a_probe_asks_for_first_pages_and_knows_how_many_requests_there_will_be() {
    let (place, api) = shop();
    let plan = |arguments: &[&str]| {
        let engine = engine(place.path(), &[&["plan", "shop.yaml", "--format", "json"], arguments].concat());
        json_of(&engine.variable("SERVER_URL", &api.url()).variable("TOKEN", SECRET).finish())
    };
    let estimate = plan(&[])["estimate"].clone();
    assert_eq!((&estimate["requests_at_least"], &estimate["requests"]), (&json!(1), &json!(null)));
    assert!(api.received().is_empty(), "nothing is asked without `--probe`");
    let probed = plan(&["--probe"]);
    assert_eq!(api.received().len(), 1);
    assert_eq!(probed["probes"][0]["records"], 2);
    assert_eq!(probed["probes"][0]["total"], 5);
    // Three pages of two, and a call for each of five records.
    assert_eq!(probed["estimate"]["requests"], 8);
    assert_eq!(probed["estimate"]["rate_limits"][0]["seconds"], 7.0);
    assert_eq!(shown_forms(SECRET, &probed.to_string()), Vec::<String>::new());
}

#[test]
fn tells_how_far_runs_before_came() {
    let (place, api) = shop();
    let call = |arguments: &[&str]| {
        engine(place.path(), arguments).variable("SERVER_URL", &api.url()).variable("TOKEN", SECRET).finish()
    };
    fs::write(
        place.path().join("shop.yaml"),
        SHOP.replace("rate: 1/1s, burst: 1", "rate: 100/1s").replace("total: $.total", "stop_when: page.count < 3"),
    )
    .unwrap();
    let run = call(&["run", "shop.yaml", "--quiet"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr());
    let plan = json_of(&call(&["plan", "shop.yaml", "--format", "json"]));
    assert_eq!(plan["state"]["cursors"][0]["step"], "orders");
    assert_eq!(plan["state"]["cursors"][0]["value"], "2025-03-02T10:00:00Z");
    let text = call(&["plan", "shop.yaml"]).stdout();
    assert!(text.contains("goes on from 2025-03-02T10:00:00Z"), "{text}");
    // The request that is shown is the one that is sent, by a probe and by the next run.
    assert!(text.contains("/orders?since=2025-03-02T10:00:00Z\n"), "{text}");
    let last = |arguments: &[&str]| {
        let before = api.received().len();
        let done = call(arguments);
        assert_eq!(done.status, Some(0), "{}", done.stderr());
        api.received()[before].target().replace("%3A", ":")
    };
    for arguments in [&["plan", "shop.yaml", "--probe"][..], &["run", "shop.yaml", "--quiet"]] {
        let sent = last(arguments);
        assert!(sent.contains("since=2025-03-02T10:00:00Z"), "{arguments:?}: {sent}");
    }
}
