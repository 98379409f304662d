//! What lands in tables of real `SQLite` files.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use engine_expr::Value;
use engine_runtime::{
    Column, ColumnType, Mode, PagePart, Record, RecordSink, SinkError, SinkKind, SinkSpec, SinkTarget, Sinks,
};
use engine_storage::Storage;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

/// A folder with one database, and what its tables are opened with.
struct Fixture {
    _folder: TempDir,
    path: PathBuf,
    storage: Storage,
    spec: SinkSpec,
    target: SinkTarget,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a/b/out.db");
        let spec = SinkSpec { name: "db".to_owned(), create: true, kind: SinkKind::Sqlite { pragmas: Vec::new() } };
        let target = SinkTarget { table: Some("t".to_owned()), path: Some(path.clone()), ..SinkTarget::default() };
        Self { _folder: folder, path, storage: Storage::new(), spec, target }
    }

    fn upsert(mut self, key: &[&str]) -> Self {
        self.target.mode = Mode::Upsert;
        self.target.key = key.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    fn replace(mut self) -> Self {
        self.target.mode = Mode::Replace;
        self
    }

    fn columns(mut self, columns: &[(&str, ColumnType)]) -> Self {
        self.target.columns =
            columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
        self
    }

    fn open(&self) -> Result<Box<dyn RecordSink>, SinkError> {
        self.storage.open(&self.spec, &self.target)
    }

    /// Writes pages of one JSON text per line, and ends.
    fn write(&self, pages: &[&str]) -> Result<(), SinkError> {
        let mut sink = self.open()?;
        for page in pages {
            sink.write(&records(page))?;
        }
        sink.finish()
    }

    fn sql(&self, sql: &str) {
        Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
    }

    /// Returns the rows of a query, a line each, texts in quotes.
    fn query(&self, sql: &str) -> String {
        let connection = Connection::open(&self.path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let cell = |at| match row.get_ref(at).unwrap() {
                ValueRef::Null => "null".to_owned(),
                ValueRef::Integer(it) => it.to_string(),
                ValueRef::Real(it) => format!("{it:?}f"),
                ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
                ValueRef::Blob(_) => "blob".to_owned(),
            };
            lines.push((0..width).map(cell).collect::<Vec<_>>().join(" "));
        }
        lines.join("\n")
    }

    fn rows(&self) -> String {
        self.query("SELECT * FROM t ORDER BY rowid")
    }

    fn types(&self) -> String {
        self.query("SELECT group_concat(trim(name || ' ' || type), ', ') FROM pragma_table_info('t')")
    }
}

fn records(lines: &str) -> Vec<Record> {
    lines.lines().map(|line| Record::Raw(line.trim().into())).collect()
}

