//! A real API server that none of us wrote, started for a test.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::repository;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Rig {
    scripts: PathBuf,
    home: PathBuf,
    told: BTreeMap<String, String>,
}

impl Rig {
    /// Starts a server with data in a folder of its own; nothing where its scripts are absent.
    ///
    /// Where `CI` is true their absence is a failure.
    pub fn start(name: &str, target: &Path) -> Option<Self> {
        Self::start_with(name, target, &[])
    }

    /// Starts a server with variables of its environment.
    pub fn start_with(name: &str, target: &Path, variables: &[(&str, &str)]) -> Option<Self> {
        let scripts = repository::root().join("../shared/servers").join(name);
        if !scripts.join("start.sh").exists() {
            assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "the scripts of {name} are absent");
            // Written past the capture of the test harness, so that it is seen.
            _ = writeln!(std::io::stderr(), "skipped: the scripts of the server {name} are absent");
            return None;
        }
        let home = target.join("servers").join(name);
        fs::create_dir_all(&home).expect("the folder of the target is writable");
        let mut rig = Self { scripts, home, told: BTreeMap::new() };
        // What an earlier run left behind, if it was killed.
        rig.script("stop.sh", 0, &[]);
        let said = rig.script("start.sh", free_ports(), variables);
        rig.told = said
            .lines()
            .flat_map(str::split_whitespace)
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(rig)
    }

    /// Returns what the server told when it started.
    pub fn told(&self, name: &str) -> &str {
        self.told.get(name).unwrap_or_else(|| panic!("the server tells no {name}: {:?}", self.told))
    }

    fn script(&self, script: &str, port: u16, variables: &[(&str, &str)]) -> String {
        // The output goes to a file: the server itself inherits it, and would keep a pipe open.
        let log = self.home.join(format!("{script}.out"));
        let out = fs::File::create(&log).expect("the folder of the target is writable");
        let mut command = Command::new(self.scripts.join(script));
        command
            .envs(variables.iter().copied())
            .env("RIG_DIR", &self.home)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::null());
        if port > 0 {
            command.env("PORT", port.to_string());
        }
        let status = command.status().expect("the scripts of a server run");
        assert!(status.success(), "{} fails, see {}", script, self.home.join("log").display());
        fs::read_to_string(log).expect("it was written just now")
    }
}

/// Finds a port with some free ones after it, since a server may take several: below those that the system gives to connections, any of which may
/// be taken in between.
fn free_ports() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    for _ in 0..BLOCKS {
        // Tests of one process begin at different ports, and those of two most likely do.
        let block = (std::process::id() + TAKEN.fetch_add(1, Ordering::Relaxed)) % BLOCKS;
        let start = FIRST_PORT + u16::try_from(block).unwrap_or_default() * SERVER_PORTS;
        if (start..start + SERVER_PORTS).all(is_free) {
            return start;
        }
    }
    panic!("no ports in a row are free");
}

/// The first port that a server may have.
const FIRST_PORT: u16 = 20_000;

/// How many servers there is room for.
const BLOCKS: u32 = 500;

/// How many ports in a row a server takes at most.
const SERVER_PORTS: u16 = 20;

impl Drop for Rig {
    fn drop(&mut self) {
        _ = Command::new(self.scripts.join("stop.sh")).env("RIG_DIR", &self.home).status();
    }
}
