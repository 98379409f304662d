//! Runs the engine against the server of a case, and compares what came of it with what was to come.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::case::{Case, Ends, Flow};
use super::fault_server::FaultServer;
use super::shop::{Asked, PAGES, ids};
use crate::engine::{Engine, Finished};
use crate::hidden::shown_forms;

/// What goes to the API as its credentials, and nowhere else.
const TOKEN: &str = "s3cr3t+/%\"é";
/// More memory than this no fault may take.
const MEMORY: u64 = 700 * 1024 * 1024;
/// Longer than this no case may take.
const LONGEST: Duration = Duration::from_mins(1);
/// How many runs are under way at once: most of them wait.
const AT_ONCE: usize = 8;

/// Runs all cases, and fails with all that is wrong.
pub(super) fn run_all(cases: &[Case]) {
    let next = AtomicUsize::new(0);
    let only = std::env::var("FAULT").ok();
    for (fault, gap) in cases.iter().filter_map(|case| Some((&case.fault, case.gap?))) {
        // Written past the capture of the test harness, so that it is seen.
        _ = writeln!(std::io::stderr(), "not met yet: {fault}: {gap}");
    }
    let mut faults: Vec<String> = thread::scope(|scope| {
        let work = || {
            let mut faults = Vec::new();
            while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                if only.as_ref().is_none_or(|only| case.fault.contains(only)) {
                    faults.extend(judge(case));
                }
            }
            faults
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker reports, it does not panic")).collect()
    });
    faults.sort();
    assert!(faults.is_empty(), "{} of {} cases\n{}", faults.len(), cases.len(), faults.join("\n"));
}

/// Runs a case; returns what is wrong.
fn judge(case: &Case) -> Option<String> {
    let (faults, said) = run(case);
    match (faults.is_empty(), case.gap) {
        (true, None) | (false, Some(_)) => None,
        (true, Some(gap)) => Some(format!("## {}\n   it is met: take the mark away ({gap})", case.fault)),
        (false, None) => {
            Some(format!("## {}\n   {}\n{}", case.fault, faults.join("\n   "), findings(&said).join("\n")))
        }
    }
}

fn run(case: &Case) -> (Vec<String>, String) {
    let other =
        FaultServer::start(case.other.clone().unwrap_or_else(|| Arc::new(|asked: &Asked<'_>| asked.good())), "");
    let server = FaultServer::start(Arc::clone(&case.play), &other.url());
    let folder = tempfile::tempdir().expect("there is room for a folder");
    fs::write(folder.path().join("spec.yaml"), case.spec()).expect("the folder is writable");
    let begun = Instant::now();
    let finished = Engine::new(["run", "spec.yaml", "--log-format", "json"])
        .folder(folder.path())
        .variable("SERVER_URL", &server.url())
        .variable("OTHER_URL", &other.url())
        .variable("TOKEN", TOKEN)
        .finish();
    let took = begun.elapsed();
    let said = finished.stderr();
    let mut faults = Vec::new();
    bounds(case, &finished, took, &mut faults);
    records(case, &finished, &server, &mut faults);
    if let Ends::Fails { code, says } = case.ends {
        message(case, code, says, &said, &server, &mut faults);
    }
    for (place, text) in
        [("stderr", &said), ("stdout", &finished.stdout()), ("the other server", &other.log().join("\n"))]
    {
        faults.extend(shown_forms(TOKEN, text).into_iter().map(|form| format!("{place} got the token as `{form}`")));
    }
    let sent = server.log().len() + other.log().len();
    if case.requests.is_some_and(|most| sent > most) {
        faults.push(format!("{sent} requests: {:#?}", server.log()));
    }
    (faults, said)
}

/// Checks time and memory.
fn bounds(case: &Case, finished: &Finished, took: Duration, faults: &mut Vec<String>) {
    if finished.killed || took > LONGEST {
        faults.push(format!("it takes {took:?}"));
    }
    if took < case.waits {
        faults.push(format!("it waits {took:?} only, {:?} were asked for", case.waits));
    }
    if finished.peak_memory.is_some_and(|peak| peak > MEMORY) {
        faults.push(format!("it takes {} MB of memory", finished.peak_memory.unwrap_or_default() / 1024 / 1024));
    }
    if finished.stderr().contains("panicked") {
        faults.push("it panics".to_owned());
    }
}

/// Checks the exit status and the records: all of them, or an error; none twice.
fn records(case: &Case, finished: &Finished, server: &FaultServer, faults: &mut Vec<String>) {
    let printed: Vec<u64> = finished
        .stdout()
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap_or_default();
            record.get("id").and_then(Value::as_u64).unwrap_or_default()
        })
        .collect();
    let all = match (&case.ids, case.flow) {
        (Some(ids), _) => ids.clone(),
        (None, Flow::Read(_)) => (1..=PAGES).flat_map(ids).collect(),
        (None, Flow::Write { .. }) => vec![1, 2, 3],
    };
    let status = match case.ends {
        Ends::Complete(_) => 0,
        Ends::Fails { .. } => 1,
    };
    if finished.status != Some(status) {
        faults.push(format!("the exit status is {:?}, not {status}", finished.status));
    }
    if finished.status == Some(0) && printed != all {
        faults.push(format!("a green run with {printed:?}, not {all:?}"));
    }
    if printed.iter().collect::<BTreeSet<_>>().len() != printed.len() {
        faults.push(format!("a record comes twice: {printed:?}"));
    }
    let made = server.made();
    if made.iter().collect::<BTreeSet<_>>().len() != made.len() {
        faults.push(format!("an order is made twice: {made:?}"));
    }
    if finished.status == Some(0) && matches!(case.flow, Flow::Write { .. }) && made != all {
        faults.push(format!("a green run that made {made:?}, not {all:?}"));
    }
}

/// Checks that the message says which page of which URL, and what is wrong with it.
fn message(case: &Case, code: &str, says: &str, said: &str, server: &FaultServer, faults: &mut Vec<String>) {
    let findings = findings(said);
    let [finding] = findings.as_slice() else {
        faults.push(format!("{} messages", findings.len()));
        return;
    };
    let (found, message) = finding.split_once(": ").unwrap_or_default();
    if found != code {
        faults.push(format!("the code is {found}, not {code}"));
    }
    let message = message.replace(&server.url(), "http://server");
    let place = match case.flow {
        Flow::Read(_) => format!(", page {}: ", case.page),
        Flow::Write { .. } => format!("item {}: ", case.page),
    };
    let mut parts = vec!["step `orders`: ".to_owned(), place];
    parts.extend(says.split('…').map(str::to_owned));
    if case.base_url.is_none() {
        parts.push(case.url.to_owned());
    }
    faults.extend(parts.iter().filter(|part| !message.contains(*part)).map(|part| format!("`{part}` is not said")));
}

/// Returns what is said to be wrong, each as its code and its message.
fn findings(said: &str) -> Vec<String> {
    let errors = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line.get("severity").and_then(Value::as_str) == Some("error"));
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    errors.map(|finding| format!("{}: {}", text(&finding, "code"), text(&finding, "message"))).collect()
}
