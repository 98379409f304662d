//! Ten thousand schedules on one server, each of which comes once a minute: what it holds, and how late it is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::bench::say;
use crate::cost::CostError;
use crate::report::Bound;
use crate::session::Session;

const SCHEDULES: u64 = 10_000;
const PER_FLOW: u64 = 10;
/// How long it serves: a whole minute, in which each schedule comes once, and what surrounds it.
const SERVES: Duration = Duration::from_secs(75);
/// How long it may take until it serves.
const PATIENCE: Duration = Duration::from_mins(2);
const MOST_MEMORY: f64 = 100.0;
/// Seconds.
const MOST_DRIFT: f64 = 1.0;

/// What came of serving.
struct Served {
    /// The most memory that was resident at once, in MB.
    peak: f64,
    /// How much later than its time the latest event was on disk, in seconds.
    latest: f64,
    /// How much later than its time the latest run had ended, in seconds.
    ended: f64,
}

impl Session<'_> {
    /// A thousand flows with ten schedules each; 167 runs come in each second.
    pub(crate) fn schedules(&mut self) -> Result<(), CostError> {
        let Some(engine) = self.engine else { return Ok(()) };
        say(&format!("serving {SCHEDULES} schedules"));
        let folder = self.folder.join("schedules");
        write(&folder)?;
        match serve(engine, &folder) {
            Ok(Served { peak, latest, ended }) => {
                let name = format!("{SCHEDULES} schedules");
                self.row(&format!("{name}, peak memory"), "MB", None, Some(peak), Some(Bound::Below(MOST_MEMORY)));
                self.row(
                    &format!("{name}, latest event on disk"),
                    "s",
                    None,
                    Some(latest),
                    Some(Bound::Below(MOST_DRIFT)),
                );
                self.row("  latest run that is done", "s", None, Some(ended), None);
            }
            Err(said) => self.fail(&failed(said)),
        }
        Ok(())
    }
}

fn failed(said: String) -> CostError {
    CostError::Failed { program: "engine serve".to_owned(), status: "wrong".to_owned(), said }
}

fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("flows"))?;
    for flow in 0..SCHEDULES / PER_FLOW {
        let seconds = (0..PER_FLOW).map(|number| number * (60 / PER_FLOW) + flow % (60 / PER_FLOW));
        let triggers: Vec<String> =
            seconds.map(|second| format!("{{type: schedule, cron: \"{second} * * * * *\", overlap: allow}}")).collect();
        let text = format!(
            "version: 1\nname: flow_{flow}\ntriggers: [{}]\nsteps:\n  - for_each: [1]\n    map: {{at: \"{{{{ trigger.time }}}}\"}}\n",
            triggers.join(", ")
        );
        fs::write(folder.join("flows").join(format!("{flow:04}.yaml")), text)?;
    }
    Ok(())
}

/// Serves for a while, and looks at what was done. The error is what was said.
fn serve(engine: &Path, folder: &Path) -> Result<Served, String> {
    let mut child = Command::new(engine)
        .args(["serve", "flows", "--listen", "127.0.0.1:0", "--quiet"])
        .current_dir(folder)
        .env("ENGINE_STATE_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let said = child.stderr.take().map(|said| {
        thread::spawn(move || BufReader::new(said).lines().map_while(Result::ok).take(20).collect::<Vec<_>>())
    });
    let state = folder.join(".engine/state.db");
    let begun = Instant::now();
    while count(&state) == 0 && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(200));
    }
    thread::sleep(SERVES);
    let peak = peak(&child);
    let ended = end(&mut child);
    let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
    match (peak, ended) {
        (Some(peak), Ok(true)) if said.is_empty() => {
            let (latest, ended) = lateness(&state)?;
            Ok(Served { peak, latest, ended })
        }
        _ => Err(said.join("\n")),
    }
}

fn count(state: &Path) -> i64 {
    let ask = || Connection::open(state).ok()?.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).ok();
    if state.exists() { ask().unwrap_or(0) } else { 0 }
}

/// Reads how late events were: their ids begin with their times.
fn lateness(state: &Path) -> Result<(f64, f64), String> {
    type Row = (String, String, i64, Option<i64>);
    let read = || -> rusqlite::Result<Vec<Row>> {
        let database = Connection::open(state)?;
        let mut statement = database.prepare("SELECT id, flow, received_at, ended_at FROM events")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        rows.collect()
    };
    let events = read().map_err(|error| error.to_string())?;
    let (mut latest, mut ended) = (0.0_f64, 0.0_f64);
    let mut came = BTreeSet::new();
    for (id, flow, received, end) in &events {
        let digits: String = id.chars().filter(char::is_ascii_hexdigit).take(12).collect();
        let tick = i64::from_str_radix(&digits, 16).map_err(|error| error.to_string())? * 1000;
        came.insert((flow.as_str(), tick / 1_000_000 % 60));
        latest = latest.max(seconds(received - tick));
        ended = end.map_or(ended, |end| ended.max(seconds(end - tick)));
    }
    if came.len() as u64 != SCHEDULES {
        return Err(format!("{} of {SCHEDULES} schedules came in more than a minute", came.len()));
    }
    Ok((latest, ended))
}

#[expect(clippy::cast_precision_loss, reason = "it is a few seconds")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Reads the most memory that a process held, as Linux counts it.
fn peak(child: &Child) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}

/// Ends a server as its users do; tells whether it says that all is well.
fn end(child: &mut Child) -> io::Result<bool> {
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
    Ok(child.wait()?.success())
}
