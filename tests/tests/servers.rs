//! Flows against API servers that none of us wrote; the counts are the servers' own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use engine_tests::{Engine, Finished, Rig, get, head};
use serde_json::Value;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

fn rig(name: &str) -> Option<Rig> {
    Rig::start(name, Path::new(TARGET))
}

fn run(flow: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
    let spec = format!("tests/servers/{flow}.yaml");
    let engine = Engine::new(["run", &spec]).arguments(arguments);
    let finished = variables.iter().fold(engine, |engine, (name, value)| engine.variable(name, value)).finish();
    assert_eq!(finished.status, Some(0), "{flow}: {}", finished.stderr());
    finished
}

fn count(database: &Path, query: &str) -> i64 {
    rusqlite::Connection::open(database).unwrap().query_row(query, [], |row| row.get(0)).unwrap()
}

fn json(url: &str, headers: &[(&str, &str)]) -> Value {
    let fetched = get(url, headers);
    assert_eq!(fetched.status, 200, "{url}: {}", fetched.body);
    serde_json::from_str(&fetched.body).unwrap()
}

#[test]
fn all_customers_of_stripe_are_read() {
    let Some(rig) = rig("localstripe") else { return };
    let (url, key) = (rig.told("BASE_URL"), rig.told("API_KEY"));
    let bearer = format!("Bearer {key}");
    let total = || {
        let list = json(&format!("{url}/v1/customers?limit=1"), &[("Authorization", &bearer)]);
        list.get("total_count").and_then(Value::as_i64).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("stripe.db");
    let variables =
        [("ENGINE_STRIPE_URL", url), ("ENGINE_STRIPE_KEY", key), ("ENGINE_DATABASE", database.to_str().unwrap())];
    assert_eq!(total(), 250, "the server's own count");
    for _ in 0..2 {
        run("stripe-customers", &variables, &[]);
        assert_eq!(count(&database, "select count(*) from stripe_customers"), 250);
    }
    let places =
        "select count(*) from stripe_customers where city = 'Köln' and country = 'DE' and tier in ('gold', 'silver')";
    assert_eq!(count(&database, places), 250);

    let made = run("stripe-create", &variables, &["--input", "email=nadia+1@example.com"]).stdout();
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made.get("city").and_then(Value::as_str), Some("Paris"));
    assert_eq!(made.get("tier").and_then(Value::as_str), Some("gold"));
    let id = made.get("id").and_then(Value::as_str).unwrap();
    let customer = json(&format!("{url}/v1/customers/{id}"), &[("Authorization", &bearer)]);
    assert_eq!(customer.get("email").and_then(Value::as_str), Some("nadia+1@example.com"));
    run("stripe-customers", &variables, &[]);
    assert_eq!(total(), 251, "the server's own count");
    assert_eq!(count(&database, "select count(*) from stripe_customers"), 251);
}

#[test]
fn all_books_are_read_over_both_versions_of_odata() {
    let Some(rig) = rig("cap") else { return };
    // The links to the next page say `localhost`, and a link to another host is not followed.
    let url = rig.told("BASE_URL").replace("127.0.0.1", "localhost");
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("books.db");
    let variables = [
        ("ENGINE_BOOKSHOP_URL", url.as_str()),
        ("ENGINE_BOOKSHOP_USER", rig.told("USERNAME")),
        ("ENGINE_BOOKSHOP_PASSWORD", rig.told("PASSWORD")),
        ("ENGINE_DATABASE", database.to_str().unwrap()),
    ];
    let basic = engine_tests::basic(rig.told("USERNAME"), rig.told("PASSWORD"));
    let total: i64 = get(&format!("{}/Books/$count", rig.told("ODATA_V4")), &[("Authorization", &basic)])
        .body
        .trim()
        .parse()
        .unwrap();
    assert!(total > 1000, "{total} books fit one page");
    for (flow, table) in [("bookshop-v4", "books_v4"), ("bookshop-v2", "books_v2")] {
        run(flow, &variables, &[]);
        assert_eq!(count(&database, &format!("select count(*) from {table}")), total, "{table}");
    }
    let same =
        "select count(*) from books_v4 a join books_v2 b on a.id = b.id and a.title = b.title and a.price is b.price";
    assert_eq!(count(&database, same), total, "both versions give the same books and prices");
}

#[test]
fn all_records_of_kinto_are_read() {
    let Some(rig) = rig("kinto") else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("kinto.db");
    let variables = [
        ("ENGINE_KINTO_URL", rig.told("BASE_URL")),
        ("ENGINE_KINTO_USER", rig.told("USERNAME")),
        ("ENGINE_KINTO_PASSWORD", rig.told("PASSWORD")),
        ("ENGINE_DATABASE", database.to_str().unwrap()),
    ];
    let basic = engine_tests::basic(rig.told("USERNAME"), rig.told("PASSWORD"));
    let total: i64 = {
        let list = head(rig.told("RECORDS"), &[("Authorization", &basic)]);
        list.headers.get("total-records").or_else(|| list.headers.get("total-objects")).unwrap().parse().unwrap()
    };
    assert_eq!(total, 500, "the server's own count");
    run("kinto-records", &variables, &[]);
    assert_eq!(count(&database, "select count(*) from kinto_records"), total);
    assert_eq!(count(&database, "select count(distinct depth) from kinto_records"), total);
}
