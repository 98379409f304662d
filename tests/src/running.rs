//! The binary while it runs: what it prints is read line by line, and something may be said to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use crate::engine::Finished;

/// A call that goes on. It is killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    said: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    pub(crate) fn begin(mut command: Command) -> Self {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the binary runs");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let stderr: ChildStderr = child.stderr.take().expect("stderr is a pipe");
        let said = thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut stderr = stderr;
            stderr.read_to_end(&mut bytes).expect("a pipe can be read");
            bytes
        });
        Self { stdin: child.stdin.take(), child, stdout, said: Some(said) }
    }

    /// Waits for the next line that is printed.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a pipe can be read");
        line.trim_end().to_owned()
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the program listens");
    }

    /// Interrupts it, as Ctrl-C does.
    pub fn interrupt(&self) {
        crate::engine::interrupt(&self.child);
    }

    /// Waits for the end.
    pub fn finish(mut self) -> Finished {
        drop(self.stdin.take());
        let mut stdout = Vec::new();
        self.stdout.read_to_end(&mut stdout).expect("a pipe can be read");
        let status = self.child.wait().expect("a child can be waited for");
        let stderr = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        Finished { status: status.code(), stdout, stderr, peak_memory: None, killed: false }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
