//! The documentation is true: its specs validate, its commands do what it shows, its links lead somewhere.
//!
//! What a block of code is says its first line: `docs/README.md` lists the languages and attributes that there are.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use engine_tests::book::{Block, CommandLine, Page, Session, matches, wrapped};
use engine_tests::{Engine, Expected, root, say};
use serde_json::Value;

/// What a fragment may lack: the rest of the spec that it is a part of.
const NOT_IN_A_FRAGMENT: &[&str] = &[
    "undefined-variable",
    "undefined-endpoint",
    "undefined-api",
    "undefined-mapping",
    "undefined-sink",
    "undefined-step",
    "unreadable-file",
    "unused-secret",
    "unused-mapping",
];

/// What a block may say of itself, by its language; one of another language may be the same as a file, or be left out.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("yaml", &["file", "append", "fragment", "data", "wrong", "same"]),
    ("console", &["status", "background", "skip"]),
    ("sh", &["skip"]),
    ("text", &["file", "append", "synopsis", "skip"]),
    ("json", &["file"]),
];

/// The reasons for which a block is not looked at.
const REASONS: &[&str] = &["output", "diagram", "other-program", "installs", "network"];

fn pages() -> Vec<Page> {
    let mut pages = Page::all("docs");
    pages.push(Page::read("README.md"));
    pages
}

#[test]
fn each_block_is_run_or_validated_or_says_why_not() {
    let counts = Mutex::new(BTreeMap::new());
    let pages = pages();
    let mut failures: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = pages.iter().map(|page| scope.spawn(|| check(page, &counts))).collect();
        for thread in threads {
            failures.extend(thread.join().unwrap());
        }
    });
    let counts = counts.into_inner().unwrap();
    let counted: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    say(&format!("docs: {}", counted.join(", ")));
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Goes through a page as a reader does, from its top, in one folder.
fn check(page: &Page, counts: &Mutex<BTreeMap<String, usize>>) -> Vec<String> {
    let mut session = Session::begin();
    let mut failures = Vec::new();
    let mut outputs = Vec::new();
    for block in &page.blocks {
        match checked(block, &mut session, &mut outputs) {
            Ok(what) => *counts.lock().unwrap().entry(what).or_default() += 1,
            Err(why) => failures.push(format!("{}:{}: {why}", page.path.display(), block.line)),
        }
    }
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") && !outputs.is_empty() {
        update(&page.path, &outputs);
    }
    failures
}

/// Returns what was done with a block.
fn checked(block: &Block, session: &mut Session, outputs: &mut Vec<(usize, Vec<String>)>) -> Result<String, String> {
    let language = block.language.as_str();
    if language.is_empty() {
        return Err("says no language".into());
    }
    let known =
        ATTRIBUTES.iter().find(|(known, _)| *known == language).map_or(&["skip", "same"][..], |(_, known)| known);
    if let Some(unknown) = block.attributes().find(|name| !known.contains(name)) {
        return Err(format!("`{unknown}` is no attribute of a `{language}` block"));
    }
    if let Some(reason) = block.attribute("skip") {
        return if REASONS.contains(&reason) {
            Ok(format!("left out ({reason})"))
        } else {
            Err(format!("`skip={reason}` is none of {REASONS:?}"))
        };
    }
    if let Some(path) = block.attribute("same") {
        let file = fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))?;
        return if file == block.text {
            Ok("the same as a file".into())
        } else {
            Err(format!("is not what is in {path}"))
        };
    }
    let written = block.attribute("file").or_else(|| block.attribute("append"));
    if let Some(name) = written {
        session.write(name, &block.text, block.attribute("append").is_some());
    }
    match language {
        "yaml" => yaml(block, written, session),
        "json" => json(&block.text),
        "console" => console(block, session, outputs),
        "sh" => match commands().lock().unwrap().check(&block.text)? {
            0 => Err("calls nothing of the engine: say `skip=other-program`".into()),
            _ => Ok("with commands that are there".into()),
        },
        "text" if block.attribute("synopsis").is_some() => {
            let calls = block.text.lines().filter(|line| line.starts_with("engine "));
            for call in calls {
                // What a command does stands behind two blanks.
                let call = call.split("  ").next().unwrap_or(call);
                let words: Vec<&str> = call
                    .split(' ')
                    .take_while(|word| word.chars().all(|it| it.is_ascii_lowercase() || it == '-'))
                    .collect();
                commands().lock().unwrap().check(&format!("{} …", words.join(" ")))?;
            }
            Ok("with commands that are there".into())
        }
        "text" if written.is_some() => Ok("files".into()),
        language => Err(format!("`{language}` can't be looked at: say `skip=` and why, one of {REASONS:?}")),
    }
}

