//! Signed events that 64 connections send at once: how many a server keeps in a second, beside one written by hand.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::baseline::{SECRET, SIGNATURE};
use crate::bench::say;
use crate::cost::{CostError, median};
use crate::report::Bound;
use crate::senders::{CONNECTIONS, Events, Sent, count};
use crate::session::Session;

/// How long events are sent to each server.
const TIME: Duration = Duration::from_secs(4);

/// How long it may take until a server listens, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of what the server by hand does is enough.
const ENOUGH: f64 = 0.8;

/// How long an answer may take, in ms.
const SLOWEST: f64 = 50.0;

/// Who is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taker {
    /// The server by hand.
    Hand,
    /// The engine, of which the one run that there may be waits: it takes events and runs nothing.
    Held,
    /// The engine, which runs the flow of each event.
    Running,
}

/// What came of it.
#[derive(Default)]
struct Figures {
    rates: Vec<f64>,
    slow: Vec<f64>,
    runs: Vec<f64>,
}

impl Session<'_> {
    /// Sends to the server by hand and to the engine in turn.
    pub(crate) fn webhooks(&mut self) -> Result<(), CostError> {
        let events = Events::new();
        let (mut hand, mut held, mut running) = (Figures::default(), Figures::default(), Figures::default());
        for run in 1..=self.report.runs {
            say(&format!("sending events over {CONNECTIONS} connections, run {run} of {}", self.report.runs));
            self.send(Taker::Hand, &events, &mut hand)?;
            if self.engine.is_some() {
                for (taker, figures) in [(Taker::Held, &mut held), (Taker::Running, &mut running)] {
                    if let Err(error) = self.send(taker, &events, figures) {
                        self.fail(&error);
                        return Ok(());
                    }
                }
            }
        }
        let of = |numbers: &[f64]| (!numbers.is_empty()).then(|| median(numbers.iter().copied()));
        let name = format!("{CONNECTIONS} connections, signed events kept");
        let (by_hand, slow) = (of(&hand.rates), of(&hand.slow));
        self.row(&name, "1/s", by_hand, of(&held.rates), Some(Bound::AtLeast(ENOUGH)));
        self.row("  99 of 100 are answered within", "ms", slow, of(&held.slow), Some(Bound::Below(SLOWEST)));
        self.row("  kept while they are run too", "1/s", by_hand, of(&running.rates), None);
        self.row("  99 of 100 are answered within", "ms", slow, of(&running.slow), Some(Bound::Below(SLOWEST)));
        self.row("  runs meanwhile", "1/s", None, of(&running.runs), None);
        Ok(())
    }

    fn send(&self, taker: Taker, events: &Events, figures: &mut Figures) -> Result<(), CostError> {
        let folder = self.folder.join("webhooks");
        fs::create_dir_all(&folder)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (mut command, database) = program(taker, self.engine, &folder, address)?;
        let mut server = Served(command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?);
        server.listens(address)?;
        let Sent { taken, rate, slow } = events.send(address, TIME)?;
        let done = asked(&database, "SELECT count(*) FROM events WHERE status = 'done'").unwrap_or(0);
        server.end()?;
        let kept = asked(&database, "SELECT count(*) FROM events").map_err(io::Error::other)?;
        fs::remove_dir_all(&folder)?;
        if kept != taken {
            let text = format!("{taken} events were answered 2xx, and {kept} are kept");
            return Err(io::Error::other(text).into());
        }
        figures.rates.push(rate);
        figures.slow.push(slow);
        figures.runs.push(count(done) / TIME.as_secs_f64());
        Ok(())
    }
}

/// Returns what is started, and where it keeps its events.
fn program(taker: Taker, engine: Option<&Path>, folder: &Path, address: SocketAddr) -> io::Result<(Command, PathBuf)> {
    let listen = address.to_string();
    let step = match taker {
        Taker::Hand => {
            let database = folder.join("hand.db");
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["baseline", "webhooks", &listen]).arg(&database);
            return Ok((command, database));
        }
        Taker::Held => "wait: 1h",
        Taker::Running => "map: {id: \"{{ trigger.body.id }}\"}\n    log: \"{{ item.id }}\"",
    };
    let text = format!(
        "version: 1\nname: events\nsecrets: {{hook: {{env: HOOK}}}}\ntriggers:\n  - {{type: webhook, path: /events, verify: \
         {{type: hmac, secret: \"{{{{ secrets.hook }}}}\", in: header.{SIGNATURE}, format: \"sha256={{signature:hex}}\"}}}}\n\
         steps:\n  - {step}\n"
    );
    fs::write(folder.join("events.yaml"), text)?;
    let mut command = Command::new(engine.unwrap_or(Path::new("engine")));
    command.args(["serve", "events.yaml", "--listen", &listen, "--quiet"]);
    if taker == Taker::Held {
        command.args(["--max-runs-per-flow", "1"]);
    }
    command.env("HOOK", SECRET).env("ENGINE_STATE_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    // It is told that events are refused whose signature is wrong, which is what is wanted.
    command.stderr(Stdio::null());
    Ok((command, folder.join(".engine/state.db")))
}

fn asked(database: &Path, sql: &str) -> Result<usize, String> {
    let ask = || -> rusqlite::Result<i64> {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.query_row(sql, [], |row| row.get(0))
    };
    ask().map(|count| usize::try_from(count).unwrap_or(0)).map_err(|error| error.to_string())
}

/// A server that ends with this.
struct Served(Child);

impl Served {
    /// Waits until it listens.
    fn listens(&mut self, address: SocketAddr) -> io::Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > PATIENCE || self.0.try_wait()?.is_some() {
                return Err(io::Error::other("the server does not listen"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends it as its users do, so that nothing of it is running beside the next one.
    fn end(&mut self) -> io::Result<()> {
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        let begun = Instant::now();
        while self.0.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other("the server does not end"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended can't be killed, which is as good.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
