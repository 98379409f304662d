//! What is read back of what sinks wrote, and of what others did.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use engine_expr::{Secret, Value};
use engine_runtime::{
    Column, ColumnType, FileCompression, Held, Mode, ParquetCompression, Record, RecordSource, SinkError, SinkKind,
    SinkQuery, SinkRows, SinkSpec, SinkTarget, Sinks,
};
use engine_storage::Storage;
#[cfg(unix)]
use engine_tests::Postgres;
use rusqlite::Connection;
use tempfile::TempDir;

/// A sink, and what is written to it and read of it.
struct Fixture {
    folder: TempDir,
    storage: Storage,
    spec: SinkSpec,
    file: &'static str,
}

const SQLITE: SinkKind = SinkKind::Sqlite { pragmas: Vec::new() };

impl Fixture {
    fn new(kind: SinkKind, file: &'static str) -> Self {
        let spec = SinkSpec { name: "store".to_owned(), create: true, kind };
        Self { folder: TempDir::new().unwrap(), storage: Storage::new(), spec, file }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.file)
    }

    fn target(&self, columns: &[(&str, ColumnType)]) -> SinkTarget {
        let column = |(name, kind): &(&str, ColumnType)| Column { name: (*name).to_owned(), kind: *kind };
        SinkTarget {
            table: Some("t".to_owned()),
            path: Some(self.path()),
            columns: columns.iter().map(column).collect(),
            ..SinkTarget::default()
        }
    }

    fn write(&self, columns: &[(&str, ColumnType)], lines: &[&str]) {
        self.write_to(&self.target(columns), lines);
    }

    fn write_to(&self, target: &SinkTarget, lines: &[&str]) {
        let mut sink = self.storage.open(&self.spec, target).unwrap();
        sink.write(&records(lines)).unwrap();
        sink.finish().unwrap();
    }

    fn open(&self, rows: SinkRows) -> Result<Box<dyn RecordSource>, SinkError> {
        match self.storage.read(&self.spec, &SinkQuery { path: Some(self.path()), rows })? {
            Held::Records(source) => Ok(source),
            Held::Nothing(error) => Err(SinkError { message: format!("nothing: {}", error.message), ..error }),
        }
    }

    fn read(&self, rows: SinkRows) -> Result<Vec<String>, SinkError> {
        rest(&mut *self.open(rows)?)
    }

    fn table(&self) -> Vec<String> {
        self.read(SinkRows::Table("t".to_owned())).unwrap()
    }

    fn query(&self, text: &str, params: &str) -> Result<Vec<String>, SinkError> {
        let params = Value::from_json(params).unwrap();
        let params =
            params.as_object().unwrap().iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        self.read(SinkRows::Query { text: text.to_owned(), params })
    }

    #[track_caller]
    fn refused(&self, text: &str, params: &str, message: &str, help: Option<&str>) {
        let error = self.query(text, params).unwrap_err();
        assert_eq!((error.message.as_str(), error.help.as_deref()), (message, help), "{text}");
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }
}

fn records(lines: &[&str]) -> Vec<Record> {
    lines.iter().map(|line| Record::Raw((*line).into())).collect()
}

fn rest(source: &mut dyn RecordSource) -> Result<Vec<String>, SinkError> {
    let mut lines = Vec::new();
    loop {
        let page = source.next_page()?;
        if page.is_empty() {
            return Ok(lines);
        }
        assert!(page.len() <= 1000, "a page is bounded");
        lines.extend(page.iter().map(|record| record.to_value().unwrap().to_json()));
    }
}

const TYPES: [(&str, ColumnType); 8] = [
    ("text", ColumnType::String),
    ("int", ColumnType::Integer),
    ("real", ColumnType::Number),
    ("decimal", ColumnType::Decimal),
    ("yes", ColumnType::Boolean),
    ("day", ColumnType::Date),
    ("at", ColumnType::Datetime),
    ("more", ColumnType::Json),
];

