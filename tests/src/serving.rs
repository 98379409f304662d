//! `engine serve` with one spec, whose runs write to a database.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{Engine, Finished};
use crate::running::Running;

/// How long to wait for runs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that takes webhooks until it is dropped.
#[derive(Debug)]
pub struct Serving {
    url: String,
    database: PathBuf,
    engine: Running,
    _folder: tempfile::TempDir,
}

impl Serving {
    /// Serves a spec, which finds the database in `ENGINE_DATABASE`.
    pub fn start(spec: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("got.db");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let state = folder.path().join("state.db");
        let engine = Engine::new(["serve", spec, "--listen", &listen, "--state", state.to_str().unwrap()])
            .variable("ENGINE_DATABASE", database.to_str().unwrap());
        let engine = variables.iter().fold(engine, |engine, (name, value)| engine.variable(name, value)).begin();
        let begun = Instant::now();
        while TcpStream::connect(&listen).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the server does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Self { url: format!("http://{listen}"), database, engine, _folder: folder }
    }

    /// Returns where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a column of what the runs have written into the table `got`, in some order.
    pub fn got(&self, column: &str) -> Vec<String> {
        let Ok(database) = rusqlite::Connection::open(&self.database) else { return Vec::new() };
        let Ok(mut query) = database.prepare(&format!("select {column} from got")) else { return Vec::new() };
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Waits until the runs have written so much, and long enough for a run that should not be; then ends the server.
    pub fn finish(self, column: &str, rows: usize) -> (Vec<String>, Finished) {
        let begun = Instant::now();
        while self.got(column).len() < rows {
            if begun.elapsed() > PATIENCE {
                let got = self.got(column);
                self.engine.interrupt();
                panic!("{} of {rows} events have run: {got:?}\n{}", got.len(), self.engine.finish().stderr());
            }
            thread::sleep(Duration::from_millis(50));
        }
        thread::sleep(Duration::from_millis(500));
        let got = self.got(column);
        self.engine.interrupt();
        (got, self.engine.finish())
    }
}
