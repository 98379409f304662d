//! What lands in files of lines and of rows.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use engine_expr::Value;
use engine_runtime::{
    Column, ColumnType, FileCompression, Mode, Record, RecordSink, SinkError, SinkKind, SinkSpec, SinkTarget, Sinks,
};
use engine_storage::Storage;
use tempfile::TempDir;

const JSONL: SinkKind = SinkKind::Jsonl { compression: FileCompression::None };

fn csv(delimiter: u8, header: bool, compression: FileCompression) -> SinkKind {
    SinkKind::Csv { delimiter, header, compression }
}

/// A folder with one file, and what it is opened with.
struct Fixture {
    folder: TempDir,
    storage: Storage,
    spec: SinkSpec,
    target: SinkTarget,
}

impl Fixture {
    fn new(kind: SinkKind) -> Self {
        let folder = TempDir::new().unwrap();
        let target = SinkTarget { path: Some(folder.path().join("deep/out.txt")), ..SinkTarget::default() };
        let spec = SinkSpec { name: "files".to_owned(), create: true, kind };
        Self { folder, storage: Storage::new(), spec, target }
    }

    fn csv() -> Self {
        Self::new(csv(b',', true, FileCompression::None))
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
        self.storage.open(&self.spec, &self.target)
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
    page.iter().map(|text| Record::Raw((*text).into())).collect()
}

#[test]
fn tells_whether_there_was_a_file_before() {
    let fixture = Fixture::new(JSONL);
    let mut sink = fixture.open().unwrap();
    assert!(sink.is_new());
    sink.write(&records(&[r#"{"id": 1}"#])).unwrap();
    assert!(sink.is_new());
    sink.finish().unwrap();
    drop(sink);
    assert!(!fixture.open().unwrap().is_new());
}

#[test]
fn lines_are_appended() {
    let it = Fixture::new(JSONL);
    it.write(&[&[r#"{"a": 1.50}"#, "{\n \"b\": \"é\\n\"\n}"], &["[1]"]]).unwrap();
    assert_eq!(it.write(&[&["null"]]).unwrap(), "{\"a\": 1.50}\n{\"b\":\"é\\n\"}\n[1]\nnull\n");
    let mut sink = it.open().unwrap();
    sink.write(&[Record::Value(Value::from_json("{\"a\":[1.0]}").unwrap())]).unwrap();
    assert!(it.text().ends_with("null\n{\"a\":[1.0]}\n"), "a page is there when it is written");
}

#[test]
fn a_line_that_was_cut_is_ended_first() {
    let it = Fixture::new(JSONL);
    it.write(&[]).unwrap();
    std::fs::write(it.path(), "{\"a\":").unwrap();
    assert_eq!(it.write(&[&["{}"]]).unwrap(), "{\"a\":\n{}\n");
}

#[test]
fn a_replaced_file_changes_at_the_end_or_not_at_all() {
    let it = Fixture::new(JSONL).mode(Mode::Replace);
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
    let it = Fixture::new(JSONL).mode(Mode::Upsert);
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
    let it = Fixture::new(csv(b';', false, FileCompression::None));
    it.write(&[&[r#"{"a": "x;y", "b": 1}"#]]).unwrap();
    assert_eq!(it.write(&[&[r#"{"a": "z", "b": 2.50}"#]]).unwrap(), "\"x;y\";1\nz;2.50\n");
}

#[test]
fn a_step_without_records_still_makes_its_file() {
    assert_eq!(Fixture::new(JSONL).write(&[]).unwrap(), "");
    assert_eq!(Fixture::csv().write(&[]).unwrap(), "");
    let it = Fixture::csv().columns(&["a", "b"]);
    assert_eq!(it.write(&[]).unwrap(), "a,b\n");
    assert_eq!(it.write(&[]).unwrap(), "a,b\n", "the header comes once");
    let it = it.mode(Mode::Replace);
    it.write(&[&[r#"{"a": 1}"#]]).unwrap();
    assert_eq!(it.write(&[]).unwrap(), "a,b\n");
    assert_eq!(it.columns(&[]).write(&[]).unwrap(), "");
}

/// Writes pages from several threads, each through a sink of its own, and returns the lines, one list per page.
fn write_at_once(it: &Fixture, pages: usize, page: impl Fn(usize, usize) -> Vec<Record> + Sync) -> String {
    const STEPS: usize = 4;
    let start = std::sync::Barrier::new(STEPS);
    std::thread::scope(|scope| {
        for step in 0..STEPS {
            let (start, page) = (&start, &page);
            scope.spawn(move || {
                start.wait();
                let mut sink = it.open().unwrap();
                for number in 0..pages {
                    sink.write(&page(step, number)).unwrap();
                }
                sink.finish().unwrap();
            });
        }
    });
    it.text()
}

/// Requires that 4 steps wrote 50 pages of 20 rows each, every page in one piece and in its turn.
fn check_pages(rows: &[(usize, usize, usize)]) {
    assert_eq!(rows.len(), 4 * 50 * 20);
    let mut next = [0; 4];
    for page in rows.chunks(20) {
        let (step, number, _) = page[0];
        assert_eq!(number, next[step]);
        next[step] += 1;
        let whole: Vec<_> = (0..20).map(|row| (step, number, row)).collect();
        assert_eq!(page, whole);
    }
}

#[test]
fn steps_that_write_one_file_at_once_lose_nothing() {
    let page = |step: usize, number: usize| -> Vec<Record> {
        let rows: Vec<String> =
            (0..20).map(|row| format!("{{\"step\":{step},\"page\":{number},\"row\":{row}}}")).collect();
        records(&rows.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let it = Fixture::new(JSONL);
    let text = write_at_once(&it, 50, page);
    let number = |value: &Value, name: &str| usize::try_from(value.get(name).unwrap().as_i64().unwrap()).unwrap();
    let rows = text.lines().map(|line| {
        let value = Value::from_json(line).unwrap();
        (number(&value, "step"), number(&value, "page"), number(&value, "row"))
    });
    check_pages(&rows.collect::<Vec<_>>());
    for it in [Fixture::csv(), Fixture::csv().columns(&["step", "page", "row"])] {
        let text = write_at_once(&it, 50, page);
        let (header, text) = text.split_once('\n').unwrap();
        assert_eq!(header, "step,page,row");
        let rows = text.lines().map(|line| {
            let cells: Vec<usize> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
            (cells[0], cells[1], cells[2])
        });
        check_pages(&rows.collect::<Vec<_>>());
    }
}

#[test]
fn a_file_is_one_however_its_path_is_written() {
    let mut it = Fixture::new(JSONL);
    let mut one = it.open().unwrap();
    it.target.path = Some(it.folder.path().join("deep/../deep/./out.txt"));
    let mut other = it.open().unwrap();
    one.write(&records(&["1"])).unwrap();
    other.write(&records(&["2"])).unwrap();
    one.write(&records(&["3"])).unwrap();
    one.finish().unwrap();
    other.write(&records(&["4"])).unwrap();
    other.finish().unwrap();
    assert_eq!(it.text(), "1\n2\n3\n4\n");
    assert!(one.write(&records(&["5"])).is_err(), "a step that finished has no file");
}

#[test]
fn two_programs_that_append_lose_nothing() {
    let it = Fixture::new(JSONL);
    let mut one = it.open().unwrap();
    let mut other = Storage::new().open(&it.spec, &it.target).unwrap();
    for _ in 0..2 {
        one.write(&records(&["1"])).unwrap();
        other.write(&records(&["2"])).unwrap();
    }
    assert_eq!(it.text(), "1\n2\n1\n2\n");
}

#[test]
fn a_file_that_is_replaced_has_one_writer() {
    let expected = |one: &str, other: &str| {
        format!(
            "at the same time and need it for themselves: one {one} (sink `files`), the other {other} (sink `files`)"
        )
    };
    let mut it = Fixture::new(JSONL);
    let mut refused = |first: Mode, second: Mode, one: &str, other: &str| {
        it.target.mode = first;
        let mut sink = it.open().unwrap();
        it.target.mode = second;
        let error = it.open().err().unwrap();
        assert!(error.message.ends_with(&expected(one, other)), "{error}");
        assert_eq!(error.help.unwrap(), "write `mode: append` in both steps, or give each its own `path`");
        // The first one is not disturbed, and once it is through, the other can have the file.
        sink.write(&records(&["1"])).unwrap();
        sink.finish().unwrap();
        it.write(&[&["2"]]).unwrap()
    };
    assert_eq!(refused(Mode::Append, Mode::Replace, "appends", "replaces it"), "2\n");
    assert_eq!(refused(Mode::Replace, Mode::Append, "replaces it", "appends"), "1\n2\n");
    assert_eq!(refused(Mode::Replace, Mode::Replace, "replaces it", "replaces it"), "2\n");
    assert_eq!(it.files(), 1);
}

#[test]
fn steps_that_share_a_file_have_the_same_columns() {
    let it = Fixture::csv().columns(&["a", "b"]);
    let mut one = it.open().unwrap();
    let it = it.columns(&["b", "a"]);
    let mut other = it.open().unwrap();
    for columns in [&["a"][..], &["a", "b", "c"], &[]] {
        let target = SinkTarget {
            columns: columns.iter().map(|name| Column { name: (*name).to_owned(), kind: ColumnType::String }).collect(),
            ..it.target.clone()
        };
        let spec = SinkSpec { name: "more".to_owned(), ..it.spec.clone() };
        let error = it.storage.open(&spec, &target).err().unwrap();
        let named = columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let second = if columns.is_empty() { "those of its first record" } else { &named };
        let expected = format!(
            "two steps write to `{}` at the same time with different columns: \
             one has `a`, `b` (sink `files`), the other has {second} (sink `more`)",
            it.path().display()
        );
        assert_eq!(error.message, expected);
        assert_eq!(
            error.help.unwrap(),
            "name the same columns in the `map` of both steps, or give each its own `path`"
        );
    }
    other.write(&records(&[r#"{"b": 2, "a": 1}"#])).unwrap();
    one.write(&records(&[r#"{"a": 3}"#])).unwrap();
    drop(one);
    other.finish().unwrap();
    assert_eq!(it.text(), "a,b\n1,2\n3,\n");
}

#[test]
fn steps_that_share_a_file_write_one_format() {
    let mut it = Fixture::csv();
    let _sink = it.open().unwrap();
    it.spec.kind = csv(b';', true, FileCompression::None);
    let error = it.open().err().unwrap();
    assert!(
        error.message.contains(
            "with different layouts: one has `,` between fields and a header (sink `files`), the other has `;`"
        ),
        "{error}"
    );
    it.spec.kind = JSONL;
    let error = it.open().err().unwrap();
    assert!(
        error
            .message
            .ends_with("in different formats: one writes csv (sink `files`), the other writes jsonl (sink `files`)"),
        "{error}"
    );
    assert_eq!(error.help.unwrap(), "give each step its own `path`");
    it.target.mode = Mode::Upsert;
    assert!(it.open().err().unwrap().message.contains("can't be updated by key"));
}

#[test]
fn a_header_waits_for_every_step_that_shares_the_file() {
    let it = Fixture::csv().columns(&["a"]);
    let (mut idle, mut busy) = (it.open().unwrap(), it.open().unwrap());
    idle.finish().unwrap();
    busy.write(&records(&[r#"{"a": 1, "further": 2}"#])).unwrap();
    busy.finish().unwrap();
    assert_eq!(it.text(), "a,further\n1,2\n");
    let it = Fixture::csv().columns(&["a"]);
    let (mut idle, failed) = (it.open().unwrap(), it.open().unwrap());
    idle.finish().unwrap();
    drop(failed);
    assert_eq!(it.text(), "a\n", "the step that finished has its header");
}

/// Unpacks a file as anybody does.
fn unpacked(path: &std::path::Path, compression: FileCompression) -> String {
    let file = std::fs::File::open(path).unwrap();
    let mut text = String::new();
    match compression {
        FileCompression::None => std::io::Read::read_to_string(&mut &file, &mut text),
        FileCompression::Gzip => std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text),
        FileCompression::Zstd => {
            std::io::Read::read_to_string(&mut zstd::stream::read::Decoder::new(file).unwrap(), &mut text)
        }
    }
    .unwrap();
    text
}

#[test]
fn packed_files_are_added_to_and_read_as_one() {
    for compression in [FileCompression::Gzip, FileCompression::Zstd] {
        let it = Fixture::new(SinkKind::Jsonl { compression });
        for pages in [&[&["1", "2"][..], &["3"]][..], &[], &[&["4"]]] {
            let mut sink = it.open().unwrap();
            for page in pages {
                sink.write(&records(page)).unwrap();
            }
            sink.finish().unwrap();
        }
        assert_eq!(unpacked(&it.path(), compression), "1\n2\n3\n4\n");
        // Who packed it before may have left the last line without its end.
        let it = it.mode(Mode::Replace);
        it.open().unwrap().finish().unwrap();
        assert_eq!(unpacked(&it.path(), compression), "");
        let cut = match compression {
            FileCompression::Gzip => {
                let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                std::io::Write::write_all(&mut member, b"{\"a\":").unwrap();
                member.finish().unwrap()
            }
            _ => zstd::encode_all(&b"{\"a\":"[..], 1).unwrap(),
        };
        std::fs::write(it.path(), cut).unwrap();
        let it = it.mode(Mode::Append);
        let mut sink = it.open().unwrap();
        sink.write(&records(&["{}"])).unwrap();
        sink.finish().unwrap();
        assert_eq!(unpacked(&it.path(), compression), "{\"a\":\n{}\n");

        let it = Fixture::new(csv(b',', true, compression)).columns(&["a", "b"]);
        for a in 1..3 {
            let mut sink = it.open().unwrap();
            sink.write(&records(&[&format!("{{\"a\":{a}}}")])).unwrap();
            sink.finish().unwrap();
        }
        assert_eq!(unpacked(&it.path(), compression), "a,b\n1,\n2,\n");
    }
}

#[test]
fn nothing_is_added_to_a_packed_file_that_breaks_off() {
    for (compression, name) in [(FileCompression::Gzip, "gzip"), (FileCompression::Zstd, "zstd")] {
        let it = Fixture::new(SinkKind::Jsonl { compression });
        let mut sink = it.open().unwrap();
        sink.write(&records(&["1"])).unwrap();
        sink.finish().unwrap();
        let whole = std::fs::read(it.path()).unwrap();
        std::fs::write(it.path(), &whole[..whole.len() - 3]).unwrap();
        let error = it.open().err().unwrap();
        assert!(error.message.contains("out.txt` breaks off within a page"), "{error}");
        assert!(error.help.unwrap().contains(name));
        std::fs::write(it.path(), "{\"a\": 1234567890}\n").unwrap();
        let error = it.open().err().unwrap();
        assert!(error.message.contains(&format!("is not a whole {name} file")), "{error}");
    }
}

#[test]
fn pages_are_found_again_and_what_breaks_off_is_cut_away() {
    for compression in [FileCompression::None, FileCompression::Gzip, FileCompression::Zstd] {
        for kind in [SinkKind::Jsonl { compression }, csv(b',', true, compression)] {
            let it = Fixture::new(kind).columns(&["a"]);
            let mut sink = it.open().unwrap();
            // What is not packed away, so that a page has some blocks.
            let texts: Vec<String> =
                (0..2000_u64).map(|at| format!("{{\"a\":{}}}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut extents = Vec::new();
            for number in 0..2 {
                let mut intend = |extent| {
                    extents.push(extent);
                    Ok(())
                };
                sink.write_intended(&records(&texts), &mut intend).unwrap();
                if number == 0 {
                    // The other page is not known to be on the disk.
                    assert_eq!(sink.position().unwrap(), Some(std::fs::metadata(it.path()).unwrap().len()));
                }
            }
            drop(sink);
            let whole = std::fs::read(it.path()).unwrap();
            let (first, second) = (&extents[0], &extents[1]);
            assert_eq!((first.at, first.length, second.at + second.length), (0, second.at, whole.len() as u64));
            let recover = || it.storage.recover(&it.spec, &it.target, first.length, &extents[1..]);
            assert_eq!(recover().unwrap(), [true]);
            // Where it breaks off at the end of a block, as it does where a process is killed.
            let end = second.at.next_multiple_of(4096) + 4096;
            std::fs::write(it.path(), &whole[..usize::try_from(end).unwrap()]).unwrap();
            assert_eq!(recover().unwrap(), [false]);
            assert_eq!(std::fs::metadata(it.path()).unwrap().len(), first.length);
            let mut sink = it.open().unwrap();
            sink.write(&records(&texts)).unwrap();
            sink.finish().unwrap();
            assert!(std::fs::read(it.path()).unwrap() == whole);
            let error = it.storage.recover(&it.spec, &it.target, whole.len() as u64 + 1, &[]).unwrap_err();
            assert!(error.message.ends_with("it was changed meanwhile"), "{error}");
        }
    }
}

#[test]
fn nothing_is_written_where_it_can_not_be_said_before() {
    let it = Fixture::new(JSONL);
    let mut sink = it.open().unwrap();
    let error = sink.write_intended(&records(&["1"]), &mut |_| Err(SinkError::new("no")));
    assert_eq!(error.unwrap_err().message, "no");
    sink.finish().unwrap();
    assert_eq!(std::fs::read_to_string(it.path()).unwrap(), "");
}

#[test]
fn a_place_is_told_only_of_a_file_that_is_in_its_own() {
    let it = Fixture::new(JSONL).mode(Mode::Replace);
    let mut sink = it.open().unwrap();
    sink.write(&records(&["1"])).unwrap();
    assert_eq!(sink.position().unwrap(), None);
    drop(sink);
    let it = Fixture::new(JSONL);
    let (mut one, mut other) = (it.open().unwrap(), it.open().unwrap());
    one.write(&records(&["1"])).unwrap();
    other.write(&records(&["2"])).unwrap();
    assert_eq!(one.position().unwrap(), Some(4));
}

#[test]
fn any_number_of_files_is_written_at_once() {
    let mut it = Fixture::new(JSONL);
    for mode in [Mode::Append, Mode::Replace] {
        it.target.mode = mode;
        let mut sinks = Vec::new();
        for number in 0..1500 {
            it.target.path = Some(it.folder.path().join(format!("many/{number}.jsonl")));
            let mut sink = it.open().unwrap();
            sink.write(&records(&[&number.to_string()])).unwrap();
            sinks.push(sink);
        }
        for (number, sink) in sinks.iter_mut().enumerate() {
            sink.write(&records(&[&format!("[{number}]")])).unwrap();
        }
        for (number, sink) in sinks.iter_mut().enumerate() {
            sink.finish().unwrap();
            let text = std::fs::read_to_string(it.folder.path().join(format!("many/{number}.jsonl"))).unwrap();
            assert_eq!(text, format!("{number}\n[{number}]\n"));
        }
        assert_eq!(std::fs::read_dir(it.folder.path().join("many")).unwrap().count(), 1500);
        std::fs::remove_dir_all(it.folder.path().join("many")).unwrap();
    }
}