const ROWS: [&str; 3] = [
    r#"{"text":"a \"b\"\n✓","int":9223372036854775807,"real":0.1,"decimal":12345678901234567890.123456,"yes":true,"day":"2025-01-31","at":"2025-01-31T08:00:00.5Z","more":{"a":[1.5,null]}}"#,
    r#"{"text":null,"int":null,"real":null,"decimal":null,"yes":null,"day":null,"at":null,"more":null}"#,
    r#"{"text":"","int":-1,"real":5,"decimal":-19.9,"yes":false,"day":"0001-01-01","at":"1969-12-31T23:59:59Z","more":"a text"}"#,
];

#[test]
fn what_was_written_to_sqlite_is_read_back() {
    let it = Fixture::new(SQLITE, "a.db");
    it.write(&TYPES, &ROWS);
    assert_eq!(it.table(), ROWS);
    assert_eq!(it.query("select * from t order by rowid", "{}").unwrap(), ROWS);
    assert_eq!(
        it.query("select decimal, yes from (select * from t) where int = :int;", r#"{"int": -1}"#).unwrap(),
        [r#"{"decimal":-19.9,"yes":false}"#]
    );
}

#[test]
fn what_no_mapping_declares_is_read_back_too() {
    let rows = [
        r#"{"id":1,"price":19.90,"paid":true,"lines":[{"sku":"A"}],"note":"x"}"#,
        r#"{"id":2,"price":5,"paid":false,"lines":[],"note":null}"#,
    ];
    let it = Fixture::new(SQLITE, "a.db");
    it.write(&[], &rows);
    assert_eq!(it.table(), rows);
}

#[test]
fn a_table_has_the_order_of_its_rows_or_of_its_key() {
    let it = Fixture::new(SQLITE, "a.db");
    it.sql(
        "create table t (rowid text, x blob); insert into t values ('b', x'0102'), ('a', 0.5);
            create table k (b, a text, primary key (a)) without rowid; insert into k values (1, 'z'), (2, 'y');
            create view v as select a from k order by a desc;",
    );
    assert_eq!(it.table(), [r#"{"rowid":"b","x":"AQI="}"#, r#"{"rowid":"a","x":0.5}"#]);
    assert_eq!(it.read(SinkRows::Table("k".to_owned())).unwrap(), [r#"{"b":2,"a":"y"}"#, r#"{"b":1,"a":"z"}"#]);
    assert_eq!(it.read(SinkRows::Table("v".to_owned())).unwrap(), [r#"{"a":"z"}"#, r#"{"a":"y"}"#]);
}

#[test]
fn what_is_written_meanwhile_is_not_read() {
    for journal in ["wal", "delete"] {
        let it = Fixture::new(SQLITE, "a.db");
        it.sql(&format!("pragma journal_mode = {journal}; create table t (id integer, text text)"));
        it.sql(
            "with recursive n (i) as (values (1) union all select i + 1 from n where i < 5000)
                insert into t select i, 'a' from n",
        );
        let mut source = it.open(SinkRows::Table("t".to_owned())).unwrap();
        let mut first = source.next_page().unwrap().len();
        // Neither waits for the other; rows are changed, added, and the table gets another column.
        it.sql("update t set text = 'b'; insert into t values (0, 'b'); alter table t add column more text");
        let left = rest(&mut *source).unwrap();
        first += left.len();
        assert_eq!((first, left.last().unwrap().as_str()), (5000, r#"{"id":5000,"text":"a"}"#), "{journal}");
        assert_eq!(it.table().len(), 5001);
    }
}

#[test]
fn params_are_bound_and_never_part_of_the_query() {
    let it = Fixture::new(SQLITE, "a.db");
    it.write(&[], &[r#"{"id":1,"name":"o'neil; drop table t"}"#, r#"{"id":2,"name":"b"}"#]);
    let found =
        it.query("select id from t where name = :name or id = :id", r#"{"name": "o'neil; drop table t", "id": 7}"#);
    assert_eq!(found.unwrap(), [r#"{"id":1}"#]);
    let found = it.query(
        "with w as (select value from json_each(:ids)) select id from t join w on id = value",
        r#"{"ids": [2, 3]}"#,
    );
    assert_eq!(found.unwrap(), [r#"{"id":2}"#]);
    assert_eq!(
        it.query("values (:a, :b, :c)", r#"{"a": null, "b": 1.5, "c": true}"#).unwrap(),
        [r#"{"column1":null,"column2":1.5,"column3":1}"#]
    );
}

#[test]
fn a_query_is_one_that_reads() {
    let it = Fixture::new(SQLITE, "a.db");
    it.write(&[], &[r#"{"id":1}"#]);
    let query = "the query of sink `store`";
    let reads = Some("begin it with `select`, `with` or `values`; records are written by `write`");
    for text in ["delete from t", "pragma journal_mode = delete", "with x as (select 1) delete from t"] {
        it.refused(text, "{}", &format!("{query} is no single statement that reads"), reads);
    }
    it.refused(
        "select 1; delete from t",
        "{}",
        &format!("{query} has several statements"),
        Some("write one; another `read` may have the next"),
    );
    it.refused("select idd from t", "{}", &format!("{query}: no such column: idd"), None);
    it.refused("select 1 from tt", "{}", &format!("{query}: no such table: tt"), Some("only `t` is known here"));
    it.refused(
        "select 1 as a, 2 as a",
        "{}",
        &format!("{query} gives two columns `a`"),
        Some("name one of them otherwise: `… as other_a`"),
    );
    it.refused(
        "select :idd",
        r#"{"id": 1}"#,
        &format!("{query} uses `:idd`, and there is no such param"),
        Some("did you mean `id`?"),
    );
    it.refused(
        "select 1",
        r#"{"id": 1}"#,
        &format!("{query} does not use the param `id`"),
        Some("write `:id` where its value belongs, or remove it"),
    );
    it.refused(
        "select ?1",
        "{}",
        &format!("{query}: `?1` is no name of a param"),
        Some("write `:name`, and its value in `params`"),
    );
    assert_eq!(it.table(), [r#"{"id":1}"#]);
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let it = Fixture::new(SQLITE, "a.db");
    let missing = |it: &Fixture, rows| {
        let error = it.read(rows).unwrap_err();
        let folder = it.folder.path().display().to_string();
        format!("{} ({})", error.message, error.help.unwrap_or_default()).replace(&folder, "…")
    };
    let table = |name: &str| SinkRows::Table(name.to_owned());
    assert_eq!(
        missing(&it, table("t")),
        "nothing: there is no database `…/a.db` (write to it in a step before, or check the `path` of the sink)"
    );
    it.sql("create table orders (id); create table customers (id)");
    assert_eq!(missing(&it, table("order")), "nothing: there is no table `order` (did you mean `orders`?)");
    assert_eq!(missing(&it, table("x")), "nothing: there is no table `x` (one of `customers`, `orders`)");
    let it = Fixture::new(SinkKind::Jsonl { compression: FileCompression::None }, "order.jsonl");
    fs::write(it.folder.path().join("orders.jsonl"), "").unwrap();
    assert_eq!(missing(&it, SinkRows::All), "nothing: there is no file `…/order.jsonl` (did you mean `orders.jsonl`?)");
}

#[test]
fn lines_are_read_back_packed_or_not() {
    for compression in [FileCompression::None, FileCompression::Gzip, FileCompression::Zstd] {
        let it = Fixture::new(SinkKind::Jsonl { compression }, "a.jsonl");
        it.write(&TYPES, &ROWS);
        it.write(&TYPES, &ROWS[..1]);
        assert_eq!(it.read(SinkRows::All).unwrap(), [ROWS[0], ROWS[1], ROWS[2], ROWS[0]]);
    }
}

#[test]
fn a_file_ends_where_it_did_when_the_reading_began() {
    let it = Fixture::new(SinkKind::Jsonl { compression: FileCompression::None }, "a.jsonl");
    let lines: Vec<String> = (0..2500).map(|number| format!("{{\"id\":{number}}}")).collect();
    it.write(&[], &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let mut source = it.open(SinkRows::All).unwrap();
    it.write(&[], &["{\"id\":1}"]);
    assert_eq!(rest(&mut *source).unwrap(), lines);
}

#[test]
fn a_line_that_is_no_json_is_told() {
    let it = Fixture::new(SinkKind::Jsonl { compression: FileCompression::None }, "a.jsonl");
    for (text, expected) in [
        ("\u{feff}{}\r\n\r\n  [1]  \n\"x\"", "Ok([\"{}\", \"[1]\", \"\\\"x\\\"\"])"),
        ("{}\n{\"a\":", "line 2 of `…` is no JSON: "),
        ("{} {}\n", "line 1 of `…` is no JSON: "),
    ] {
        fs::write(it.path(), text).unwrap();
        let found = match it.read(SinkRows::All) {
            Ok(lines) => format!("Ok({lines:?})"),
            Err(error) => error.message.replace(&it.path().display().to_string(), "…"),
        };
        assert!(found.starts_with(expected), "{text:?}: {found}");
    }
}

#[test]
fn rows_of_csv_are_texts() {
    let kind = |header, compression| SinkKind::Csv { delimiter: b';', header, compression };
    for compression in [FileCompression::None, FileCompression::Gzip] {
        let it = Fixture::new(kind(true, compression), "a.csv");
        it.write(&[], &[r#"{"id":1,"name":"a;\"b\"\nü","more":[1]}"#, r#"{"id":2,"name":null}"#]);
        assert_eq!(
            it.read(SinkRows::All).unwrap(),
            [r#"{"id":"1","name":"a;\"b\"\nü","more":"[1]"}"#, r#"{"id":"2","name":"","more":""}"#]
        );
    }
    let it = Fixture::new(kind(false, FileCompression::None), "a.csv");
    it.write(&[], &[r#"{"id":1,"name":"a"}"#]);
    assert_eq!(it.read(SinkRows::All).unwrap(), [r#"{"column_1":"1","column_2":"a"}"#]);
}

#[test]
fn many_rows_of_csv_are_read_in_pages() {
    let it = Fixture::new(SinkKind::Csv { delimiter: b',', header: true, compression: FileCompression::None }, "a.csv");
    let mut file = fs::File::create(it.path()).unwrap();
    writeln!(file, "\u{feff}id,text").unwrap();
    for number in 0..5000 {
        writeln!(file, "{number},\"{}\"", "ü\n".repeat(number % 50)).unwrap();
    }
    drop(file);
    let rows = it.read(SinkRows::All).unwrap();
    assert_eq!((rows.len(), rows[3].as_str()), (5000, r#"{"id":"3","text":"ü\nü\nü\n"}"#));
    fs::write(it.path(), "id,text\n1,a\n2\n").unwrap();
    let error = it.read(SinkRows::All).unwrap_err().message;
    assert!(error.ends_with("/a.csv`: line 3 has 1 field, and there are 2 columns"), "{error}");
}

#[test]
fn what_was_written_to_parquet_is_read_back() {
    for (compression, row_group) in [(ParquetCompression::Zstd, None), (ParquetCompression::None, Some(2))] {
        let it = Fixture::new(SinkKind::Parquet { compression, row_group }, "a.parquet");
        it.write(&TYPES, &ROWS);
        assert_eq!(it.read(SinkRows::All).unwrap(), ROWS);
    }
}

#[test]
fn what_is_no_parquet_is_told() {
    let it = Fixture::new(SinkKind::Parquet { compression: ParquetCompression::Zstd, row_group: None }, "a.parquet");
    fs::write(it.path(), "id\n1\n").unwrap();
    let error = it.read(SinkRows::All).unwrap_err().message;
    assert!(error.contains("/a.parquet` as Parquet: "), "{error}");
}

#[cfg(unix)]
fn postgres(url: &str, schema: Option<&str>) -> Fixture {
    let kind = SinkKind::Postgres { url: Secret::new(url), schema: schema.map(str::to_owned) };
    Fixture::new(kind, "none")
}

#[cfg(unix)]
#[test]
fn what_was_written_to_postgres_is_read_back() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.database();
    for schema in [None, Some("other")] {
        let it = postgres(&database.url(), schema);
        it.write(&TYPES, &ROWS);
        assert_eq!(it.table(), ROWS);
        assert_eq!(
            it.query("select * from t order by int desc nulls last", "{}").unwrap(),
            [ROWS[0], ROWS[2], ROWS[1]]
        );
    }
    let it = postgres(&database.url(), None);
    let found = it.query(
        "select array[1, null] as list, '\\x0102'::bytea as bytes, 'NaN'::float8 as nan, 1.50::numeric as n,
                timestamp '2025-01-31 08:00' as clock, interval '1 day' as span, row(1, 'a') as row, 'infinity'::timestamptz as ever",
        "{}",
    );
    assert_eq!(
        found.unwrap(),
        [
            r#"{"list":[1,null],"bytes":"AQI=","nan":"NaN","n":1.50,"clock":"2025-01-31T08:00:00","span":"1 day","row":{"f1":1,"f2":"a"},"ever":"infinity"}"#
        ]
    );
}

#[cfg(unix)]
#[test]
fn postgres_binds_params_and_only_reads() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.database();
    let it = postgres(&database.url(), None);
    let target = SinkTarget { mode: Mode::Upsert, key: vec!["id".to_owned()], ..it.target(&[]) };
    it.write_to(&target, &[r#"{"id":2,"name":"b","total":1.50}"#, r#"{"id":1,"name":"o'neil","total":19.90}"#]);
    // By the key.
    assert_eq!(it.table(), [r#"{"id":1,"name":"o'neil","total":19.90}"#, r#"{"id":2,"name":"b","total":1.50}"#]);
    let params = r#"{"name": "o'neil", "least": 2.5, "ids": [1, 5], "nothing": null}"#;
    let query = "select id, ':name' as text from t
                 where name = :name and total > :least and id = any(:ids) and :nothing::int is null; -- end";
    assert_eq!(it.query(query, params).unwrap(), [r#"{"id":1,"text":":name"}"#]);
    let shown = "the query of sink `store`";
    it.refused(
        "select idd from t",
        "{}",
        &format!("{shown}: column \"idd\" does not exist"),
        Some("Perhaps you meant to reference the column \"t.id\"."),
    );
    it.refused(
        "select 1 from ordres",
        "{}",
        &format!("{shown}: relation \"ordres\" does not exist"),
        Some("only `t` is known here"),
    );
    it.refused(
        "select 1; delete from t",
        "{}",
        &format!("{shown} has several statements"),
        Some("write one; another `read` may have the next"),
    );
    it.refused(
        "delete from t",
        "{}",
        &format!("{shown} is no single statement that reads"),
        Some("begin it with `select`, `with` or `values`; records are written by `write`"),
    );
    it.refused(
        "select 1 as a, 2 as a",
        "{}",
        &format!("{shown} gives two columns `a`"),
        Some("name one of them otherwise: `… as other_a`"),
    );
    it.refused(
        "select :id::int",
        r#"{"id": "x"}"#,
        &format!("{shown}: invalid input syntax for type integer: \"x\""),
        None,
    );
    for text in [
        "with gone as (delete from t returning id) select * from gone",
        "select nextval('s')",
        "select 1 / (id - 1) from t",
    ] {
        assert!(it.query(text, "{}").is_err(), "{text}");
    }
    let error = it.read(SinkRows::Table("tt".to_owned())).unwrap_err();
    assert_eq!(error.message, "nothing: there is no table `tt`");
    assert_eq!(it.table().len(), 2);
}

#[cfg(unix)]
#[test]
fn what_is_written_to_postgres_meanwhile_is_not_read() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.database();
    let it = postgres(&database.url(), None);
    let lines: Vec<String> = (0..5000).map(|number| format!("{{\"id\":{number},\"text\":\"a\"}}")).collect();
    it.write(&[], &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let mut source = it.open(SinkRows::Table("t".to_owned())).unwrap();
    let first = source.next_page().unwrap().len();
    // The table gets another column while it is read.
    it.write(&[], &[r#"{"id":1,"text":"b","more":1}"#]);
    let left = rest(&mut *source).unwrap();
    assert_eq!((first + left.len(), left.last().unwrap().as_str()), (5000, r#"{"id":4999,"text":"a"}"#));
    assert_eq!(it.table().len(), 5001);
}
