//! The binary `engine`, run as a user runs it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::repository;
use crate::running::Running;

/// After this long a program that does not end is killed, and the test fails.
const PATIENCE: Duration = Duration::from_mins(2);

/// A call of the binary, with an empty environment but for what is given.
#[derive(Debug)]
pub struct Engine {
    command: Command,
    first_line_only: bool,
}

/// What became of a call.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The exit status; nothing if a signal ended it.
    pub status: Option<i32>,
    /// What was printed.
    pub stdout: Vec<u8>,
    /// What was said.
    pub stderr: Vec<u8>,
    /// The largest resident memory in bytes, where the system tells it.
    pub peak_memory: Option<u64>,
    /// Whether it had to be killed.
    pub killed: bool,
}

impl Engine {
    /// Makes a call in the root of the repository.
    pub fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(repository::root()).env_clear().stdin(Stdio::null());
        for kept in ["PATH", "LLVM_PROFILE_FILE", "SYSTEMROOT"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        Self { command, first_line_only: false }
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Runs in another folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder).env("HOME", folder);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Reads one line of what is printed, then closes the pipe, as `head -1` does.
    #[must_use]
    pub fn first_line_only(mut self) -> Self {
        self.first_line_only = true;
        self
    }

    /// Lets no file grow beyond so many blocks of 512 bytes, as on a disk that is full.
    #[cfg(unix)]
    #[must_use]
    pub fn room(self, blocks: u64) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &blocks.to_string()]);
        shell.arg(self.command.get_program()).args(self.command.get_args()).env_clear().stdin(Stdio::null());
        if let Some(folder) = self.command.get_current_dir() {
            shell.current_dir(folder);
        }
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        Self { command: shell, first_line_only: self.first_line_only }
    }

    /// Returns the call as it is, to run it in another way.
    pub fn command(self) -> Command {
        self.command
    }

    /// Begins to run.
    pub fn begin(self) -> Running {
        Running::begin(self.command)
    }

    /// Runs to the end.
    pub fn finish(self) -> Finished {
        self.finish_watched(|| false)
    }

    /// Runs to the end; interrupts the program, as Ctrl-C does, once the condition holds.
    pub fn finish_watched(mut self, interrupt_when: impl Fn() -> bool) -> Finished {
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let first_line_only = self.first_line_only;
        let printed = thread::spawn(move || if first_line_only { first_line(stdout) } else { everything(stdout) });
        let said = thread::spawn(move || everything(stderr));
        let started = Instant::now();
        let (mut peak_memory, mut killed, mut interrupted) = (None, false, false);
        let status = loop {
            peak_memory = peak_memory.max(peak(&child));
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if !interrupted && interrupt_when() {
                interrupted = true;
                interrupt(&child);
            }
            if started.elapsed() > PATIENCE {
                killed = true;
                child.kill().expect("a child can be killed");
            }
            thread::sleep(Duration::from_millis(2));
        };
        Finished {
            status: status.code(),
            stdout: printed.join().expect("reading does not fail"),
            stderr: said.join().expect("reading does not fail"),
            peak_memory,
            killed,
        }
    }
}

impl Finished {
    /// Returns what was printed, as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns what was said, as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Returns the binary, built from the sources as they are; `ENGINE_BINARY` names another.
fn binary() -> &'static Path {
    static BINARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let binary = BINARY.get_or_init(|| {
        if let Some(given) = std::env::var_os("ENGINE_BINARY") {
            return Some(given.into());
        }
        // The test is target/PROFILE/deps/NAME-HASH, the binary target/PROFILE/engine.
        let test = std::env::current_exe().expect("a test knows where it is");
        let profile = test.ancestors().nth(2).expect("a test is two folders below its profile");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--package", "engine"]).current_dir(repository::root());
        build.arg("--target-dir").arg(profile.parent().expect("a profile has a folder"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let done = build.status().expect("cargo runs").success();
        done.then(|| profile.join(format!("engine{}", std::env::consts::EXE_SUFFIX)))
    });
    binary.as_deref().expect("the binary can be built")
}

fn everything(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).expect("a pipe can be read");
    bytes
}

fn first_line(pipe: impl Read) -> Vec<u8> {
    let mut line = Vec::new();
    BufReader::with_capacity(64, pipe).read_until(b'\n', &mut line).expect("a pipe can be read");
    line
}

/// Sends what Ctrl-C sends.
pub(crate) fn interrupt(child: &Child) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status();
    assert!(sent.is_ok_and(|status| status.success()), "cannot send a signal");
}

/// Returns the largest resident memory so far.
fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}
