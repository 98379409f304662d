//! Programs that are run for what they print.

use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use engine_runtime::Ran;

/// How long a program may take.
const TIME: Duration = Duration::from_secs(30);
/// How long it is waited for what a program printed, when it has ended but others that it started keep its output open.
const AFTER: Duration = Duration::from_secs(1);
/// How often it is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(5);
/// How much a program may print.
const OUTPUT: u64 = 1024 * 1024;
/// How much of its stderr is kept.
const ERRORS: u64 = 4096;

/// Runs a program with its arguments in a folder, without a shell and without input, and returns what it printed.
///
/// A program that is named by a path is relative to the folder; another is looked for where the system does.
///
/// # Errors
///
/// Fails where there is no such program, where it prints too much, and with [`ErrorKind::TimedOut`] where it does not end.
pub(crate) fn run(command: &[String], folder: &Path) -> io::Result<Ran> {
    run_for(command, folder, TIME)
}

fn run_for(command: &[String], folder: &Path, time: Duration) -> io::Result<Ran> {
    let (program, arguments) = command.split_first().ok_or(ErrorKind::InvalidInput)?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize()?;
    let is_path = Path::new(program).components().count() > 1;
    let mut command = if is_path { Command::new(folder.join(program)) } else { Command::new(program) };
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let output = child.stdout.take().map(|from| read(from, OUTPUT + 1));
    let errors = child.stderr.take().map(|from| read(from, ERRORS));
    let mut waited = Duration::ZERO;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if waited >= time {
            child.kill()?;
            child.wait()?;
            return Err(ErrorKind::TimedOut.into());
        }
        thread::sleep(LOOK);
        waited += LOOK;
    };
    let got = |from: Option<Receiver<Vec<u8>>>| from.as_ref().map(gather).unwrap_or_default();
    let (output, errors) = (got(output), got(errors));
    if output.len() as u64 > OUTPUT {
        return Err(io::Error::other("it prints more than 1 MB"));
    }
    Ok(Ran { success: status.success(), status: status.to_string().replacen(": ", " ", 1), output, errors })
}

/// Reads in the background, so that a program never waits for a reader; what is over the bound is thrown away.
fn read(mut from: impl Read + Send + 'static, most: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut left = most;
        let mut chunk = [0; 8192];
        while let Ok(length) = from.read(&mut chunk)
            && length > 0
        {
            let kept = u64::try_from(length).unwrap_or(u64::MAX).min(left);
            left -= kept;
            let kept = usize::try_from(kept).unwrap_or(length);
            if kept > 0 && sender.send(chunk.get(..kept).unwrap_or_default().to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Takes what was read, and what still comes at once.
fn gather(from: &Receiver<Vec<u8>>) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(chunk) = from.recv_timeout(AFTER) {
        all.extend(chunk);
    }
    all
}

#[cfg(all(test, unix))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn shell(script: &str, time: Duration) -> io::Result<Ran> {
        let words = ["sh", "-c", script].map(str::to_owned);
        run_for(&words, Path::new(""), time)
    }

    #[test]
    fn takes_what_is_printed_and_how_it_ended() {
        let ran = shell("printf 'a b\\n'; echo no >&2; exit 3", TIME).unwrap();
        assert_eq!((ran.output.as_slice(), ran.errors.as_slice(), ran.success), (&b"a b\n"[..], &b"no\n"[..], false));
        assert_eq!(ran.status, "exit status 3");
        assert!(shell("cat", TIME).unwrap().output.is_empty(), "there is no input");
    }

    #[test]
    fn waits_neither_for_a_program_that_hangs_nor_for_what_it_leaves_behind() {
        let late = shell("sleep 60", Duration::from_millis(50)).err().unwrap();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        let ran = shell("sleep 60 & echo x", TIME).unwrap();
        assert_eq!(ran.output, b"x\n");
    }

    #[test]
    fn bounds_what_is_printed() {
        let much = shell("head -c 2000000 /dev/zero", TIME).err().unwrap();
        assert_eq!(much.to_string(), "it prints more than 1 MB");
        assert_eq!(shell("head -c 2000000 /dev/zero >&2", TIME).unwrap().errors.len(), 4096);
    }

    #[test]
    fn a_program_by_its_path_is_relative_to_the_folder() {
        let missing = run(&["./nothing-here".to_owned()], Path::new("/")).err().unwrap();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert!(run(&["bin/sh".to_owned(), "-c".to_owned(), "exit 0".to_owned()], Path::new("/")).unwrap().success);
    }
}
