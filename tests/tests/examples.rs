//! The examples, run against the mock as the README says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use engine_tests::{Engine, Finished, root};
use tempfile::TempDir;

/// Copies the examples and the catalogue, so that what is written stays out of the repository.
fn copied() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for folder in ["examples", "specs"] {
        std::fs::create_dir(place.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), place.path().join(folder).join(entry.file_name())).unwrap();
        }
    }
    place
}

fn run(place: &Path, example: &str) -> Finished {
    let finished = Engine::new(["run", example, "--mock"]).folder(place).finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    finished
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
