//! What lands in Parquet files, read back by another way than it was written.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::path::PathBuf;

use engine_runtime::{
    Column, ColumnType, Mode, ParquetCompression, Record, RecordSink, SinkError, SinkKind, SinkSpec, SinkTarget, Sinks,
};
use engine_storage::Storage;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::printer::print_schema;
use tempfile::TempDir;

/// A folder with one file, and what it is opened with.
struct Fixture {
    folder: TempDir,
    storage: Storage,
    spec: SinkSpec,
    target: SinkTarget,
}

impl Fixture {
    fn new(columns: &[(&str, ColumnType)]) -> Self {
        let folder = TempDir::new().unwrap();
        let column = |(name, kind): &(&str, ColumnType)| Column { name: (*name).to_owned(), kind: *kind };
        let target = SinkTarget {
            path: Some(folder.path().join("deep/out.parquet")),
            columns: columns.iter().map(column).collect(),
            ..SinkTarget::default()
        };
        let kind = SinkKind::Parquet { compression: ParquetCompression::Zstd, row_group: None };
        let spec = SinkSpec { name: "files".to_owned(), create: true, kind };
        Self { folder, storage: Storage::new(), spec, target }
    }

    fn row_group(mut self, rows: u64) -> Self {
        self.spec.kind = SinkKind::Parquet { compression: ParquetCompression::None, row_group: Some(rows) };
        self
    }

    fn mode(mut self, mode: Mode) -> Self {
        self.target.mode = mode;
        self
    }

    fn path(&self) -> PathBuf {
        self.target.path.clone().unwrap()
    }

    fn open(&self) -> Result<Box<dyn RecordSink>, SinkError> {
        self.storage.open(&self.spec, &self.target)
    }

    fn write(&self, pages: &[&[&str]]) -> Result<(), SinkError> {
        let mut sink = self.open()?;
        for page in pages {
            sink.write(&records(page))?;
        }
        sink.finish()
    }

    fn reader(&self) -> SerializedFileReader<File> {
        SerializedFileReader::new(File::open(self.path()).unwrap()).unwrap()
    }

    /// Returns the columns as Parquet describes them, a line each.
    fn schema(&self) -> String {
        let mut text = Vec::new();
        print_schema(&mut text, self.reader().metadata().file_metadata().schema());
        let text = String::from_utf8(text).unwrap();
        text.lines().filter_map(|line| line.strip_prefix("  ")).flat_map(|line| [line.trim(), "\n"]).collect()
    }

    /// Returns the rows as texts.
    fn rows(&self) -> Vec<String> {
        self.reader().get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
    }

    /// Returns how many rows each row group has.
    fn groups(&self) -> Vec<i64> {
        self.reader().metadata().row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).collect()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("deep")).unwrap().count()
    }
}

fn records(page: &[&str]) -> Vec<Record> {
    page.iter().map(|text| Record::Raw((*text).into())).collect()
}

const ALL: &[(&str, ColumnType)] = &[
    ("s", ColumnType::String),
    ("i", ColumnType::Integer),
    ("n", ColumnType::Number),
    ("d", ColumnType::Decimal),
    ("b", ColumnType::Boolean),
    ("day", ColumnType::Date),
    ("at", ColumnType::Datetime),
    ("j", ColumnType::Json),
];