#[test]
fn tells_whether_there_was_a_table_before() {
    let fixture = Fixture::new();
    let mut sink = fixture.open().unwrap();
    assert!(sink.is_new());
    sink.write(&records(r#"{"id": 1}"#)).unwrap();
    assert!(sink.is_new());
    sink.finish().unwrap();
    drop(sink);
    assert!(!fixture.open().unwrap().is_new());
}

#[test]
fn makes_a_table_from_what_the_records_have() {
    let it = Fixture::new();
    it.write(&[r#"{"id": 1, "name": "Zoë ✓", "price": 19.90, "paid": true, "lines": [{"sku": "A"}], "note": null}
                  {"id": 2, "name": "b\"\n", "price": 5, "paid": false, "lines": [], "note": "x"}"#])
        .unwrap();
    assert_eq!(it.types(), "'id INTEGER, name TEXT, price DECIMAL_TEXT, paid BOOLEAN, lines JSON_TEXT, note TEXT'");
    assert_eq!(it.rows(), "1 'Zoë ✓' '19.90' 1 '[{\"sku\": \"A\"}]' null\n2 'b\"\n' '5' 0 '[]' 'x'");
}

#[test]
fn makes_a_table_from_what_the_mapping_declares() {
    let columns = [
        ("id", ColumnType::Integer),
        ("total", ColumnType::Decimal),
        ("ratio", ColumnType::Number),
        ("at", ColumnType::Datetime),
        ("day", ColumnType::Date),
        ("ok", ColumnType::Boolean),
        ("more", ColumnType::Json),
        ("text", ColumnType::String),
    ];
    let it = Fixture::new().columns(&columns);
    it.write(&[]).unwrap();
    let types = "'id INTEGER, total DECIMAL_TEXT, ratio REAL, at DATETIME_TEXT, day DATE_TEXT, ok BOOLEAN, more JSON_TEXT, text TEXT'";
    assert_eq!(it.types(), types);
    it.write(&[r#"{"text": "007", "id": 1, "total": 12345678901234567890.10, "ratio": 0.5, "at": "2025-01-01T00:00:00Z", "day": "2025-01-01", "ok": true, "more": {"a": 1}}"#])
        .unwrap();
    assert_eq!(it.types(), types);
    assert_eq!(it.rows(), "1 '12345678901234567890.10' 0.5f '2025-01-01T00:00:00Z' '2025-01-01' 1 '{\"a\": 1}' '007'");
}

#[test]
fn columns_without_a_type_keep_their_place_and_take_the_type_of_the_first_value() {
    let it = Fixture::new().columns(&[
        ("order", ColumnType::Any),
        ("total", ColumnType::Decimal),
        ("more", ColumnType::Any),
    ]);
    it.write(&[r##"{"order": "#1", "total": 1.10, "more": null}"##]).unwrap();
    assert_eq!(it.types(), "'order TEXT, total DECIMAL_TEXT, more'");
    let empty = Fixture::new().columns(&[("order", ColumnType::Any), ("total", ColumnType::Decimal)]);
    empty.write(&[]).unwrap();
    assert_eq!(empty.types(), "'order, total DECIMAL_TEXT'");
}

#[test]
fn upserting_twice_gives_the_same_rows() {
    let it = Fixture::new().upsert(&["id"]);
    let page = r#"{"id": 1, "name": "a"}
                  {"id": 2, "name": "b"}
                  {"id": 1, "name": "c"}"#;
    it.write(&[page]).unwrap();
    let rows = it.rows();
    assert_eq!(rows, "1 'c'\n2 'b'");
    it.write(&[page, page]).unwrap();
    assert_eq!(it.rows(), rows);
}

#[test]
fn upserting_leaves_what_a_record_does_not_have_and_writes_null_where_it_says_null() {
    let it = Fixture::new().upsert(&["a", "b"]);
    it.write(&[r#"{"a": 1, "b": "x", "c": 1, "d": 1}"#, r#"{"b": "x", "a": 1, "c": null}"#, r#"{"a": 1, "b": "x"}"#])
        .unwrap();
    assert_eq!(it.rows(), "1 'x' null 1");
}

#[test]
fn a_record_without_its_key_is_an_error() {
    let it = Fixture::new().upsert(&["id"]);
    for (record, expected) in [
        (r#"{"name": "b"}"#, "row 2: the record has no value in `id`, a member of the key"),
        (r#"{"id": null}"#, "row 2: the record has no value in `id`, a member of the key"),
    ] {
        let error = it.write(&[&format!("{{\"id\": 1}}\n{record}")]).unwrap_err();
        assert_eq!(error.message, expected);
    }
    assert_eq!(it.query("SELECT count(*) FROM sqlite_master"), "0", "the page left no trace");
}

#[test]
fn a_page_is_written_whole_or_not_at_all() {
    let it = Fixture::new().columns(&[("id", ColumnType::Integer)]);
    let mut sink = it.open().unwrap();
    sink.write(&records(r#"{"id": 1}"#)).unwrap();
    let error = sink.write(&records("{\"id\": 2, \"new\": 1}\n{\"id\": \"abc\"}")).unwrap_err();
    assert_eq!(error.message, "row 3: column `id` of table `t` is integer, and \"abc\" does not fit");
    assert_eq!(error.help.unwrap(), "the mapping says `type: integer`: give a value of it, or change the type");
    assert_eq!((it.rows(), it.types()), ("1".to_owned(), "'id INTEGER'".to_owned()));
    sink.write(&records("{\"id\": 2, \"new\": 1}")).unwrap();
    assert_eq!(it.rows(), "1 null\n2 1");
}

#[test]
fn pages_that_have_come_together_are_written_up_to_the_one_at_fault() {
    let it = Fixture::new().columns(&[("id", ColumnType::Integer)]);
    let mut sink = it.open().unwrap();
    let parts = |counts: &[usize]| -> Vec<PagePart> {
        counts.iter().map(|count| PagePart { records: *count, units: Vec::new() }).collect()
    };
    sink.write_pages(&records("{\"id\": 1}\n{\"id\": 2}\n{\"id\": 3}"), &parts(&[2, 1])).unwrap();
    let error = sink
        .write_pages(&records("{\"id\": 4}\n{\"id\": 5, \"new\": 1}\n{\"id\": \"x\"}\n{\"id\": 7}"), &parts(&[1, 2, 1]))
        .unwrap_err();
    assert!(error.message.starts_with("row 6: column `id` of table `t` is integer"), "{error}");
    assert_eq!((it.rows(), it.types()), ("1\n2\n3\n4".to_owned(), "'id INTEGER'".to_owned()));
}

#[test]
fn new_members_become_columns() {
    let it = Fixture::new();
    it.write(&[r#"{"a": 1}"#, "{\"a\": 2, \"b\": null}\n{\"b\": \"x\", \"a\": 3}\n{\"c\": {}}", r#"{"d": null}"#])
        .unwrap();
    assert_eq!(it.types(), "'a INTEGER, b TEXT, c JSON_TEXT, d'");
    assert_eq!(
        it.rows(),
        "1 null null null\n2 null null null\n3 'x' null null\nnull null '{}' null\nnull null null null"
    );
}

#[test]
fn columns_that_nobody_declared_are_widened_where_a_value_needs_it() {
    let it = Fixture::new().upsert(&["id"]);
    it.write(&[
        "{\"id\": 7, \"n\": 1, \"b\": true, \"s\": \"x\"}\n{\"id\": 8, \"n\": 1.50, \"b\": \"no\", \"s\": 5}",
        r#"{"id": "a7", "n": {}}"#,
    ])
    .unwrap();
    assert_eq!(
        it.query("SELECT id, n, b, s FROM t ORDER BY rowid"),
        "'7' '1' 'true' 'x'\n'8' '1.50' 'no' '5'\n'a7' '{}' null null"
    );
    it.write(&[r#"{"id": "7", "s": "y"}"#]).unwrap();
    assert_eq!(it.query("SELECT id, s FROM t WHERE s = 'y'"), "'7' 'y'");
}

#[test]
fn columns_are_widened_where_the_mapping_declares_more() {
    let it = Fixture::new();
    it.write(&[r#"{"a": 1, "b": 9007199254740993}"#]).unwrap();
    let decimal = Fixture {
        target: SinkTarget {
            columns: vec![Column { name: "a".to_owned(), kind: ColumnType::Decimal }],
            ..it.target.clone()
        },
        ..it
    };
    decimal.write(&[r#"{"a": 0.10}"#]).unwrap();
    assert_eq!(decimal.query("SELECT a FROM t ORDER BY rowid"), "'1'\n'0.10'");
    let number = decimal.columns(&[("b", ColumnType::Number)]);
    let error = number.write(&[]).unwrap_err();
    assert_eq!(error.message, "column `b` of table `t` is integer: making it number would lose digits");
}

#[test]
fn a_widening_that_would_lose_digits_is_an_error() {
    let it = Fixture::new().columns(&[("price", ColumnType::Number)]);
    it.write(&[r#"{"price": 19.90}"#]).unwrap();
    let decimal = it.columns(&[("price", ColumnType::Decimal)]);
    let error = decimal.write(&[]).unwrap_err();
    assert_eq!(error.message, "column `price` of table `t` is number: making it decimal would lose digits");
    let undeclared = decimal.columns(&[]);
    undeclared.write(&[r#"{"price": 0.1}"#]).unwrap();
    let error = undeclared.write(&[r#"{"price": 12345678901234567.89}"#]).unwrap_err();
    assert_eq!(error.message, "row 1: column `price` of table `t` is number, and 12345678901234567.89 does not fit");
}

#[test]
fn decimals_keep_their_digits_also_in_tables_of_others() {
    let it = Fixture::new().columns(&[("total", ColumnType::Decimal)]);
    it.write(&["{\"total\": 0.10}\n{\"total\": \"1234567890123456789012345678.90\"}\n{\"total\": 1e400}"]).unwrap();
    assert_eq!(it.rows(), "'0.10'\n'1234567890123456789012345678.90'\n'1e400'");
    let other = Fixture::new();
    other.write(&[r#"{"x": 1}"#]).unwrap();
    other.sql("DROP TABLE t; CREATE TABLE t (n NUMERIC(10, 2), code VARCHAR(10), i BIGINT)");
    other.write(&[r#"{"n": 19.90, "code": "007", "i": "7"}"#]).unwrap();
    assert_eq!(other.rows(), "19.9f '007' 7");
    let error = other.write(&[r#"{"n": "abc"}"#]).unwrap_err();
    assert_eq!(error.message, "row 1: column `n` of table `t` is number, and \"abc\" does not fit");
    other.write(&[r#"{"i": "007"}"#]).unwrap();
    assert_eq!(
        other.query("SELECT i FROM t ORDER BY rowid"),
        "'7'\n'007'",
        "the column became one of texts, and no zero was lost"
    );
}

#[test]
fn create_false_makes_neither_tables_nor_columns_nor_indexes() {
    let mut it = Fixture::new();
    it.spec.create = false;
    assert!(it.write(&[]).unwrap_err().help.unwrap().contains("make the database"));
    it.spec.create = true;
    it.write(&[]).unwrap();
    it.spec.create = false;
    assert_eq!(it.write(&[]).unwrap_err().message, "there is no table `t`, and `create: false` forbids to make it");
    it.sql("CREATE TABLE t (id INTEGER)");
    let error = it.write(&[r#"{"id": 1, "x": 2}"#]).unwrap_err();
    assert_eq!(error.message, "row 1: table `t` has no column `x`, and `create: false` forbids to make it");
    let error = it.write(&[r#"{"id": "x"}"#]).unwrap_err();
    assert_eq!(
        error.message,
        "column `id` of table `t` is integer, and `create: false` forbids to make it string"
            .replace("column", "row 1: column")
    );
    let it = it.upsert(&["id"]);
    let error = it.write(&[r#"{"id": 1}"#]).unwrap_err();
    assert_eq!(error.help.unwrap(), "make it: `CREATE UNIQUE INDEX \"t by id\" ON \"t\" (\"id\")`");
    it.sql("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
    it.write(&[r#"{"ID": 1, "name": "a"}"#, r#"{"id": 1, "name": "b"}"#]).unwrap();
    assert_eq!(it.rows(), "1 'b'");
    let it = it.replace();
    it.write(&[r#"{"id": 2}"#]).unwrap();
    assert_eq!(it.rows(), "2 null");
}

#[test]
fn replacing_swaps_the_rows_at_the_end() {
    let it = Fixture::new();
    it.write(&[r#"{"id": 1, "old": 1}"#]).unwrap();
    it.sql("CREATE INDEX mine ON t (id)");
    let it = it.replace();
    let mut sink = it.open().unwrap();
    sink.write(&records("{\"id\": 2}\n{\"id\": 3.5, \"new\": true}")).unwrap();
    assert_eq!(it.rows(), "1 1");
    sink.finish().unwrap();
    assert_eq!(it.query("SELECT id, old, new FROM t"), "'2' null null\n'3.5' null 1");
    assert_eq!(it.query("SELECT name FROM sqlite_master WHERE type = 'index'"), "'mine'");
    it.write(&[]).unwrap();
    assert_eq!(it.rows(), "");
}

#[test]
fn replacing_by_key_takes_the_last_record_of_a_key() {
    let mut it = Fixture::new().upsert(&["id"]);
    it.write(&[r#"{"id": 9}"#]).unwrap();
    it.target.mode = Mode::Replace;
    it.write(&[r#"{"id": 1, "n": 1}"#, r#"{"id": 1, "n": 2}"#]).unwrap();
    it.write(&[r#"{"id": 1, "n": 1}"#, r#"{"id": 1, "n": 3}"#]).unwrap();
    assert_eq!(it.rows(), "1 3");
}

#[test]
fn a_key_can_be_widened_while_rows_are_gathered() {
    let mut it = Fixture::new().upsert(&["id"]);
    it.write(&[r#"{"id": 1}"#]).unwrap();
    it.target.mode = Mode::Replace;
    it.write(&[r#"{"id": 1, "n": 1}"#, r#"{"id": "a", "n": 2}"#, r#"{"id": 1, "n": 3}"#]).unwrap();
    assert_eq!(it.query("SELECT id, n FROM t ORDER BY n"), "'a' 2\n'1' 3");
    it.target.mode = Mode::Upsert;
    it.write(&[r#"{"id": "a", "n": 4}"#]).unwrap();
    assert_eq!(it.query("SELECT id, n FROM t ORDER BY n"), "'1' 3\n'a' 4");
}

#[test]
fn a_key_that_is_declared_a_whole_number_is_the_primary_key() {
    let it = Fixture::new().upsert(&["id"]).columns(&[("name", ColumnType::Any), ("id", ColumnType::Integer)]);
    it.write(&[r#"{"name": "a", "id": 7}"#, "{\"name\": \"b\", \"id\": 3}\n{\"name\": \"c\", \"id\": 7}"]).unwrap();
    assert_eq!(it.rows(), "'b' 3\n'c' 7");
    assert_eq!(it.query("SELECT name FROM pragma_table_info('t') WHERE pk = 1"), "'id'");
    assert_eq!(it.query("SELECT count(*) FROM sqlite_master"), "1", "no index is needed beside it");
    assert!(it.write(&[r#"{"id": null}"#]).is_err());
}

#[test]
fn a_primary_key_can_be_widened_and_all_beside_the_table_stays() {
    let it = Fixture::new().upsert(&["id"]).columns(&[("id", ColumnType::Integer), ("n", ColumnType::Integer)]);
    it.write(&[r#"{"id": 7, "n": 1}"#, r#"{"id": 3, "n": 2}"#]).unwrap();
    it.sql(
        "ALTER TABLE t ADD COLUMN own TEXT DEFAULT 'x'; CREATE INDEX mine ON t (n); CREATE VIEW seen AS SELECT n, own FROM t;
         CREATE TABLE log (n); CREATE TRIGGER told AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.n); END",
    );
    let it = it.columns(&[("id", ColumnType::String), ("n", ColumnType::Integer)]);
    it.write(&[r#"{"id": "7", "n": 5}"#, r#"{"id": "a", "n": 6}"#]).unwrap();
    assert_eq!(it.query("SELECT id FROM t ORDER BY id"), "'3'\n'7'\n'a'");
    assert_eq!(it.query("SELECT * FROM seen ORDER BY n"), "2 'x'\n5 'x'\n6 'x'");
    assert_eq!(it.query("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name"), "'mine'\n't by id'");
    assert_eq!(it.query("SELECT n FROM log WHERE n = 5"), "5", "the trigger is there, and the key keeps rows apart");
    // A value that does not fit brings a column that nobody declares to what holds it.
    let it = Fixture::new().upsert(&["id"]).columns(&[("id", ColumnType::Integer)]);
    it.write(&[r#"{"id": 1}"#]).unwrap();
    let it = it.columns(&[]);
    it.write(&["{\"id\": 2}\n{\"id\": \"b\"}\n{\"id\": 1}", r#"{"id": "b"}"#]).unwrap();
    assert_eq!(it.query("SELECT id FROM t ORDER BY id"), "'1'\n'2'\n'b'");
}

#[test]
fn a_primary_key_to_which_foreign_keys_lead_is_not_made_anew() {
    let it = Fixture::new().upsert(&["id"]).columns(&[("id", ColumnType::Integer)]);
    it.write(&[r#"{"id": 1}"#]).unwrap();
    it.sql("CREATE TABLE child (of INTEGER REFERENCES t (id) ON DELETE CASCADE); INSERT INTO child VALUES (1)");
    let it = it.columns(&[("id", ColumnType::String)]);
    let error = it.write(&[r#"{"id": "b"}"#]).unwrap_err();
    assert_eq!(
        error.message,
        "column `id` is the primary key of table `t`, to which foreign keys lead: it can't be widened"
    );
    assert_eq!(it.query("SELECT of, t.id FROM child JOIN t ON t.id = of"), "1 1");
}

#[test]
fn a_failed_step_leaves_the_old_rows() {
    let it = Fixture::new();
    it.write(&[r#"{"id": 1}"#]).unwrap();
    let it = it.replace();
    let mut sink = it.open().unwrap();
    sink.write(&records(r#"{"id": 2}"#)).unwrap();
    drop(sink);
    assert_eq!(it.rows(), "1");
    assert_eq!(it.query("SELECT count(*) FROM sqlite_master"), "1");
}

#[test]
fn names_are_quoted_and_values_are_never_sql() {
    let mut it = Fixture::new();
    it.target.table = Some("t\"; DROP TABLE x; --".to_owned());
    let it = it.upsert(&["select"]);
    it.write(&[r#"{"select": "'); DROP TABLE x; --", "a\"b": 1, "a b": 2, "": 3}"#]).unwrap();
    assert_eq!(it.query("SELECT * FROM \"t\"\"; DROP TABLE x; --\""), "''); DROP TABLE x; --' 1 2 3");
}

#[test]
fn members_that_differ_by_case_only_are_an_error() {
    let it = Fixture::new();
    let error = it.write(&[r#"{"id": 1, "ID": 2}"#]).unwrap_err();
    assert!(error.message.starts_with("row 1: the members `id` and `ID` would share a column"), "{error}");
}

#[test]
fn a_member_that_comes_twice_counts_once() {
    let it = Fixture::new();
    it.write(&[r#"{"id": 1, "id": 2}"#, r#"{"id": 3, "id": 4}"#]).unwrap();
    assert_eq!(it.rows(), "2\n4");
}

#[test]
fn rows_that_share_a_key_are_told() {
    let it = Fixture::new();
    it.write(&["{\"id\": 1}\n{\"id\": 1}"]).unwrap();
    let error = it.upsert(&["id"]).write(&[r#"{"id": 2}"#]).unwrap_err();
    assert_eq!(error.message, "row 1: table `t` has rows that share a key (`id`)");
}

#[test]
fn two_writers_of_one_table_see_each_other() {
    let it = Fixture::new().upsert(&["id"]);
    let (mut one, mut other) = (it.open().unwrap(), it.open().unwrap());
    one.write(&records(r#"{"id": 1, "a": 1}"#)).unwrap();
    other.write(&records(r#"{"id": 1, "b": 2}"#)).unwrap();
    one.write(&records(r#"{"id": 1, "a": 3, "b": 4, "c": 5}"#)).unwrap();
    other.write(&records(r#"{"id": 2, "a": 1.5}"#)).unwrap();
    assert_eq!(it.query("SELECT id, a, b, c FROM t"), "1 '3' 4 5\n2 '1.5' null null");
}

#[test]
fn steps_that_upsert_into_one_table_at_once_all_succeed() {
    const STEPS: u32 = 4;
    let it = Fixture::new().upsert(&["id"]);
    let start = std::sync::Barrier::new(STEPS as usize);
    std::thread::scope(|scope| {
        for step in 0..STEPS {
            let (it, start) = (&it, &start);
            scope.spawn(move || {
                start.wait();
                let mut sink = it.open().unwrap();
                for page in 0..50 {
                    // All steps have the same keys; each has a column of its own.
                    let lines: Vec<String> =
                        (0..20).map(|at| format!("{{\"id\": {}, \"of_{step}\": {page}}}", page * 20 + at)).collect();
                    sink.write(&records(&lines.join("\n"))).unwrap();
                }
                sink.finish().unwrap();
            });
        }
    });
    assert_eq!(it.query("SELECT count(*), count(DISTINCT id) FROM t"), "1000 1000");
    assert_eq!(
        it.query("SELECT count(*) FROM t WHERE id / 20 = of_0 AND of_0 = of_1 AND of_1 = of_2 AND of_2 = of_3"),
        "1000"
    );
}

#[test]
fn steps_that_write_different_tables_of_one_file_at_once_all_succeed() {
    let it = Fixture::new();
    let start = std::sync::Barrier::new(3);
    std::thread::scope(|scope| {
        for (table, mode) in [("a", Mode::Append), ("b", Mode::Upsert), ("c", Mode::Replace)] {
            let (it, start) = (&it, &start);
            let target =
                SinkTarget { table: Some(table.to_owned()), mode, key: vec!["id".to_owned()], ..it.target.clone() };
            scope.spawn(move || {
                start.wait();
                let mut sink = it.storage.open(&it.spec, &target).unwrap();
                for page in 0..50 {
                    sink.write(&records(&format!("{{\"id\": {page}}}"))).unwrap();
                }
                sink.finish().unwrap();
            });
        }
    });
    let counts = "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM c)";
    assert_eq!(it.query(counts), "50 50 50");
}

#[test]
fn a_step_without_records_makes_its_table_if_its_columns_are_known() {
    let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table'";
    for mode in [Mode::Append, Mode::Upsert, Mode::Replace] {
        let mut unknown = Fixture::new().upsert(&["id"]);
        unknown.target.mode = mode;
        unknown.write(&[]).unwrap();
        assert_eq!(unknown.query(tables), "0", "{mode:?}");
        let it = unknown.columns(&[("id", ColumnType::Integer), ("more", ColumnType::Any)]);
        it.write(&[]).unwrap();
        assert_eq!((it.types().as_str(), it.rows().as_str()), ("'id INTEGER, more'", ""), "{mode:?}");
        it.write(&[r#"{"id": 1}"#]).unwrap();
        it.write(&[]).unwrap();
        let left = if mode == Mode::Replace { "" } else { "1 null" };
        assert_eq!(it.rows(), left, "{mode:?}");
        let it = it.columns(&[]);
        it.write(&[r#"{"id": 1}"#]).unwrap();
        it.write(&[]).unwrap();
        assert_eq!(it.rows(), if mode == Mode::Append { "1 null\n1 null" } else { left }, "{mode:?}");
    }
}

#[test]
fn settings_of_the_database_are_set() {
    let mut it = Fixture::new();
    let pragmas =
        vec![("journal_mode".to_owned(), Value::from("delete")), ("user_version".to_owned(), Value::from(7_i64))];
    it.spec.kind = SinkKind::Sqlite { pragmas };
    it.write(&[r#"{"id": 1}"#]).unwrap();
    assert_eq!(it.query("SELECT * FROM pragma_journal_mode, pragma_user_version"), "'delete' 7");
    it.spec.kind = SinkKind::Sqlite { pragmas: vec![("a; DROP".to_owned(), Value::Null)] };
    assert!(it.write(&[]).unwrap_err().message.contains("no setting"));
    let plain = Fixture::new();
    plain.write(&[]).unwrap();
    plain.write(&[r#"{"id": 1}"#]).unwrap();
    assert_eq!(plain.query("SELECT * FROM pragma_journal_mode"), "'wal'");
}

#[test]
fn records_of_many_shapes_and_ten_thousand_rows() {
    let it = Fixture::new().upsert(&["id"]);
    let mut sink = it.open().unwrap();
    for page in 0..100 {
        let lines: Vec<String> = (0..100)
            .map(|at| {
                let id = page * 100 + at;
                let optional = if id % 3 == 0 { ", \"c\": null" } else { "" };
                format!("{{\"id\": {id}, \"name\": \"n{id}\", \"price\": {id}.{:02}{optional}}}", id % 100)
            })
            .collect();
        sink.write(&records(&lines.join("\n"))).unwrap();
    }
    sink.finish().unwrap();
    assert_eq!(it.query("SELECT count(*), count(DISTINCT id), sum(id) FROM t"), "10000 10000 49995000");
    assert_eq!(it.query("SELECT price FROM t WHERE id = 4210"), "'4210.10'");
}

#[test]
fn values_are_written_as_texts_are() {
    let it = Fixture::new();
    let text = r#"{"a":1,"b":1.50,"c":"x","d":true,"e":[1,{"f":2.0}],"g":null}"#;
    let mut sink = it.open().unwrap();
    sink.write(&[Record::Raw(text.into()), Record::Value(Value::from_json(text).unwrap())]).unwrap();
    sink.finish().unwrap();
    assert_eq!(it.query("SELECT count(*) FROM (SELECT DISTINCT * FROM t)"), "1");
}

#[test]
fn what_is_declared_counts_in_a_table_that_another_makes_meanwhile() {
    let it = Fixture::new().columns(&[("id", ColumnType::Any), ("c", ColumnType::Decimal), ("d", ColumnType::Decimal)]);
    let mut sink = it.open().unwrap();
    it.storage
        .open(&it.spec, &SinkTarget { columns: Vec::new(), ..it.target.clone() })
        .and_then(|mut other| {
            other.write(&records(r#"{"id": 1, "d": 1}"#))?;
            other.finish()
        })
        .unwrap();
    sink.write(&records(r#"{"id": 2, "c": 1, "d": 0.1}"#)).unwrap();
    sink.write(&records(r#"{"id": 3, "c": 12345678901234567.89, "d": 2}"#)).unwrap();
    sink.finish().unwrap();
    assert_eq!(it.types(), "'id INTEGER, c DECIMAL_TEXT, d DECIMAL_TEXT'");
}
