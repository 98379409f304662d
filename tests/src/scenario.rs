//! A scenario: a spec that is run by the real binary against a server that plays a script.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use rusqlite::types::ValueRef;

use crate::engine::{Engine, Finished};
use crate::expected::{Expected, updating};
use crate::hidden::shown_forms;
use crate::repository;
use crate::script::{Rows, Script};
use crate::server::Server;

/// Returns the folders of all scenarios.
pub fn names() -> Vec<String> {
    let entries = fs::read_dir(folder("")).expect("there are scenarios");
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Runs a scenario, and fails with all that is not as expected.
pub fn check(name: &str) {
    let from = folder(name);
    let text = fs::read_to_string(from.join("exchanges.yaml")).expect("a scenario has a script");
    let script: Script = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}/exchanges.yaml: {error}"));
    let place = tempfile::tempdir().unwrap();
    copy(&from, place.path());
    for (name, text) in &script.run.files {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let (server, other) = (Server::start(), Server::start());
    let words = || {
        // Two seconds from now: a whole second is lost to the form.
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
        vec![
            ("@server@".to_owned(), server.url()),
            ("@other@".to_owned(), other.url()),
            ("@soon@".to_owned(), soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
            ("@soon-in-seconds@".to_owned(), soon.as_second().to_string()),
        ]
    };
    let mut faults = Vec::new();
    for (at, before) in script.before.iter().enumerate() {
        server.play(before.exchanges.clone(), script.any_order, words());
        let mut earlier = script.clone();
        earlier.run.args.extend(before.args.iter().cloned());
        earlier.run.env.extend(before.env.clone());
        let finished = run(&earlier, place.path(), &server, &other);
        let said = normal(&finished.stderr(), &server, &other, place.path());
        let mut fault = |text: String| faults.push(format!("run {}: {text}", at + 1));
        server.faults().into_iter().for_each(&mut fault);
        if finished.status != Some(before.exit) {
            fault(format!("the exit status is {:?}, not {}: {said}", finished.status, before.exit));
        }
        let printed = normal(&finished.stdout(), &server, &other, place.path());
        if before.printed.as_ref().is_some_and(|expected| expected.trim() != printed.trim()) {
            fault(format!("it printed\n{printed}"));
        }
        for part in before.said.iter().filter(|part| !said.contains(*part)) {
            fault(format!("`{part}` is not said:\n{said}"));
        }
    }
    let mut finished = None;
    for _ in 0..script.run.times {
        server.play(script.exchanges.clone(), script.any_order, words());
        other.play(script.other.clone(), script.any_order, words());
        finished = Some(run(&script, place.path(), &server, &other));
        faults.extend(server.faults());
        faults.extend(other.faults().into_iter().map(|fault| format!("the other server: {fault}")));
    }
    let finished = finished.expect("a scenario runs once at least");
    let said = normal(&finished.stderr(), &server, &other, place.path());
    compare(&script, &from, place.path(), &finished, &said, &server, &other, &mut faults);
    assert!(faults.is_empty(), "scenario {name}:\n{}\n--- stderr\n{said}", faults.join("\n"));
}

fn folder(name: &str) -> PathBuf {
    repository::root().join("tests/run").join(name)
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.path().is_dir() {
            fs::create_dir(to.join(&name)).unwrap();
            copy(&entry.path(), &to.join(&name));
        } else if !name.to_string_lossy().starts_with("expected.") && name != "records.jsonl" {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

fn run(script: &Script, place: &Path, server: &Server, other: &Server) -> Finished {
    let mut arguments = vec!["run".to_owned(), script.run.spec.clone()];
    arguments.extend(script.run.args.iter().cloned());
    let mut engine =
        Engine::new(arguments).folder(place).variable("SERVER_URL", &server.url()).variable("OTHER_URL", &other.url());
    for (name, value) in &script.run.env {
        let value = value.replace("@server@", &server.url()).replace("@other@", &other.url());
        engine = engine.variable(name, &value);
    }
    if script.run.first_line_only {
        engine = engine.first_line_only();
    }
    let before = server.served();
    engine.finish_watched(|| script.run.interrupt_after.is_some_and(|after| server.served() - before >= after))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one comparison")]
fn compare(
    script: &Script,
    from: &Path,
    place: &Path,
    finished: &Finished,
    said: &str,
    server: &Server,
    other: &Server,
    faults: &mut Vec<String>,
) {
    let expect = &script.expect;
    if finished.killed {
        faults.push("it did not end by itself".to_owned());
    }
    if finished.status != Some(expect.exit) {
        faults.push(format!("the exit status is {:?}, not {}", finished.status, expect.exit));
    }
    let printed = normal(&finished.stdout(), server, other, place);
    faults.extend(Expected::at(from.join("records.jsonl")).check(&printed).err());
    let stderr = Expected::at(from.join("expected.stderr"));
    if expect.said.is_empty() && (expect.exit != 0 && (updating() || expect.exit != 141) || stderr.exists()) {
        faults.extend(stderr.check(said).err());
    }
    for part in &expect.said {
        if !said.contains(part) {
            faults.push(format!("`{part}` is not said"));
        }
    }
    for secret in &expect.hidden {
        for form in shown_forms(secret, &finished.stderr()) {
            faults.push(format!("stderr shows `{form}`"));
        }
        for form in shown_forms(secret, &finished.stdout()) {
            faults.push(format!("stdout shows `{form}`"));
        }
    }
    for name in &expect.files {
        let written = crate::written::text(&place.join(name)).map(|text| normal(&text, server, other, place));
        match written {
            Ok(text) => faults
                .extend(Expected::at(from.join(format!("expected.{}", name.replace('/', "-")))).check(&text).err()),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    faults.extend(expect.absent.iter().filter(|name| place.join(name).exists()).map(|name| format!("{name} is there")));
    let rows: String = expect.rows.iter().map(|rows| rows_of(rows, place)).collect();
    if !expect.rows.is_empty() {
        faults.extend(Expected::at(from.join("expected.rows")).check(&rows).err());
    }
    if let (Some(bound), Some(peak)) = (expect.memory, finished.peak_memory)
        && peak > bound * 1024 * 1024
    {
        faults.push(format!("it took {} MB of memory", peak / 1024 / 1024));
    }
}

/// Makes a text the same on every machine and in every run.
fn normal(text: &str, server: &Server, other: &Server, place: &Path) -> String {
    let mut text = text.replace(&place.display().to_string(), "FOLDER");
    for (url, name) in [(server.url(), "server"), (other.url(), "other")] {
        let host = url.trim_start_matches("http://").to_owned();
        text = text.replace(&host, name);
    }
    let time = Regex::new(r"\b(in|after|waits) (\d[\d.]* (ms|min|s)|\d+:\d+)( \d+ s)?").unwrap();
    let text = time.replace_all(&text, "$1 TIME");
    // How many pages were fetched before one failed is a matter of which was faster.
    let ahead = Regex::new(r"(?m)^(\S+ +failed: [^;\n]*);.*$").unwrap();
    ahead.replace_all(&text, "$1").into_owned()
}

/// Returns rows as lines of JSON.
fn rows_of(rows: &Rows, place: &Path) -> String {
    let database = place.join(&rows.database);
    if !database.exists() {
        return format!("{} is not there\n", rows.database);
    }
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut statement = match connection.prepare(&rows.query) {
        Ok(statement) => statement,
        Err(error) => return format!("{error}\n"),
    };
    let width = statement.column_count();
    let lines = statement.query_map([], |row| {
        let cells = (0..width).map(|at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => "null".to_owned(),
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Real(number) => format!("{number:?}"),
                ValueRef::Text(text) => serde_json::to_string(&String::from_utf8_lossy(text)).expect("a text is JSON"),
                ValueRef::Blob(bytes) => format!("{bytes:?}"),
            })
        });
        Ok(format!("[{}]\n", cells.collect::<rusqlite::Result<Vec<_>>>()?.join(", ")))
    });
    lines.unwrap().collect::<rusqlite::Result<String>>().unwrap()
}