fn commands() -> &'static Mutex<CommandLine> {
    static COMMANDS: OnceLock<Mutex<CommandLine>> = OnceLock::new();
    COMMANDS.get_or_init(Mutex::default)
}

fn yaml(block: &Block, written: Option<&str>, session: &mut Session) -> Result<String, String> {
    if let Some(place) = block.attribute("fragment") {
        session.write("fragment.yaml", &wrapped(place, &block.text), false);
        let found = findings("fragment.yaml", session);
        let left: Vec<String> =
            found.into_iter().filter(|(code, _)| !NOT_IN_A_FRAGMENT.contains(&code.as_str())).map(|it| it.1).collect();
        return if left.is_empty() { Ok("fragments that validate".into()) } else { Err(left.join("\n")) };
    }
    let parsed: Value = serde_yaml::from_str(&block.text).map_err(|error| error.to_string())?;
    let name = written.unwrap_or("block.yaml");
    let whole = fs::read_to_string(session.folder().join(name)).unwrap_or_default();
    if block.attribute("data").is_some() || name.ends_with(".test.yaml") {
        return Ok(format!("YAML that is {}", if parsed.is_null() { "empty" } else { "no spec" }));
    }
    if written.is_none() {
        session.write(name, &block.text, false);
    } else if !whole.contains("version: 1") {
        return Err("is no spec: say `data`".into());
    }
    let found = findings(name, session);
    match block.attribute("wrong") {
        Some(code) if found.iter().any(|it| it.0 == code) => Ok("specs with the mistake that they show".into()),
        Some(code) => Err(format!("has no finding `{code}`")),
        None if found.is_empty() => Ok("specs that validate".into()),
        None => Err(found.into_iter().map(|it| it.1).collect::<Vec<_>>().join("\n")),
    }
}

/// Returns the findings in a file: their codes, and what is said.
fn findings(name: &str, session: &Session) -> Vec<(String, String)> {
    let done = Engine::new(["validate", "--format", "json", name]).folder(session.folder()).finish();
    let found: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stderr()));
    let text = |value: &Value, key: &str| {
        value.get(key).map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned)).unwrap_or_default()
    };
    let told = |it: &Value| {
        let place = format!("{}:{}:{}", text(it, "path"), text(it, "line"), text(it, "column"));
        (text(it, "code"), format!("{place}: {}: {}; {}", text(it, "code"), text(it, "message"), text(it, "help")))
    };
    found.as_array().unwrap().iter().map(told).collect()
}

fn json(text: &str) -> Result<String, String> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    Ok("JSON".into())
}

/// Runs the commands of a block, each a line that begins with `$ `, and compares what they print with the lines below.
fn console(block: &Block, session: &mut Session, outputs: &mut Vec<(usize, Vec<String>)>) -> Result<String, String> {
    let status = block.attribute("status").map_or(Ok(0), str::parse::<i32>).map_err(|error| error.to_string())?;
    let mut lines = block.text.lines().peekable();
    let (mut found, mut failure) = (Vec::new(), None);
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("$ ") else { return Err(format!("`{line}` is below no command")) };
        let (mut command, mut typed) = (command.to_owned(), vec![line.to_owned()]);
        while command.ends_with('\\') {
            let more = lines.next().unwrap_or_default();
            command = format!("{command}\n{more}");
            typed.push(more.to_owned());
        }
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            shown.push(line);
        }
        let shown = shown.join("\n");
        found.extend(typed);
        let behind = block.attribute("background").is_some();
        let came = if behind {
            session.run_behind(&command, &shown).map_or_else(Some, |()| None)
        } else {
            let (ended, came) = session.run(&command);
            if ended != Some(status) && failure.is_none() {
                failure = Some(format!("`{command}` ended with {ended:?}:\n{came}"));
            }
            (!matches(&shown, &came)).then_some(came)
        };
        match came {
            None => found.extend(shown.lines().map(str::to_owned)),
            Some(came) => {
                found.extend(came.trim_end().lines().map(str::to_owned));
                failure.get_or_insert_with(|| format!("`{command}` says:\n{came}\nand not:\n{shown}\n"));
            }
        }
    }
    match failure {
        None => Ok("run".into()),
        Some(failure) => {
            outputs.push((block.line, found));
            Err(failure)
        }
    }
}

