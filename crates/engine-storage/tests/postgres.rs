//! What lands in tables of a real `PostgreSQL` server.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use engine_expr::Secret;
use engine_runtime::{
    Column, ColumnType, Mode, PagePart, Record, RecordSink, SinkError, SinkKind, SinkSpec, SinkTarget, Sinks, Unit,
};
use engine_storage::Storage;
use engine_tests::{Database, Postgres};

/// A database, and what its tables are opened with.
struct Fixture<'a> {
    database: Database<'a>,
    storage: Storage,
    spec: SinkSpec,
    target: SinkTarget,
}

impl<'a> Fixture<'a> {
    fn new(server: &'a Postgres) -> Self {
        let database = server.database();
        let kind = SinkKind::Postgres { url: Secret::new(database.url()), schema: None };
        let spec = SinkSpec { name: "db".to_owned(), create: true, kind };
        let target = SinkTarget { table: Some("t".to_owned()), ..SinkTarget::default() };
        Self { database, storage: Storage::new(), spec, target }
    }

    /// Another writer of the same database.
    fn other(&self) -> Self {
        Self {
            database: self.database.clone(),
            storage: Storage::new(),
            spec: self.spec.clone(),
            target: self.target.clone(),
        }
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

    fn url(mut self, new: &str) -> Self {
        if let SinkKind::Postgres { url, .. } = &mut self.spec.kind {
            *url = Secret::new(new);
        }
        self
    }

    fn schema(mut self, name: &str) -> Self {
        if let SinkKind::Postgres { schema, .. } = &mut self.spec.kind {
            *schema = Some(name.to_owned());
        }
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

    fn query(&self, sql: &str) -> String {
        self.database.query(sql)
    }

    fn rows(&self) -> String {
        self.query("SELECT * FROM t ORDER BY 1")
    }

    fn types(&self) -> String {
        self.query(
            "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
             FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped",
        )
    }
}

fn records(lines: &str) -> Vec<Record> {
    lines.lines().map(|line| Record::Raw(line.trim().into())).collect()
}

/// Leaves the test where there is no server.
macro_rules! server {
    () => {
        match Postgres::shared() {
            Some(server) => server,
            None => return,
        }
    };
}

#[test]
fn tells_whether_there_was_a_table_before() {
    let fixture = Fixture::new(server!());
    let mut sink = fixture.open().unwrap();
    assert!(sink.is_new());
    sink.write(&records(r#"{"id": 1}"#)).unwrap();
    assert!(sink.is_new());
    sink.finish().unwrap();
    drop(sink);
    assert!(!fixture.open().unwrap().is_new());
}

#[test]
fn several_who_make_a_schema_at_once_find_it_made() {
    let server = server!();
    let here = Fixture::new(server);
    for round in 0..5 {
        let schema = format!("made \"at once\" {round}");
        let begin = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let mut other = here.other().schema(&schema);
                let begin = &begin;
                scope.spawn(move || {
                    other.target.table = Some(format!("t{writer}"));
                    begin.wait();
                    other.write(&[r#"{"id": 1}"#]).unwrap();
                });
            }
        });
        let made = "SELECT count(*) FROM pg_tables WHERE schemaname LIKE 'made%'";
        assert_eq!(here.query(made), (4 * (round + 1)).to_string());
    }
}

#[test]
fn makes_a_table_from_what_the_records_have() {
    let it = Fixture::new(server!());
    it.write(&[r#"{"id": 1, "name": "Zoë ✓", "price": 19.90, "paid": true, "lines": [{"sku": "A"}], "note": null}
                  {"id": 2, "name": "b\"\n\t\\N\\.", "price": 5, "paid": false, "lines": [], "note": "x"}"#])
        .unwrap();
    assert_eq!(it.types(), "id bigint, name text, price numeric, paid boolean, lines jsonb, note text");
    assert_eq!(it.rows(), "1 Zoë ✓ 19.90 t [{\"sku\": \"A\"}] null\n2 b\"\n\t\\N\\. 5 f [] x");
}

#[test]
fn makes_a_table_from_what_the_mapping_declares() {
    let it = Fixture::new(server!()).columns(&[
        ("id", ColumnType::Integer),
        ("total", ColumnType::Decimal),
        ("ratio", ColumnType::Number),
        ("at", ColumnType::Datetime),
        ("day", ColumnType::Date),
        ("ok", ColumnType::Boolean),
        ("more", ColumnType::Json),
        ("text", ColumnType::String),
    ]);
    it.write(&[]).unwrap();
    let types = "id bigint, total numeric, ratio double precision, at timestamp with time zone, day date, ok boolean, more jsonb, text text";
    assert_eq!(it.types(), types);
    it.write(&[r#"{"text": "007", "id": 1, "total": 12345678901234567890.10, "ratio": 0.1, "at": "2025-01-01T01:00:00.5+01:00", "day": "2025-01-01", "ok": true, "more": {"a": 1.50}}"#])
        .unwrap();
    assert_eq!(it.types(), types);
    assert_eq!(
        it.query("SET timezone = 'UTC'; SELECT * FROM t"),
        "1 12345678901234567890.10 0.1 2025-01-01 00:00:00.5+00 2025-01-01 t {\"a\": 1.50} 007"
    );
}

#[test]
fn columns_without_a_type_keep_their_place_and_take_the_type_of_the_first_value() {
    let server = server!();
    let columns = [("order", ColumnType::Any), ("total", ColumnType::Decimal), ("more", ColumnType::Any)];
    let it = Fixture::new(server).columns(&columns);
    it.write(&[r##"{"order": "#1", "total": 1.10, "more": null}"##]).unwrap();
    assert_eq!(it.types(), "order text, total numeric, more text");
    it.write(&[r##"{"order": "#2", "total": 1, "more": 7}"##]).unwrap();
    assert_eq!(it.types(), "order text, total numeric, more bigint");
    let empty = Fixture::new(server).columns(&columns);
    empty.write(&[]).unwrap();
    assert_eq!(empty.types(), "order text, total numeric, more text");
    empty.query("INSERT INTO t VALUES ('007', 1, null)");
    empty.write(&[r#"{"order": 1, "more": true}"#]).unwrap();
    assert_eq!(empty.types(), "order text, total numeric, more boolean");
    assert_eq!(empty.rows(), "007 1 null\n1 null t", "what somebody else has written stays a text");
}

#[test]
fn upserting_twice_gives_the_same_rows() {
    let it = Fixture::new(server!()).upsert(&["id"]);
    let page = r#"{"id": 1, "name": "a"}
                  {"id": 2, "name": "b"}
                  {"id": 1, "name": "c"}"#;
    it.write(&[page]).unwrap();
    let rows = it.rows();
    assert_eq!(rows, "1 c\n2 b");
    it.write(&[page, page]).unwrap();
    assert_eq!(it.rows(), rows);
}

#[test]
fn upserting_leaves_what_a_record_does_not_have_and_writes_null_where_it_says_null() {
    let server = server!();
    let pages = [r#"{"a": 1, "b": "x", "c": 1, "d": 1}"#, r#"{"b": "x", "a": 1, "c": null}"#, r#"{"a": 1, "b": "x"}"#];
    for pages in [pages.to_vec(), vec![pages.join("\n").leak()]] {
        let it = Fixture::new(server).upsert(&["a", "b"]);
        it.write(&pages).unwrap();
        assert_eq!(it.rows(), "1 x null 1");
    }
}

#[test]
fn records_of_many_shapes_go_on_one_page() {
    let it = Fixture::new(server!()).upsert(&["id"]);
    let page = r#"{"id": 1, "a": 1}
                  {"id": 2, "b": 1}
                  {"id": 1, "b": 2}
                  {"id": 2, "a": 2}
                  {"id": 1, "a": 3}
                  {"id": 3}
                  {"id": 1}"#;
    it.write(&[page]).unwrap();
    assert_eq!(it.query("SELECT id, a, b FROM t ORDER BY id"), "1 3 2\n2 2 1\n3 null null");
}

#[test]
fn keys_that_only_the_database_takes_for_the_same_are_the_same() {
    let it = Fixture::new(server!()).upsert(&["id"]).columns(&[("id", ColumnType::Decimal)]);
    it.write(&["{\"id\": 1, \"n\": 1}\n{\"id\": 2.50, \"n\": 2}\n{\"id\": 1.0, \"n\": 3}\n{\"id\": 2.5, \"n\": 4}"])
        .unwrap();
    assert_eq!(it.query("SELECT id::float, n FROM t ORDER BY id"), "1 3\n2.5 4");
}

#[test]
fn a_record_without_its_key_is_an_error() {
    let it = Fixture::new(server!()).upsert(&["id"]);
    for record in [r#"{"name": "b"}"#, r#"{"id": null}"#] {
        let error = it.write(&[&format!("{{\"id\": 1}}\n{record}")]).unwrap_err();
        assert_eq!(error.message, "row 2: the record has no value in `id`, a member of the key");
    }
    assert_eq!(it.query("SELECT count(*) FROM pg_tables WHERE tablename = 't'"), "0", "the page left no trace");
}

#[test]
fn a_page_is_written_whole_or_not_at_all() {
    let it = Fixture::new(server!()).columns(&[("id", ColumnType::Integer)]);
    let mut sink = it.open().unwrap();
    sink.write(&records(r#"{"id": 1}"#)).unwrap();
    let error = sink.write(&records("{\"id\": 2, \"new\": 1}\n{\"id\": \"abc\"}")).unwrap_err();
    assert_eq!(error.message, "row 3: column `id` of table `t` is integer, and \"abc\" does not fit");
    assert_eq!(error.help.unwrap(), "the mapping says `type: integer`: give a value of it, or change the type");
    assert_eq!((it.rows(), it.types()), ("1".to_owned(), "id bigint".to_owned()));
    sink.write(&records("{\"id\": 2, \"new\": 1}")).unwrap();
    assert_eq!(it.rows(), "1 null\n2 1");
}

#[test]
fn pages_that_have_come_together_are_written_up_to_the_one_at_fault() {
    let server = server!();
    let unit =
        |page: &str| Unit { run: "r1".to_owned(), step: "load".to_owned(), page: page.to_owned(), items: vec![1; 8] };
    for key in [&[] as &[&str], &["id"]] {
        let it = if key.is_empty() { Fixture::new(server) } else { Fixture::new(server).upsert(key) };
        it.query("CREATE TABLE t (id bigint, n smallint, UNIQUE (id))");
        let pages = |texts: &[&str]| {
            let part = |(at, text): (usize, &&str)| PagePart {
                records: text.lines().count(),
                units: vec![unit(&format!("p{at}"))],
            };
            (records(&texts.join("\n")), texts.iter().enumerate().map(part).collect::<Vec<_>>())
        };
        let mut sink = it.open().unwrap();
        let (all, parts) = pages(&["{\"id\": 1}\n{\"id\": 2, \"n\": 2}", "{\"n\": 3, \"id\": 3, \"new\": \"x\"}"]);
        sink.write_pages(&all, &parts).unwrap();
        let (all, parts) = pages(&["{\"id\": 4}", "{\"id\": 5}\n{\"id\": 6, \"n\": 40000}", "{\"id\": 7}"]);
        let error = sink.write_pages(&all, &parts).unwrap_err();
        let expected = "row 6: column `n` of table `t`: value \"40000\" is out of range for type smallint";
        assert!(error.message.starts_with(expected), "{error}");
        let (all, parts) = pages(&["{\"id\": 8}", "{\"id\": 9, \"n\": 50000}"]);
        let error = sink.write_pages(&all, &parts).unwrap_err();
        assert!(error.message.starts_with("row 6: column `n`"), "{error}");
        assert_eq!(it.rows(), "1 null null\n2 2 null\n3 3 x\n4 null null\n8 null null");
        let known: Vec<String> = sink.units("r1", "load").unwrap().into_iter().map(|unit| unit.page).collect();
        assert_eq!(known.concat(), if key.is_empty() { "p0p1p0p0" } else { "" });
    }
}

#[test]
fn pages_that_were_laid_out_beforehand_are_written_as_any_others() {
    let it = Fixture::new(server!());
    let mut sink = it.open().unwrap();
    assert!(sink.layout().is_none(), "there is no table yet");
    let part = |count| [PagePart { records: count, units: Vec::new() }];
    sink.write(&records(r#"{"id": 1, "name": "a"}"#)).unwrap();
    let (two, three) =
        (records("{\"id\": 2, \"name\": \"b\\tc\"}\n{\"name\": \"d\"}"), records(r#"{"id": 3, "name": "e"}"#));
    let layout = sink.layout().unwrap();
    let (laid_two, laid_three) = (layout.lay_out(&two), layout.lay_out(&three));
    assert!(laid_two.is_some() && laid_three.is_some());
    // What needs another table is laid out when it is written.
    assert!(layout.lay_out(&records(r#"{"id": 4, "new": true}"#)).is_none());
    assert!(layout.lay_out(&records(r#"{"id": "x"}"#)).is_none());
    assert!(layout.lay_out(&records("{\"id\": 4}\n5")).is_none());
    sink.write_laid_out(&two, &part(2), vec![laid_two]).unwrap();
    // The table has changed since.
    it.query("ALTER TABLE t ADD COLUMN note text DEFAULT 'none'; ALTER TABLE t ALTER COLUMN id TYPE text");
    sink.write(&records(r#"{"id": "y", "kind": "k"}"#)).unwrap();
    sink.write_laid_out(&three, &part(1), vec![laid_three]).unwrap();
    // One fewer than there are pages, as where nothing was laid out.
    sink.write_laid_out(&records(r#"{"id": "z"}"#), &part(1), Vec::new()).unwrap();
    assert_eq!(
        it.query("SELECT coalesce(id, '-'), coalesce(name, '-'), note, coalesce(kind, '-') FROM t ORDER BY 1, 2"),
        "- d none -\n1 a none -\n2 b\tc none -\n3 e none -\ny - none k\nz - none -"
    );
    assert!(it.other().upsert(&["id"]).open().unwrap().layout().is_none());
}

#[test]
fn what_the_database_refuses_is_told_with_its_row_and_column() {
    let it = Fixture::new(server!());
    it.query("CREATE TABLE t (id uuid, n smallint, c varchar(3) CHECK (c <> 'bad'))");
    let good = r#"{"id": "6f1c7f30-0000-4000-8000-000000000000", "n": 1, "c": "a"}"#;
    it.write(&[good]).unwrap();
    for (page, expected) in [
        (r#"{"id": "x"}"#, "row 2: column `id` of table `t`: invalid input syntax for type uuid: \"x\""),
        (r#"{"n": 40000}"#, "row 2: column `n` of table `t`: value \"40000\" is out of range for type smallint"),
        (r#"{"c": "abcd"}"#, "row 2: column `c` of table `t`: value too long for type character varying(3)"),
        (r#"{"c": "bad"}"#, "row 2: table `t`: new row for relation \"t\" violates check constraint \"t_c_check\""),
    ] {
        let error = it.write(&[&format!("{good}\n{page}")]).unwrap_err();
        assert!(error.message.starts_with(expected), "{error}");
    }
    assert_eq!(it.query("SELECT count(*) FROM t"), "1");
}

#[test]
fn new_members_become_columns() {
    let it = Fixture::new(server!());
    it.write(&[r#"{"a": 1}"#, "{\"a\": 2, \"b\": null}\n{\"b\": \"x\", \"a\": 3}\n{\"c\": {}}", r#"{"d": null}"#])
        .unwrap();
    assert_eq!(it.types(), "a bigint, b text, c jsonb, d text");
    assert_eq!(it.rows(), "1 null null null\n2 null null null\n3 x null null\nnull null {} null\nnull null null null");
}

#[test]
fn columns_that_nobody_declared_are_widened_where_a_value_needs_it() {
    let it = Fixture::new(server!()).upsert(&["id"]);
    it.write(&[
        "{\"id\": 7, \"n\": 1, \"b\": true, \"s\": \"x\"}\n{\"id\": 8, \"n\": 1.50, \"b\": \"no\", \"s\": 5}",
        r#"{"id": "a7", "n": {}}"#,
    ])
    .unwrap();
    assert_eq!(it.types(), "id text, n text, b text, s text");
    assert_eq!(it.query("SELECT id, n, b, s FROM t ORDER BY id"), "7 1 true x\n8 1.50 no 5\na7 {} null null");
    it.write(&[r#"{"id": "7", "s": "y"}"#]).unwrap();
    assert_eq!(it.query("SELECT id, s FROM t WHERE s = 'y'"), "7 y");
}

#[test]
fn points_in_time_become_the_texts_that_they_came_from() {
    let it = Fixture::new(server!());
    let declared = it.other().columns(&[("at", ColumnType::Datetime), ("day", ColumnType::Date)]);
    declared.write(&[r#"{"at": "2025-01-31T10:00:00+02:00", "day": "2025-01-31"}"#]).unwrap();
    it.write(&[r#"{"at": "soon", "day": "2025-02-01T00:00:00Z"}"#]).unwrap();
    assert_eq!(it.types(), "at text, day text");
    assert_eq!(it.rows(), "2025-01-31T08:00:00.000000Z 2025-01-31\nsoon 2025-02-01T00:00:00Z");
}

#[test]
fn columns_are_widened_where_the_mapping_declares_more() {
    let it = Fixture::new(server!());
    it.write(&[r#"{"a": 1, "b": 9007199254740993, "c": 5}"#]).unwrap();
    let wider = it.other().columns(&[("a", ColumnType::Decimal), ("c", ColumnType::Number)]);
    wider.write(&[r#"{"a": 0.10, "c": 0.5}"#]).unwrap();
    assert_eq!(it.types(), "a numeric, b bigint, c double precision");
    assert_eq!(it.query("SELECT a, c FROM t ORDER BY a"), "0.10 0.5\n1 5");
    let error = it.columns(&[("b", ColumnType::Number)]).write(&[]).unwrap_err();
    assert_eq!(error.message, "column `b` of table `t` is integer: making it number would lose digits");
}

#[test]
fn a_widening_that_would_lose_digits_is_an_error() {
    let it = Fixture::new(server!()).columns(&[("price", ColumnType::Number)]);
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
fn digits_are_kept_also_in_tables_of_others() {
    let it = Fixture::new(server!());
    it.query("CREATE TABLE t (n numeric(10, 2), code varchar(10), i integer, at timestamp)");
    it.write(&[r#"{"n": 19.90, "code": "007", "i": "7", "at": "2025-01-01T10:00:00+02:00"}"#]).unwrap();
    assert_eq!(it.rows(), "19.90 007 7 2025-01-01 08:00:00");
    let mut narrow = it.other();
    narrow.spec.create = false;
    let error = narrow.write(&[r#"{"n": 19.905}"#]).unwrap_err();
    assert_eq!(error.message, "row 1: column `n` of table `t` is decimal, and 19.905 does not fit");
    it.write(&[r#"{"i": "007"}"#]).unwrap();
    assert_eq!(
        it.query("SELECT i FROM t ORDER BY 1"),
        "007\n7",
        "the column became one of texts, and no zero was lost"
    );
}

#[test]
fn create_false_makes_neither_tables_nor_columns_nor_indexes() {
    let mut it = Fixture::new(server!());
    it.spec.create = false;
    assert_eq!(it.write(&[]).unwrap_err().message, "there is no table `t`, and `create: false` forbids to make it");
    let error = it.other().schema("s").write(&[]).unwrap_err();
    assert_eq!(error.message, "there is no schema `s`, and `create: false` forbids to make it");
    it.query("CREATE TABLE t (id bigint)");
    let error = it.write(&[r#"{"id": 1, "x": 2}"#]).unwrap_err();
    assert_eq!(error.message, "row 1: table `t` has no column `x`, and `create: false` forbids to make it");
    let error = it.write(&[r#"{"id": "x"}"#]).unwrap_err();
    assert_eq!(
        error.message,
        "row 1: column `id` of table `t` is integer, and `create: false` forbids to make it string"
    );
    let it = it.upsert(&["id"]);
    let error = it.write(&[r#"{"id": 1}"#]).unwrap_err();
    assert_eq!(error.message, "table `t` has no unique index on its key, and `create: false` forbids to make one");
    assert_eq!(error.help.unwrap(), "make it: `CREATE UNIQUE INDEX ON \"public\".\"t\" (\"id\")`");
    it.query("DROP TABLE t; CREATE TABLE t (id bigint PRIMARY KEY, name text)");
    it.write(&[r#"{"id": 1, "name": "a"}"#, r#"{"id": 1, "name": "b"}"#]).unwrap();
    assert_eq!(it.rows(), "1 b");
    let it = it.replace();
    it.write(&[r#"{"id": 2}"#]).unwrap();
    assert_eq!(it.rows(), "2 null");
}

#[test]
fn rows_that_share_a_key_are_told() {
    let it = Fixture::new(server!());
    it.write(&["{\"id\": 1}\n{\"id\": 1}"]).unwrap();
    let error = it.upsert(&["id"]).write(&[r#"{"id": 2}"#]).unwrap_err();
    assert_eq!(error.message, "table `t` has rows that share a key (`id`)");
}

#[test]
fn an_index_is_made_once_and_one_that_is_there_serves() {
    let it = Fixture::new(server!()).upsert(&["b", "a"]);
    it.write(&[r#"{"a": 1, "b": 1}"#]).unwrap();
    it.write(&[r#"{"a": 1, "b": 1}"#]).unwrap();
    assert_eq!(
        it.query("SELECT indexdef FROM pg_indexes WHERE tablename = 't'"),
        "CREATE UNIQUE INDEX t_a_b_idx ON public.t USING btree (a, b)"
    );
    it.query("DROP INDEX t_a_b_idx; CREATE UNIQUE INDEX mine ON t (a, b) WHERE a > 0");
    it.write(&[r#"{"a": 1, "b": 1, "c": 2}"#]).unwrap();
    assert_eq!(it.query("SELECT count(*) FROM pg_indexes WHERE tablename = 't'"), "2", "a partial one does not serve");
}

#[test]
fn replacing_swaps_the_rows_at_the_end() {
    let it = Fixture::new(server!());
    it.write(&[r#"{"id": 1, "old": 1}"#]).unwrap();
    it.query("CREATE INDEX mine ON t (id); CREATE ROLE reader_of_t; GRANT SELECT ON t TO reader_of_t");
    let it = it.replace();
    let mut sink = it.open().unwrap();
    sink.write(&records("{\"id\": 2}\n{\"id\": 3.5, \"new\": true}")).unwrap();
    assert_eq!(it.rows(), "1 1");
    sink.finish().unwrap();
    assert_eq!(it.query("SELECT id, old, new FROM t ORDER BY id"), "2 null null\n3.5 null t");
    assert_eq!(it.query("SELECT indexname FROM pg_indexes WHERE tablename = 't'"), "mine");
    assert_eq!(it.query("SELECT has_table_privilege('reader_of_t', 't', 'SELECT')"), "t");
    it.query("REVOKE ALL ON t FROM reader_of_t; DROP ROLE reader_of_t");
    it.write(&[]).unwrap();
    assert_eq!(it.rows(), "");
    assert_eq!(it.types(), "id numeric, old bigint, new boolean");
}

#[test]
fn replacing_by_key_takes_the_last_record_of_a_key() {
    let mut it = Fixture::new(server!()).upsert(&["id"]);
    it.write(&[r#"{"id": 9}"#]).unwrap();
    it.target.mode = Mode::Replace;
    it.write(&[r#"{"id": 1, "n": 1}"#, r#"{"id": 1, "n": 2}"#]).unwrap();
    it.write(&[r#"{"id": 1, "n": 1}"#, r#"{"id": 1, "n": 3}"#]).unwrap();
    assert_eq!(it.rows(), "1 3");
}

#[test]
fn a_key_can_be_widened_while_rows_are_gathered() {
    let mut it = Fixture::new(server!()).upsert(&["id"]);
    it.write(&[r#"{"id": 1}"#]).unwrap();
    it.target.mode = Mode::Replace;
    it.write(&[r#"{"id": 1, "n": 1}"#, r#"{"id": "a", "n": 2}"#, r#"{"id": 1, "n": 3}"#]).unwrap();
    assert_eq!(it.query("SELECT id, n FROM t ORDER BY n"), "a 2\n1 3");
    it.target.mode = Mode::Upsert;
    it.write(&[r#"{"id": "a", "n": 4}"#]).unwrap();
    assert_eq!(it.query("SELECT id, n FROM t ORDER BY n"), "1 3\na 4");
}

#[test]
fn a_failed_step_leaves_the_old_rows() {
    let it = Fixture::new(server!());
    it.write(&[r#"{"id": 1}"#]).unwrap();
    let it = it.replace();
    let mut sink = it.open().unwrap();
    sink.write(&records(r#"{"id": 2}"#)).unwrap();
    drop(sink);
    assert_eq!(it.rows(), "1");
}

#[test]
fn a_sink_may_be_dropped_where_nobody_may_wait() {
    let it = Fixture::new(server!());
    let sink = it.open().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move { drop(sink) });
}

#[test]
fn names_are_quoted_and_values_are_never_sql() {
    let mut it = Fixture::new(server!()).schema("a \"schema\"");
    it.target.table = Some("t\"; DROP TABLE x; --".to_owned());
    let it = it.upsert(&["select"]);
    it.write(&[r#"{"select": "'); DROP TABLE x; --", "a\"b": 1, "a b": 2, "ID": 3, "id": 4}"#]).unwrap();
    assert_eq!(
        it.query("SELECT * FROM \"a \"\"schema\"\"\".\"t\"\"; DROP TABLE x; --\""),
        "'); DROP TABLE x; -- 1 2 3 4"
    );
}

#[test]
fn names_that_the_server_would_cut_are_an_error() {
    let it = Fixture::new(server!());
    let long = "ü".repeat(32);
    let error = it.write(&[&format!("{{\"{long}\": 1}}")]).unwrap_err();
    assert_eq!(error.message, format!("row 1: the name of a column has 64 bytes, and the database takes 63: `{long}`"));
    let error = it.write(&[r#"{"": 1}"#]).unwrap_err();
    assert_eq!(error.message, "row 1: the name of a column is empty: ``");
    let mut it = it;
    it.target.table = Some(long);
    assert!(it.write(&[]).unwrap_err().message.starts_with("the name of a table has 64 bytes"));
}

#[test]
fn a_nul_character_is_told_with_its_column() {
    let it = Fixture::new(server!());
    let error = it.write(&["{\"a\": 1}\n{\"a\": 2, \"b\": \"x\\u0000y\"}"]).unwrap_err();
    assert_eq!(
        error.message,
        "row 2: column `b` of table `t` can't hold \"x\\0y\": it has a NUL character, which no text of Postgres may have"
    );
    let error = it.write(&[r#"{"c": {"d": "x\u0000y"}}"#]).unwrap_err();
    assert!(
        error.message.starts_with("row 1: column `c` of table `t`: unsupported Unicode escape sequence"),
        "{error}"
    );
}

#[test]
fn a_member_that_comes_twice_counts_once() {
    let it = Fixture::new(server!());
    it.write(&[r#"{"id": 1, "id": 2}"#, r#"{"id": 3, "id": 4}"#]).unwrap();
    assert_eq!(it.rows(), "2\n4");
}

#[test]
fn members_come_in_any_order_after_those_that_came_in_that_of_the_columns() {
    let it = Fixture::new(server!());
    it.query("CREATE TABLE t (id bigint, a text, b text DEFAULT 'new')");
    it.write(&["{\"id\": 1, \"a\": \"x\", \"b\": \"y\"}\n{\"id\": 2, \"a\": \"x\\t\", \"b\": null}\n{\"id\": 3, \"a\": 4, \"b\": \"z\"}
                 {\"id\": 4, \"b\": \"y\", \"a\": \"x\"}\n{\"id\": 5, \"a\": \"x\"}\n{\"id\": 6, \"a\": \"x\", \"b\": \"y\", \"c\": 1}
                 {\"id\": 7, \"a\": \"x\", \"b\": \"y\", \"b\": \"last\"}\n{\"id\": 8, \"a\": \"x\", \"b\": \"y\", \"c\": 2}"])
        .unwrap();
    assert_eq!(
        it.rows(),
        "1 x y null\n2 x\t null null\n3 4 z null\n4 x y null\n5 x new null\n6 x y 1\n7 x last null\n8 x y 2"
    );
}

#[test]
fn what_the_database_fills_is_left_to_it() {
    let it = Fixture::new(server!());
    it.query(
        "CREATE TABLE t (nr int GENERATED ALWAYS AS IDENTITY, id bigint, state text DEFAULT 'new',
                         twice bigint GENERATED ALWAYS AS (id * 2) STORED)",
    );
    it.write(&["{\"id\": 1}\n{\"id\": 2, \"state\": \"old\"}\n{\"id\": 3, \"state\": null}\n{}\n{\"id\": 4}"]).unwrap();
    assert_eq!(
        it.query("SELECT id, state, twice FROM t ORDER BY id"),
        "1 new 2\n2 old 4\n3 null 6\n4 new 8\nnull new null"
    );
    let error = it.write(&[r#"{"twice": 1}"#]).unwrap_err();
    assert_eq!(error.message, "row 1: column `twice` of table `t` is computed by the database and can't be written");
}

#[test]
fn a_table_that_somebody_changes_meanwhile_is_looked_at_again() {
    let it = Fixture::new(server!());
    let mut sink = it.open().unwrap();
    sink.write(&records(r#"{"id": 1, "n": 1, "gone": 1}"#)).unwrap();
    it.query("ALTER TABLE t DROP COLUMN gone; ALTER TABLE t ALTER COLUMN n TYPE jsonb USING to_jsonb(n)");
    sink.write(&records(r#"{"id": 2, "n": "two", "gone": 2}"#)).unwrap();
    assert_eq!(it.query("SELECT id, n, gone FROM t ORDER BY id"), "1 1 null\n2 \"two\" 2");
    let upsert = it.other().upsert(&["id"]);
    let mut sink = upsert.open().unwrap();
    sink.write(&records(r#"{"id": 2, "gone": 3}"#)).unwrap();
    it.query("DROP INDEX t_id_idx");
    sink.write(&records(r#"{"id": 2, "gone": 4}"#)).unwrap();
    assert_eq!(it.query("SELECT id, gone FROM t ORDER BY id"), "1 null\n2 4");
}

#[test]
fn many_may_write_and_widen_one_table_at_once() {
    let it = Fixture::new(server!()).upsert(&["id"]);
    std::thread::scope(|scope| {
        for writer in 0..6 {
            let other = it.other();
            scope.spawn(move || {
                let mut sink = other.open().unwrap();
                for page in 0..8 {
                    let lines: Vec<String> = (0..20)
                        .map(|row| {
                            format!("{{\"id\": {}, \"by\": {writer}, \"m{page}\": {row}}}", (row * 7 + writer * 3) % 20)
                        })
                        .collect();
                    sink.write(&records(&lines.join("\n"))).unwrap();
                }
                sink.finish().unwrap();
            });
        }
    });
    assert_eq!(it.query("SELECT count(*), count(m0), count(m7) FROM t"), "20 20 20");
}

#[test]
fn a_lost_connection_is_made_again_between_pages() {
    let Some(server) = Postgres::own() else { return };
    let it = Fixture::new(&server).upsert(&["id"]);
    let mut sink = it.open().unwrap();
    sink.write(&records(r#"{"id": 1}"#)).unwrap();
    server.kill();
    server.go();
    sink.write(&records(r#"{"id": 2}"#)).unwrap();
    it.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'engine'");
    sink.write(&records(r#"{"id": 3}"#)).unwrap();
    sink.finish().unwrap();
    assert_eq!(it.rows(), "1\n2\n3");

    let it = it.replace();
    let mut sink = it.open().unwrap();
    sink.write(&records(r#"{"id": 4}"#)).unwrap();
    server.kill();
    server.go();
    let error = sink.write(&records(r#"{"id": 5}"#)).unwrap_err();
    assert!(error.message.contains("the connection was lost, and with it the new rows"), "{error}");
    // Whoever goes on in spite of it does not replace the rows by a part of the new ones.
    sink.write(&records(r#"{"id": 6}"#)).unwrap_err();
    sink.finish().unwrap_err();
    assert_eq!(it.rows(), "1\n2\n3");
}

#[test]
fn runs_that_come_one_after_another_share_a_session_but_for_one_that_failed() {
    let it = Fixture::new(server!());
    it.query("CREATE TABLE t (id bigint UNIQUE, process int DEFAULT pg_backend_pid())");
    let processes = || it.query("SELECT count(DISTINCT process) FROM t");
    for id in 1..=3 {
        it.write(&[&format!(r#"{{"id": {id}}}"#)]).unwrap();
    }
    assert_eq!(processes(), "1");
    it.write(&[r#"{"id": 3}"#]).unwrap_err();
    it.write(&[r#"{"id": 4}"#]).unwrap();
    it.storage.forget(&it.spec, &it.target, "run 1").unwrap();
    it.write(&[r#"{"id": 5}"#]).unwrap();
    assert_eq!(processes(), "2");
    // What one has gathered to replace the rows is not seen by the next.
    let replaced = it.other().replace();
    for id in 6..9 {
        replaced.write(&[&format!(r#"{{"id": {id}, "process": 0}}"#)]).unwrap();
        assert_eq!(it.rows(), format!("{id} 0"));
    }
}

#[test]
fn many_who_write_at_once_share_a_few_sessions() {
    let it = Fixture::new(server!());
    it.query("CREATE TABLE t (id bigint, process int DEFAULT pg_backend_pid())");
    std::thread::scope(|scope| {
        for id in 0..40 {
            let it = &it;
            scope.spawn(move || {
                let mut sink = it.open().unwrap();
                for page in 0..5 {
                    sink.write(&records(&format!(r#"{{"id": {}}}"#, id * 5 + page))).unwrap();
                }
                sink.finish().unwrap();
            });
        }
    });
    assert_eq!(it.query("SELECT count(*), count(DISTINCT id), count(DISTINCT process) <= 16 FROM t"), "200 200 t");
}

#[test]
fn runs_go_on_after_the_server_was_started_anew() {
    let Some(server) = Postgres::own() else { return };
    let it = Fixture::new(&server);
    let mut sinks: Vec<_> = (0..6).map(|_| it.open().unwrap()).collect();
    for sink in &mut sinks {
        sink.write(&records(r#"{"id": 1}"#)).unwrap();
    }
    it.storage.forget(&it.spec, &it.target, "run 1").unwrap();
    server.kill();
    server.go();
    // One that was open before, a new one, and what is forgotten.
    sinks[0].write(&records(r#"{"id": 2}"#)).unwrap();
    server.kill();
    server.go();
    it.write(&[r#"{"id": 3}"#]).unwrap();
    server.kill();
    server.go();
    it.storage.forget(&it.spec, &it.target, "run 1").unwrap();
    assert_eq!(it.query("SELECT string_agg(id::text, ' ' ORDER BY id) FROM t WHERE id > 1"), "2 3");
}

#[test]
fn what_a_run_has_written_is_kept_with_the_rows_until_it_is_forgotten() {
    let it = Fixture::new(server!());
    let unit = |run: &str, page: &str| Unit {
        run: run.to_owned(),
        step: "load".to_owned(),
        page: page.to_owned(),
        items: page.as_bytes().to_vec(),
    };
    let mut sink = it.open().unwrap();
    assert_eq!(sink.units("r1", "load").unwrap(), []);
    assert!(sink.write_units(&records(r#"{"id": 1}"#), &[unit("r1", "p1")]).unwrap());
    it.query("DROP TABLE _engine_commits");
    assert!(sink.write_units(&records(r#"{"id": 2}"#), &[unit("r1", "p2"), unit("r1", "p3")]).unwrap());
    assert!(sink.write_units(&records("{\"id\": 3}\n{\"id\": []}"), &[unit("r2", "p1")]).unwrap());
    assert_eq!(it.other().open().unwrap().units("r1", "load").unwrap(), [unit("r1", "p2"), unit("r1", "p3")]);
    assert_eq!(sink.units("r1", "other").unwrap(), []);
    it.query("CREATE TABLE u (id bigint CHECK (id < 5))");
    let mut refused = it.other();
    refused.target.table = Some("u".to_owned());
    refused.open().unwrap().write_units(&records(r#"{"id": 5}"#), &[unit("r3", "p1")]).unwrap_err();
    assert_eq!(sink.units("r3", "load").unwrap(), [], "neither the rows nor what they are known by");
    it.storage.forget(&it.spec, &it.target, "r1").unwrap();
    assert_eq!(sink.units("r1", "load").unwrap(), []);
    assert_eq!(sink.units("r2", "load").unwrap(), [unit("r2", "p1")]);
    it.storage.forget(&it.spec, &it.target, "r2").unwrap();
    it.storage.forget(&it.spec, &it.target, "r2").unwrap();
    assert_eq!(it.query("SELECT count(*) FROM _engine_commits"), "0", "it stays, for several runs have used it");
    assert!(!it.upsert(&["id"]).open().unwrap().write_units(&records(r#"{"id": 1}"#), &[unit("r4", "p1")]).unwrap());
}

#[test]
fn a_server_that_is_not_there_is_told_without_the_password() {
    let server = server!();
    let it = Fixture::new(server);
    let port = server.port();
    let check = |url: String, expected: &str| {
        let error = it.other().url(&url).write(&[]).unwrap_err();
        assert!(error.message.starts_with(expected), "{error}");
        assert!(!error.message.contains("hush") && !error.help.unwrap().contains("hush"));
    };
    check("postgres://engine:hush@127.0.0.1:1/d".to_owned(), "can't reach the database `127.0.0.1:1/d`: ");
    check(
        format!("postgres://engine:hush@127.0.0.1:{port}/postgres"),
        &format!("can't connect to `127.0.0.1:{port}/postgres`: password authentication failed for user \"engine\""),
    );
    check(it.database.url().replace("/test", "/best"), &format!("can't connect to `127.0.0.1:{port}/best"));
    check("postgres://engine:hush@h:x/d".to_owned(), "sink `db`: the URL of the database is wrong");
}

#[test]
fn tls_is_what_the_url_asks_for() {
    let Some(server) = Postgres::own() else { return };
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let root = authority.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["db.example".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();

    let it = Fixture::new(&server);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.pem");
    std::fs::write(&file, root).unwrap();
    let url = |options: &str| {
        let root = file.display();
        it.other().url(&format!("{}?{}", it.database.url(), options.replace("ROOT", &root.to_string())))
    };
    let refused = |options: &str| url(options).write(&[]).unwrap_err().message;
    assert!(refused("sslmode=require").ends_with("server does not support TLS"));

    server.put("server.crt", &own.pem());
    server.put("server.key", &key.serialize_pem());
    server.set("ssl = on\n");
    server.kill();
    server.go();
    for (page, options) in ["", "sslmode=require", "sslmode=verify-ca&sslrootcert=ROOT"].into_iter().enumerate() {
        url(options).write(&[&format!("{{\"id\": {page}}}")]).unwrap();
    }
    assert!(refused("sslmode=verify-full&sslrootcert=ROOT").contains("not valid for name"));
    assert!(refused("sslmode=verify-full").contains("certificate"));
    let named = it.database.url().replace("127.0.0.1", "db.example");
    let named = format!("{named}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={}", file.display());
    it.other().url(&named).write(&[r#"{"id": 3}"#]).unwrap();
    assert_eq!(it.rows(), "0\n1\n2\n3");
    let message = refused("sslmode=verify-full&sslrootcert=/nowhere.pem");
    assert!(message.starts_with("the certificates in `/nowhere.pem` can't be used"), "{message}");
}

#[test]
fn a_page_of_many_rows_arrives_whole() {
    let it = Fixture::new(server!());
    let lines: Vec<String> =
        (0..20_000).map(|row| format!("{{\"id\": {row}, \"text\": \"{}\"}}", "x\\n".repeat(row % 40))).collect();
    it.write(&[&lines.join("\n")]).unwrap();
    assert_eq!(it.query("SELECT count(*), sum(id), sum(length(text)) FROM t"), "20000 199990000 780000");
}

#[test]
fn what_is_declared_counts_in_a_table_that_another_makes_meanwhile() {
    let it = Fixture::new(server!()).columns(&[
        ("id", ColumnType::Any),
        ("c", ColumnType::Decimal),
        ("d", ColumnType::Decimal),
    ]);
    let mut sink = it.open().unwrap();
    it.other().columns(&[]).write(&[r#"{"id": 1, "d": 1}"#]).unwrap();
    sink.write(&records(r#"{"id": 2, "c": 1, "d": 0.1}"#)).unwrap();
    sink.write(&records(r#"{"id": 3, "c": 12345678901234567.89, "d": 2}"#)).unwrap();
    sink.finish().unwrap();
    assert_eq!(it.types(), "id bigint, d numeric, c numeric");
}
