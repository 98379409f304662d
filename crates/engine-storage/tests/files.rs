//! What lands in files of lines and of rows.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use bytes::Bytes;
use engine_expr::Value;
use engine_runtime::{Column, ColumnType, Mode, Record, RecordSink, SinkError, SinkKind, SinkSpec, SinkTarget, Sinks};
use engine_storage::Storage;
use tempfile::TempDir;

/// A folder with one file, and what it is opened with.
struct Fixture {
    folder: TempDir,
    spec: SinkSpec,
    target: SinkTarget,
}

impl Fixture {
    fn new(kind: SinkKind) -> Self {
        let folder = TempDir::new().unwrap();
        let target = SinkTarget { path: Some(folder.path().join("deep/out.txt")), ..SinkTarget::default() };
        Self { folder, spec: SinkSpec { name: "files".to_owned(), create: true, kind }, target }
    }

    fn csv() -> Self {
        Self::new(SinkKind::Csv { delimiter: b',', header: true })
    }

    fn columns(mut self, names: &[&str]) -> Self {
        self.target.columns =
            names.iter().map(|name| Column { name: (*name).to_owned(), kind: ColumnType::String }).collect();
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
        Storage::new().open(&self.spec, &self.target)
    }

    fn write(&self, pages: &[&[&str]]) -> Result<String, SinkError> {
        let mut sink = self.open()?;
        for page in pages {
            sink.write(&records(page))?;
        }
        sink.finish()?;
        Ok(self.text())
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    /// Counts the files in the folder.
    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("deep")).unwrap().count()
    }
}

fn records(page: &[&str]) -> Vec<Record> {
    page.iter().map(|text| Record::Raw(Bytes::copy_from_slice(text.as_bytes()))).collect()
}

#[test]
fn lines_are_appended() {
    let it = Fixture::new(SinkKind::Jsonl);
    it.write(&[&[r#"{"a": 1.50}"#, "{\n \"b\": \"é\\n\"\n}"], &["[1]"]]).unwrap();
    assert_eq!(it.write(&[&["null"]]).unwrap(), "{\"a\": 1.50}\n{\"b\":\"é\\n\"}\n[1]\nnull\n");
    let mut sink = it.open().unwrap();
    sink.write(&[Record::Value(Value::from_json("{\"a\":[1.0]}").unwrap())]).unwrap();
    assert!(it.text().ends_with("null\n{\"a\":[1.0]}\n"), "a page is there when it is written");
}

#[test]
fn a_line_that_was_cut_is_ended_first() {
    let it = Fixture::new(SinkKind::Jsonl);
    it.write(&[]).unwrap();
    std::fs::write(it.path(), "{\"a\":").unwrap();
    assert_eq!(it.write(&[&["{}"]]).unwrap(), "{\"a\":\n{}\n");
}

#[test]
fn a_replaced_file_changes_at_the_end_or_not_at_all() {
    let it = Fixture::new(SinkKind::Jsonl).mode(Mode::Replace);
    it.write(&[&["1"]]).unwrap();
    let mut sink = it.open().unwrap();
    sink.write(&records(&["2"])).unwrap();
    assert_eq!((it.text().as_str(), it.files()), ("1\n", 2));
    drop(sink);
    assert_eq!((it.text().as_str(), it.files()), ("1\n", 1));
    assert_eq!(it.write(&[&["3"]]).unwrap(), "3\n");
    assert_eq!(it.write(&[]).unwrap(), "");
    assert_eq!(it.files(), 1);
}

#[test]
fn a_file_has_no_keys() {
    let it = Fixture::new(SinkKind::Jsonl).mode(Mode::Upsert);
    assert!(it.write(&[]).unwrap_err().message.contains("can't be updated by key"));
}

#[test]
fn rows_have_the_columns_of_the_first_record() {
    let it = Fixture::csv();
    let text = it
        .write(&[&[
            r#"{"id": 1, "name": "a,b", "more": {"x": [1]}, "ok": true, "none": null}"#,
            r#"{"none": "say \"hi\"", "name": "two\nlines", "price": 19.90}"#.replace(", \"price\": 19.90", "").as_str(),
        ]])
        .unwrap();
    assert_eq!(
        text,
        "id,name,more,ok,none\n1,\"a,b\",\"{\"\"x\"\": [1]}\",true,\n,\"two\nlines\",,,\"say \"\"hi\"\"\"\n"
    );
}

#[test]
fn a_member_without_a_column_is_an_error_that_names_it() {
    let it = Fixture::csv();
    let error = it.write(&[&[r#"{"a": 1}"#], &[r#"{"a": 1, "b": 2}"#]]).unwrap_err();
    assert!(
        error.message.starts_with("row 2: ") && error.message.ends_with("has no column `b`: its columns are `a`"),
        "{error}"
    );
    assert_eq!(it.text(), "a\n1\n");
    let declared = Fixture::csv().columns(&["a", "b"]);
    let further = Fixture::csv().columns(&["z"]);
    assert_eq!(further.write(&[&[r#"{"a": 1, "z": 2}"#]]).unwrap(), "z,a\n2,1\n");
    assert_eq!(declared.write(&[&[r#"{"a": 1}"#], &[r#"{"b": 2, "a": 1}"#]]).unwrap(), "a,b\n1,\n1,2\n");
}

#[test]
fn rows_are_appended_below_the_header_that_is_there() {
    let it = Fixture::csv().columns(&["a", "b"]);
    assert_eq!(it.write(&[]).unwrap(), "a,b\n");
    let it = it.columns(&["b", "a"]);
    assert_eq!(it.write(&[&[r#"{"b": 2, "a": 1}"#]]).unwrap(), "a,b\n1,2\n");
    let error = it.columns(&["c"]).write(&[]).unwrap_err();
    assert!(error.message.ends_with("has no column `c`: its columns are `a`, `b`"), "{error}");
}

#[test]
fn rows_can_be_without_a_header_and_with_another_delimiter() {
    let it = Fixture::new(SinkKind::Csv { delimiter: b';', header: false });
    it.write(&[&[r#"{"a": "x;y", "b": 1}"#]]).unwrap();
    assert_eq!(it.write(&[&[r#"{"a": "z", "b": 2.50}"#]]).unwrap(), "\"x;y\";1\nz;2.50\n");
}