/// Writes what commands printed into their blocks.
fn update(path: &Path, outputs: &[(usize, Vec<String>)]) {
    let path = root().join(path);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, found) in outputs.iter().rev() {
        let length = lines.iter().skip(line - 1).take_while(|line| !line.trim_start().starts_with("```")).count();
        lines.splice(line - 1..line - 1 + length, found.iter().cloned());
    }
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn each_link_leads_somewhere() {
    let pages = pages();
    let mut anchors: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    for page in &pages {
        anchors.insert(page.path.clone(), page.anchors.iter().cloned().collect());
    }
    let (mut wrong, mut count) = (Vec::new(), 0);
    for page in &pages {
        for link in page.links.iter().filter(|link| !link.target.contains("://")) {
            count += 1;
            let (file, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
            let target = if file.is_empty() { page.path.clone() } else { plain(&page.path.with_file_name(file)) };
            let at = format!("{}:{}: {}", page.path.display(), link.line, link.target);
            if page.path.starts_with("docs") && !target.starts_with("docs") {
                wrong.push(format!("{at} leads out of the book"));
            } else if !root().join(&target).exists() {
                wrong.push(format!("{at} is not there"));
            } else if !anchor.is_empty() && !anchors.get(&target).is_some_and(|all| all.contains(anchor)) {
                wrong.push(format!("{at} has no such heading"));
            }
        }
    }
    say(&format!("docs: {count} links"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Takes `..` out of a path.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn each_page_is_in_the_summary_of_the_book() {
    let summary = Page::read("docs/SUMMARY.md");
    let named: Vec<&str> = summary.links.iter().map(|link| link.target.as_str()).collect();
    for page in Page::all("docs") {
        let name = page.path.file_name().unwrap().to_str().unwrap();
        if name != "SUMMARY.md" {
            let times = named.iter().filter(|it| **it == name).count();
            assert_eq!(times, 1, "docs/{name} is named {times} times in docs/SUMMARY.md");
        }
    }
}

#[test]
fn the_reference_is_what_the_schema_says() {
    let page = Engine::new(["schema", "--format", "markdown"]).finish().stdout();
    Expected::at(root().join("docs/reference.md")).check(&page).unwrap();
}

#[test]
fn all_codes_of_findings_are_on_their_page() {
    let page = fs::read_to_string(root().join("docs/diagnostics.md")).unwrap();
    let list = Engine::new(["explain"]).finish().stdout();
    let is_there = |line: &str| {
        let (code, summary) = line.split_once("  ").unwrap_or((line, ""));
        let summary = summary.trim();
        ["", " (w)"].iter().any(|warns| page.contains(&format!("| `{code}`{warns} | {summary} |")))
    };
    let missing: Vec<&str> = list.lines().filter(|line| !is_there(line)).collect();
    assert!(missing.is_empty(), "not in docs/diagnostics.md: {missing:?}");
}

#[test]
fn all_commands_and_options_are_on_a_page() {
    let text = fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let mut line = CommandLine::default();
    let missing: Vec<String> =
        line.commands(&[]).into_iter().filter(|name| !text.contains(&format!("engine {name}"))).collect();
    assert!(missing.is_empty(), "not in docs/cli.md: {missing:?}");
    let all: String =
        Page::all("docs").iter().map(|page| fs::read_to_string(root().join(&page.path)).unwrap()).collect();
    let missing: Vec<_> = line.options(&[]).into_iter().filter(|(_, option)| !all.contains(option.as_str())).collect();
    assert!(missing.is_empty(), "in no page of docs: {missing:?}");
}
