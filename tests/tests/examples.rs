//! The examples, run against the mock as the README says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use engine_tests::{Engine, Finished, Postgres, root};
use parquet::file::reader::{FileReader, SerializedFileReader};
use tempfile::TempDir;

/// Copies the examples and the catalogue, so that what is written stays out of the repository.
fn copied() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(place.path().join("examples/apis")).unwrap();
    for folder in ["examples/apis", "examples/events", "examples", "specs"] {
        std::fs::create_dir_all(place.path().join(folder)).unwrap();
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap);
        for entry in entries.filter(|entry| entry.file_type().unwrap().is_file()) {
            std::fs::copy(entry.path(), place.path().join(folder).join(entry.file_name())).unwrap();
        }
    }
    place
}

fn run(place: &Path, example: &str) -> Finished {
    ends(place, example, 0)
}

/// Runs an example that ends with this status.
fn ends(place: &Path, example: &str, status: i32) -> Finished {
    let finished = Engine::new(["run", example, "--mock"]).folder(place).finish();
    assert_eq!(finished.status, Some(status), "{}", finished.stderr());
    finished
}

/// Returns the rows of a table, the values of each joined by `|`.
fn rows(database: &Path, columns: &str, table: &str) -> Vec<String> {
    let database = rusqlite::Connection::open(database).unwrap();
    let sql = format!("select concat_ws('|', {columns}) from {table} order by 1");
    let mut statement = database.prepare(&sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_first_command_of_the_readme_prints_what_the_readme_says() {
    let place = copied();
    let printed = run(place.path(), "examples/contacts-from-customers.yaml").stdout();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(
        readme.contains("run examples/contacts-from-customers.yaml --mock"),
        "the README has another first command"
    );
    assert_eq!(printed.lines().count(), 3, "{printed}");
    for line in printed.lines() {
        assert!(readme.contains(line), "not in the README: {line}");
    }
}

#[test]
fn customers_go_to_sqlite() {
    let place = copied();
    for _ in 0..2 {
        run(place.path(), "examples/customers-to-sqlite.yaml");
        let database = rusqlite::Connection::open(place.path().join("out/customers.db")).unwrap();
        let mut statement = database
            .prepare("select id, name, city, tier, overdue, customer_since from customers order by id")
            .unwrap();
        let rows: Vec<String> = statement
            .query_map([], |row| {
                Ok(format!(
                    "{}|{}|{:?}|{}|{}|{}",
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, Option<String>>(2)?,
                    row.get::<_, String>(3)?,
                    row.get::<_, bool>(4)?,
                    row.get::<_, String>(5)?
                ))
            })
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(
            rows,
            [
                "cus_N1aWinter|Ida Winter|Some(\"Köln\")|gold|false|2025-01-15",
                "cus_N2bOkafor|Chidi Okafor|Some(\"Stockholm\")|silver|true|2025-01-16",
                "cus_N3cMarsh|Marsh & Daughters Bakery|None|bronze|false|2025-01-29",
            ]
        );
    }
}

#[test]
fn orders_go_to_csv() {
    let place = copied();
    run(place.path(), "examples/orders-to-csv.yaml");
    let csv = std::fs::read_to_string(place.path().join("out/orders.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.first().copied(), Some("number;day;state;currency;total;fee;pieces;label;titles"));
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(
        lines.get(1).is_some_and(
            |line| line.starts_with("SO-00001;2025-02-11;done;EUR;35.55;0.88875;3;Order 00001 (2 titles);")
        ),
        "{csv}"
    );
    assert!(lines.get(3).is_some_and(|line| line.starts_with("SO-00003;2025-04-13;open;EUR;12345678901.20;")), "{csv}");
}

#[test]
fn customers_are_kept_in_step() {
    let place = copied();
    let printed = run(place.path(), "examples/customers-in-step.yaml").stdout();
    // The mock has one contact, which it finds for each of the four customers, and which is older than the shop's.
    assert_eq!(printed.lines().count(), 4, "{printed}");
    assert!(printed.lines().all(|line| line.contains("updated in the")), "{printed}");
}

#[test]
fn paid_orders_become_sales_orders_and_one_without_lines_a_dead_letter() {
    let place = copied();
    let finished = ends(place.path(), "examples/orders-to-erp.yaml", 3);
    assert!(finished.stderr().contains("order 1004 has no lines"), "{}", finished.stderr());
    assert!(finished.stderr().contains("1 dead-lettered"), "{}", finished.stderr());
    let pushed = rows(&place.path().join("out/journal.db"), "\"order\", sales_order", "pushed_orders");
    assert_eq!(pushed, ["1001|77", "1003|77"]);
}

#[test]
fn sales_are_exported_without_personal_data() {
    let place = copied();
    run(place.path(), "examples/reporting-export.yaml");
    let months: Vec<String> = ["2025-02", "2025-03"]
        .iter()
        .flat_map(|month| std::fs::read_dir(place.path().join("out/sales").join(month)).unwrap())
        .map(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert_eq!(bytes.get(..4), Some(&b"PAR1"[..]));
            assert!(!String::from_utf8_lossy(&bytes).contains("winter"), "an address is in the file");
            String::new()
        })
        .collect();
    assert_eq!(months.len(), 2);
}

#[test]
fn records_live_through_all_they_can() {
    let place = copied();
    let finished = run(place.path(), "examples/shop-records.yaml");
    assert!(finished.stderr().contains("were made, read, changed and deleted: ok"), "{}", finished.stderr());
}

#[test]
fn customers_that_are_not_as_they_should_be_are_kept_aside() {
    let place = copied();
    let finished = ends(place.path(), "examples/checked-customers.yaml", 3);
    assert!(finished.stderr().contains("3 of 4 customers are as they should be"), "{}", finished.stderr());
    let kept = rows(&place.path().join("out/checked.db"), "id, email, country", "customers");
    assert_eq!(kept, ["C1|ida@winter.example|DE", "C2|chidi@okafor.example|SE", "C3|lea@marsh.example|GB"]);
}

#[test]
fn orders_are_routed() {
    let place = copied();
    let printed = run(place.path(), "examples/order-routing.yaml").stdout();
    assert!(printed.contains(r#"{"order":"1003","told":true}"#), "{printed}");
    let customs = std::fs::read_to_string(place.path().join("out/customs.csv")).unwrap();
    assert_eq!(customs, "order,country,value,pieces\n1003,GB,1250.00,100\n");
    let warehouse = std::fs::read_to_string(place.path().join("out/warehouse.jsonl")).unwrap();
    assert_eq!(warehouse.lines().count(), 1, "{warehouse}");
}

#[test]
fn contacts_of_two_crms_are_kept_in_step_both_ways() {
    let place = copied();
    let printed = run(place.path(), "examples/contacts-both-ways.yaml").stdout();
    assert_eq!(printed.lines().filter(|line| line.contains("to_hubspot")).count(), 3, "{printed}");
    assert_eq!(printed.lines().filter(|line| line.contains("to_salesforce")).count(), 3, "{printed}");
}

#[test]
fn an_event_of_stripe_goes_to_postgres_and_a_mail_out() {
    let Some(server) = Postgres::shared() else { return };
    let (place, database) = (copied(), server.database());
    for _ in 0..2 {
        let finished = Engine::new(["run", "examples/stripe-events-to-postgres.yaml", "--mock"])
            .arguments(["--event", "examples/events/invoice-paid.json"])
            .folder(place.path())
            .variable("ENGINE_BOOKS_URL", &database.url())
            .finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        assert!(finished.stdout().contains("A1B2-0002"), "{}", finished.stdout());
    }
    let booked = database.query("select e.id, e.type, i.id, i.number, i.amount, i.currency from stripe_events e join invoices i on i.id = e.object");
    assert_eq!(booked, "evt_E2 invoice.paid in_I2 A1B2-0002 0 EUR");
}

#[test]
fn paid_orders_of_shopify_become_sales_orders_and_slack_is_told() {
    let place = copied();
    let finished = Engine::new(["run", "examples/shopify-orders-to-sap.yaml", "--mock"])
        .arguments(["--input", "shopify_shop=bakery"])
        .folder(place.path())
        .finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let told: Vec<serde_json::Value> =
        finished.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let orders: Vec<_> = told.iter().map(|it| (&it["record"]["shop_order"], &it["record"]["order"])).collect();
    assert_eq!(orders, [(&"#1001".into(), &"77".into()), (&"#1003".into(), &"77".into())]);
}

#[test]
fn issues_of_jira_and_the_time_spent_on_them_go_to_parquet() {
    let place = copied();
    let finished = Engine::new(["run", "examples/jira-issues-to-parquet.yaml", "--mock"])
        .arguments(["--input", "jira_url=https://bakery.atlassian.net"])
        .folder(place.path())
        .finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    for (folder, rows) in [("issues/2025-03", 3), ("worklogs", 1)] {
        let files: Vec<_> = std::fs::read_dir(place.path().join("out/jira").join(folder)).unwrap().collect();
        assert_eq!(files.len(), 1, "{folder}: {files:?}");
        let file = std::fs::File::open(files.into_iter().next().unwrap().unwrap().path()).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), rows, "{folder}");
    }
}

#[test]
fn a_release_on_github_becomes_a_card_in_teams() {
    let place = copied();
    let finished = Engine::new(["run", "examples/github-release-to-teams.yaml", "--mock"])
        .arguments(["--event", "examples/events/release-published.json"])
        .folder(place.path())
        .finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    assert_eq!(finished.stdout(), "{\"tag\":\"v1.2.0\"}\n");
}
