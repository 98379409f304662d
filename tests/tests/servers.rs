//! Flows against API servers that none of us wrote; the counts are the servers' own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine_tests::{EchoServer, Engine, Finished, Rig, get, head, post};
use serde_json::Value;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// A server, and the turn of the test that uses it: there is one of each, for one test at a time.
struct Turn {
    rig: Rig,
    _turn: MutexGuard<'static, ()>,
}

impl Deref for Turn {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.rig
    }
}

fn rig(name: &str) -> Option<Turn> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // The fields of a struct are dropped in their order: the server ends before the turn does.
    Rig::start(name, Path::new(TARGET)).map(|rig| Turn { rig, _turn: turn })
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

#[test]
fn a_customer_is_made_once_though_each_answer_is_lost_once() {
    let Some(rig) = rig("localstripe") else { return };
    let (url, key) = (rig.told("BASE_URL").to_owned(), rig.told("API_KEY"));
    let bearer = format!("Bearer {key}");
    let all = || {
        let list = json(&format!("{url}/v1/customers?limit=100"), &[("Authorization", &bearer)]);
        list.get("total_count").and_then(Value::as_u64).unwrap()
    };
    let before = all();
    // What Stripe does with keys, and this server does not: the answer to a key that is known is the first one's.
    let known: Mutex<BTreeMap<String, (u16, String)>> = Mutex::default();
    let behind = url.clone();
    let keeper = EchoServer::start(move |received| {
        let mut known = known.lock().unwrap();
        let key = received.header("idempotency-key").unwrap().to_owned();
        let answer = if let Some((status, body)) = known.get(&key) {
            (*status, body.clone())
        } else {
            let headers = ["authorization", "content-type"].map(|name| (name, received.header(name).unwrap()));
            let made = post(&format!("{behind}{}", received.target()), &headers, received.body());
            known.insert(key, (made.status, made.body));
            (500, "{}".to_owned())
        };
        (answer.0, vec![("Content-Type", "application/json".to_owned())], answer.1.into_bytes())
    });
    let folder = tempfile::tempdir().unwrap();
    let spec = engine_tests::root().join("tests/servers/stripe-many.yaml");
    let finished = Engine::new([std::ffi::OsStr::new("run"), spec.as_os_str()])
        .folder(folder.path())
        .variable("ENGINE_STRIPE_URL", &keeper.url())
        .variable("ENGINE_STRIPE_KEY", key)
        .finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let made: Vec<Value> = finished.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((made.len(), keeper.received().len()), (30, 60), "each was sent twice");
    assert_eq!(all() - before, 30, "each was made once");
    for (at, customer) in made.iter().enumerate() {
        let id = customer.get("id").and_then(Value::as_str).unwrap();
        let found = json(&format!("{url}/v1/customers/{id}"), &[("Authorization", &bearer)]);
        let text = |path: &str| found.pointer(path).and_then(Value::as_str).unwrap().to_owned();
        assert_eq!(text("/email"), format!("many+{at}@example.com"));
        assert_eq!(text("/name"), format!("Öztürk & Söhne #{at}"));
        assert_eq!(
            (text("/address/line1"), text("/address/city")),
            ("Straße 1; 2/3 = 50%".to_owned(), "Köln".to_owned())
        );
        assert_eq!((text("/metadata/number"), text("/metadata/note")), (at.to_string(), "a+b c&d".to_owned()));
    }
}

#[test]
fn sap_takes_writes_with_its_token_and_under_the_etag() {
    let Some(rig) = rig("cap") else { return };
    let url = rig.told("BASE_URL").replace("127.0.0.1", "localhost");
    let basic = engine_tests::basic(rig.told("USERNAME"), rig.told("PASSWORD"));
    let folder = tempfile::tempdir().unwrap();
    let spec = engine_tests::root().join("tests/servers/bookshop-writes.yaml");
    let run = |user: &str, password: &str, first: u64| {
        Engine::new([std::ffi::OsStr::new("run"), spec.as_os_str()])
            .arguments(["-i", &format!("first={first}")])
            .folder(folder.path())
            .variable("ENGINE_BOOKSHOP_URL", &url)
            .variable("ENGINE_BOOKSHOP_USER", user)
            .variable("ENGINE_BOOKSHOP_PASSWORD", password)
            .finish()
    };
    // The second run begins with the token that the first one kept. Keys are new in each test run: the server keeps its data.
    let base = 100_000 + u64::from(std::process::id() % 100_000) * 100;
    for first in [base, base + 50] {
        let finished = run(rig.told("USERNAME"), rig.told("PASSWORD"), first);
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        let rows: Vec<Value> = finished.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |stream: &str, member: &str| -> Vec<u64> {
            let named = rows.iter().filter(|row| row.get("stream").and_then(Value::as_str) == Some(stream));
            named.map(|row| row.pointer(&format!("/record/{member}")).and_then(Value::as_u64).unwrap()).collect()
        };
        assert_eq!(of("refused", "status"), [412; 24], "an old ETag is refused");
        assert_eq!(of("books", "id"), (first..first + 24).collect::<Vec<_>>());
        // 1 when made, 2 under the first ETag, not 3 under the old one, and 10 more over OData V4.
        assert_eq!(of("books", "stock"), [12; 24]);
        let filter = format!("ID%20ge%20{first}%20and%20ID%20lt%20{}%20and%20stock%20eq%2012", first + 50);
        let counted =
            get(&format!("{}/Books/$count?$filter={filter}", rig.told("ODATA_V4")), &[("Authorization", &basic)]);
        assert_eq!(counted.body.trim(), "24", "the server's own count");
    }
    let refused = run(rig.told("READONLY_USER"), rig.told("READONLY_PASSWORD"), 1);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr().contains("answered 403 Forbidden"), "{}", refused.stderr());
}
