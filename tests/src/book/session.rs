//! A reader of a page at a terminal: a folder of his own, the page's files in it, and its commands.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{matches, port_of, with_ports};
use crate::Engine;

/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A session at a terminal.
#[derive(Debug)]
pub struct Session {
    folder: TempDir,
    programs: TempDir,
    ports: BTreeMap<String, u16>,
    behind: Vec<Child>,
}

impl Session {
    /// Begins in an empty folder.
    pub fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let programs = tempfile::tempdir().expect("a folder can be made");
        let binary = Engine::new([""]).command().get_program().to_owned();
        std::os::unix::fs::symlink(binary, programs.path().join("engine")).expect("a link can be made");
        Self { folder, programs, ports: BTreeMap::new(), behind: Vec::new() }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the page, or adds to it.
    pub fn write(&mut self, name: &str, text: &str, append: bool) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        let text = with_ports(text, &mut self.ports);
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(append).truncate(!append);
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).expect("a file can be written");
    }

    /// Runs a command to its end. Returns its exit status and what it printed and said.
    pub fn run(&mut self, command: &str) -> (Option<i32>, String) {
        let (mut child, file) = self.start(command);
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                return (status.code(), self.told(&file));
            }
            if begun.elapsed() > PATIENCE {
                _ = child.kill();
                return (None, format!("{}(it did not end)", self.told(&file)));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs a command beside those that follow, once it has said what is shown.
    ///
    /// # Errors
    ///
    /// Returns what it said instead.
    pub fn run_behind(&mut self, command: &str, shown: &str) -> Result<(), String> {
        let (child, file) = self.start(&format!("exec {command}"));
        self.behind.push(child);
        let begun = Instant::now();
        loop {
            let told = self.told(&file);
            if matches(shown, &told) {
                return Ok(());
            }
            let ended =
                self.behind.last_mut().is_none_or(|child| child.try_wait().is_ok_and(|status| status.is_some()));
            if ended || begun.elapsed() > PATIENCE {
                return Err(told);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn start(&mut self, command: &str) -> (Child, tempfile::NamedTempFile) {
        let command = with_ports(command, &mut self.ports);
        let file = tempfile::NamedTempFile::new_in(self.programs.path()).expect("a file can be made");
        let out = File::create(file.path()).expect("a file can be made");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec 2>&1\n{command}")).current_dir(self.folder.path()).env_clear();
        shell.env("PATH", format!("{}:{path}", self.programs.path().display())).env("HOME", self.programs.path());
        shell.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").stdin(Stdio::null()).stdout(out);
        (shell.spawn().expect("a shell runs"), file)
    }

    fn told(&self, file: &tempfile::NamedTempFile) -> String {
        let told = fs::read(file.path()).expect("a file can be read");
        port_of(&String::from_utf8_lossy(&told), &self.ports)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in &mut self.behind {
            _ = child.kill();
            _ = child.wait();
        }
    }
}