#[test]
fn every_type_has_its_column_and_loses_nothing() {
    let it = Fixture::new(ALL);
    it.write(&[
        &[r#"{"s":"é\n","i":9007199254740993,"n":0.1,"d":19.90,"b":true,"day":"2025-03-01","at":"2025-03-01T12:00:00.123456+02:00","j":{"a":[1.50]}}"#],
        &[
            r"{}",
            r#"{"s":null,"i":null,"n":null,"d":null,"b":null,"day":null,"at":null,"j":null}"#,
            r#"{"j":"text","at":"1969-12-31","day":"1969-12-31","b":false,"d":"-12345678901234567890.123456789012345678","n":3,"i":-1,"s":5}"#,
        ],
    ])
    .unwrap();
    assert_eq!(
        it.schema(),
        "OPTIONAL BYTE_ARRAY s (STRING);\n\
         OPTIONAL INT64 i;\n\
         OPTIONAL DOUBLE n;\n\
         OPTIONAL FIXED_LEN_BYTE_ARRAY (16) d (DECIMAL(38,18));\n\
         OPTIONAL BOOLEAN b;\n\
         OPTIONAL INT32 day (DATE);\n\
         OPTIONAL INT64 at (TIMESTAMP(MICROS,true));\n\
         OPTIONAL BYTE_ARRAY j (JSON);\n"
    );
    let null = "{s: null, i: null, n: null, d: null, b: null, day: null, at: null, j: null}";
    assert_eq!(
        it.rows(),
        [
            "{s: \"é\n\", i: 9007199254740993, n: 0.1, d: 19.900000000000000000, b: true, day: 2025-03-01, at: 2025-03-01 10:00:00.123456 +00:00, j: \"{\"a\":[1.50]}\"}",
            null,
            null,
            "{s: \"5\", i: -1, n: 3.0, d: -12345678901234567890.123456789012345678, b: false, day: 1969-12-31, at: 1969-12-31 00:00:00.000000 +00:00, j: \"\"text\"\"}",
        ]
    );
    assert_eq!(it.files(), 1);
}

#[test]
fn what_would_lose_digits_is_an_error_that_shows_column_and_value() {
    for (record, expected) in [
        (
            r#"{"d":0.1234567890123456789}"#,
            "row 1: the column `d` is decimal, and 0.1234567890123456789 does not fit: a decimal has 20 digits before the point and 18 after it",
        ),
        (
            r#"{"i":9223372036854775808}"#,
            "row 1: the column `i` is integer, and 9223372036854775808 does not fit: a whole number has 64 bits",
        ),
        (r#"{"i":1.5}"#, "row 1: the column `i` is integer, and 1.5 does not fit: a whole number has 64 bits"),
        (r#"{"n":1e999}"#, "row 1: the column `n` is number, and 1e999 does not fit"),
        (r#"{"b":"yes"}"#, "row 1: the column `b` is boolean, and \"yes\" does not fit"),
        (
            r#"{"day":"2025-03-01T10:00:00Z"}"#,
            "row 1: the column `day` is date, and \"2025-03-01T10:00:00Z\" does not fit",
        ),
        (
            r#"{"at":"2025-03-01T10:00:00.1234567Z"}"#,
            "row 1: the column `at` is datetime, and \"2025-03-01T10:00:00.1234567Z\" does not fit: a point in time has six digits of a second at most",
        ),
    ] {
        let it = Fixture::new(ALL);
        let error = it.write(&[&[record]]).unwrap_err();
        assert_eq!(error.message, expected);
        assert!(error.help.unwrap().contains("`type: string`"));
        assert_eq!(it.files(), 0, "nothing of it is left");
    }
}

#[test]
fn what_has_no_type_gets_it_from_the_first_row_group() {
    let it = Fixture::new(&[("id", ColumnType::Any)]);
    it.write(&[
        &[r#"{"b":true,"id":1,"mixed":1,"o":{},"none":null}"#, r#"{"id":2,"price":1,"t":"x","mixed":"a","late":null}"#],
        &[r#"{"id":3,"price":19.90,"o":[1],"late":18446744073709551616,"mixed":[2]}"#],
    ])
    .unwrap();
    assert_eq!(
        it.schema(),
        "OPTIONAL INT64 id;\n\
         OPTIONAL BOOLEAN b;\n\
         OPTIONAL BYTE_ARRAY mixed (STRING);\n\
         OPTIONAL BYTE_ARRAY o (JSON);\n\
         OPTIONAL BYTE_ARRAY none (STRING);\n\
         OPTIONAL FIXED_LEN_BYTE_ARRAY (16) price (DECIMAL(38,18));\n\
         OPTIONAL BYTE_ARRAY t (STRING);\n\
         OPTIONAL FIXED_LEN_BYTE_ARRAY (16) late (DECIMAL(38,18));\n"
    );
    assert_eq!(
        it.rows()[2],
        "{id: 3, b: null, mixed: \"[2]\", o: \"[1]\", none: null, price: 19.900000000000000000, t: null, late: 18446744073709551616.000000000000000000}"
    );
}

#[test]
fn what_comes_after_the_first_row_group_has_to_fit() {
    let first: &[&str] = &[r#"{"id":1,"none":null}"#, r#"{"id":2}"#];
    for (record, message, help) in [
        (
            r#"{"id":"x"}"#,
            "row 3: the column `id` is integer, and \"x\" does not fit: a whole number has 64 bits",
            "say it in `map`",
        ),
        (
            r#"{"none":5}"#,
            "row 3: the column `none` was only null in the first row group, and 5 comes after it",
            "say in `map` what it is",
        ),
    ] {
        let error = Fixture::new(&[]).row_group(2).write(&[first, &[record]]).unwrap_err();
        assert_eq!(error.message, message);
        assert!(error.help.unwrap().contains(help));
    }
    let it = Fixture::new(&[]).row_group(2);
    let error = it.write(&[first, &[r#"{"id":3,"more":1}"#]]).unwrap_err();
    assert!(error.message.ends_with("has no column `more`: its columns are `id`, `none`"), "{error}");
    assert!(error.help.unwrap().ends_with("name `more` in `map`, with its `type`"));
    it.write(&[first, &[r#"{"none":"a text is one"}"#]]).unwrap();
    assert_eq!(it.rows()[2], "{id: null, none: \"a text is one\"}");
    // Before a type is decided, digits that no type keeps are told too.
    let error = Fixture::new(&[]).write(&[&[r#"{"n":0.12345678901234567890}"#]]).unwrap_err();
    assert!(error.message.starts_with("row 1: 0.12345678901234567890 does not fit into the column `n`"), "{error}");
}

#[test]
fn row_groups_have_as_many_rows_as_the_spec_says() {
    let it = Fixture::new(&[("a", ColumnType::Integer)]).row_group(3);
    let rows: Vec<String> = (0..8).map(|a| format!("{{\"a\":{a}}}")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    it.write(&[&rows[..1], &rows[1..]]).unwrap();
    assert_eq!(it.groups(), [3, 3, 2]);
    assert_eq!(it.rows().last().unwrap(), "{a: 7}");
    let error = Fixture::new(&[]).row_group(0).write(&[]).unwrap_err();
    assert_eq!(error.message, "a `row_group` of 0 rows holds no record");
}

#[test]
fn memory_bounds_a_row_group_too() {
    let it = Fixture::new(&[("a", ColumnType::String)]);
    let record = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    let mut sink = it.open().unwrap();
    for _ in 0..130 {
        sink.write(&records(&[&record])).unwrap();
    }
    sink.finish().unwrap();
    assert_eq!(it.groups(), [64, 64, 2]);
}

#[test]
fn a_file_comes_whole_or_not_at_all() {
    let it = Fixture::new(&[("a", ColumnType::Integer)]);
    let mut sink = it.open().unwrap();
    sink.write(&records(&[r#"{"a":1}"#])).unwrap();
    assert!(!it.path().exists());
    assert_eq!(sink.position().unwrap(), None);
    drop(sink);
    assert_eq!(it.files(), 0);
    it.write(&[&[r#"{"a":2}"#]]).unwrap();
    let error = it.write(&[&[r#"{"a":3}"#]]).unwrap_err();
    assert!(error.message.ends_with("out.parquet` is there, and nothing can be added to a Parquet file"), "{error}");
    assert!(error.help.unwrap().contains("{{ run.id }}"));
    assert_eq!(it.rows(), ["{a: 2}"]);
    let it = it.mode(Mode::Replace);
    let mut sink = it.open().unwrap();
    sink.write(&records(&[r#"{"a":4}"#])).unwrap();
    assert!(sink.write(&records(&[r#"{"a":5}"#, r#"{"a":"x","b":1}"#])).is_err());
    assert_eq!((it.rows(), it.files()), (vec!["{a: 2}".to_owned()], 2));
    // A page that failed left nothing in the file.
    sink.finish().unwrap();
    assert_eq!((it.rows(), it.files()), (vec!["{a: 4}".to_owned()], 1));
    let it = it.mode(Mode::Upsert);
    assert!(it.write(&[]).unwrap_err().message.contains("can't be updated by key"));
}

#[test]
fn a_step_without_records_still_makes_its_file() {
    let it = Fixture::new(&[("a", ColumnType::Integer)]).mode(Mode::Replace);
    it.write(&[]).unwrap();
    assert_eq!((it.schema().as_str(), it.rows().len()), ("OPTIONAL INT64 a;\n", 0));
    it.write(&[&[r#"{"a":4,"b":"x"}"#]]).unwrap();
    // Without columns there would be no file that can be read: they are those that were there.
    let plain = Fixture { target: SinkTarget { columns: Vec::new(), ..it.target.clone() }, ..it };
    plain.write(&[]).unwrap();
    assert_eq!((plain.schema().lines().count(), plain.rows().len()), (2, 0));
    let it = Fixture::new(&[]);
    it.write(&[]).unwrap();
    assert_eq!(it.files(), 0);
}

#[test]
fn steps_write_one_file_at_once() {
    let it = Fixture::new(&[("a", ColumnType::Integer)]);
    let (mut one, mut other) = (it.open().unwrap(), it.open().unwrap());
    one.write(&records(&[r#"{"a":1}"#])).unwrap();
    other.write(&records(&[r#"{"a":2}"#])).unwrap();
    one.finish().unwrap();
    assert!(!it.path().exists(), "the other one is not through");
    other.write(&records(&[r#"{"a":3}"#])).unwrap();
    other.finish().unwrap();
    assert_eq!(it.rows(), ["{a: 1}", "{a: 2}", "{a: 3}"]);
    let it = Fixture::new(&[("a", ColumnType::Integer)]);
    let _one = it.open().unwrap();
    let other =
        SinkTarget { columns: vec![Column { name: "a".into(), kind: ColumnType::String }], ..it.target.clone() };
    let error = it.storage.open(&it.spec, &other).err().unwrap();
    assert!(error.message.contains("with different columns"), "{error}");
}

#[test]
fn every_way_to_pack_can_be_read() {
    for compression in
        [ParquetCompression::None, ParquetCompression::Snappy, ParquetCompression::Gzip, ParquetCompression::Zstd]
    {
        let mut it = Fixture::new(&[]);
        it.spec.kind = SinkKind::Parquet { compression, row_group: None };
        it.write(&[&[r#"{"a":"x","b":1.5}"#]]).unwrap();
        assert_eq!(it.rows(), ["{a: \"x\", b: 1.500000000000000000}"]);
    }
}
