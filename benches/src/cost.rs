//! What a program costs: its CPU time, its peak memory, its wall time, as the system counts them.
//!
//! The system adds up the cost of all children of a process that have ended, so each measured program is started
//! by a process of its own (`bench measure`), whose only child it is.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

/// What one run of a program cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// User and system time, in seconds.
    pub cpu: f64,
    /// From start to end, in seconds.
    pub wall: f64,
    /// The most memory that was resident at once, in MB (10⁶ bytes).
    pub peak: f64,
    /// The exit status; none where a signal ended it.
    pub status: Option<i32>,
}

/// A program to be measured.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its path, then its arguments.
    pub words: Vec<OsString>,
}

impl Program {
    /// Takes a program and its arguments.
    pub fn new<S: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = S>) -> Self {
        let mut words = vec![program.as_os_str().to_owned()];
        words.extend(arguments.into_iter().map(|word| word.as_ref().to_owned()));
        Self { words }
    }

    /// Runs it once in `folder`, by a process of its own.
    ///
    /// Its output goes to `output`, or nowhere; what it says on standard error is the error where it fails.
    pub fn measure(&self, folder: &Path, output: Option<&Path>) -> Result<Cost, CostError> {
        let (report, said) = (folder.join("cost.json"), folder.join("stderr.txt"));
        let status = Command::new(std::env::current_exe()?)
            .arg("measure")
            .arg(&report)
            .args(&self.words)
            .current_dir(folder)
            // A proxy of the environment is not for loopback.
            .envs([("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1")])
            .stdin(Stdio::null())
            .stdout(output.map_or_else(|| Ok(Stdio::null()), |path| File::create(path).map(Stdio::from))?)
            .stderr(File::create(&said)?)
            .status()?;
        let said = || std::fs::read_to_string(&said).unwrap_or_default();
        if !status.success() {
            return Err(CostError::Failed { program: self.to_string(), status: status.to_string(), said: said() });
        }
        let cost: Cost = serde_json::from_slice(&std::fs::read(&report)?)?;
        match cost.status {
            Some(0) => Ok(cost),
            status => Err(CostError::Failed {
                program: self.to_string(),
                status: status
                    .map_or_else(|| "killed by a signal".to_owned(), |status| format!("exit status {status}")),
                said: said(),
            }),
        }
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            match index {
                // The folder that it stands in says nothing.
                0 => write!(formatter, "{}", Path::new(word).file_name().unwrap_or(word).display())?,
                _ => write!(formatter, " {}", word.display())?,
            }
        }
        Ok(())
    }
}

/// Runs a program as the only child of this process and writes its cost to `report`.
pub fn measure(report: &Path, words: &[OsString]) -> Result<(), CostError> {
    let (program, arguments) = words.split_first().ok_or_else(|| io::Error::other("no program given"))?;
    let start = Instant::now();
    let status = Command::new(program).args(arguments).status()?;
    let wall = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(io::Error::from)?;
    let peak = u32::try_from(usage.max_rss()).unwrap_or(u32::MAX);
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    let cost = Cost {
        cpu: (duration(usage.user_time()) + duration(usage.system_time())).as_secs_f64(),
        wall,
        peak: f64::from(peak) * unit / 1e6,
        status: status.code(),
    };
    Ok(std::fs::write(report, serde_json::to_vec(&cost)?)?)
}

fn duration(time: TimeVal) -> Duration {
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec())) + Duration::from_micros(part(time.tv_usec()))
}

/// Why a program has no cost.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    /// It could not be started, or a file could not be written.
    #[error("cannot measure: {0}")]
    Io(#[from] io::Error),
    /// The report is not one.
    #[error("cannot read the cost: {0}")]
    Json(#[from] serde_json::Error),
    /// It ran and failed.
    #[error("`{program}` failed ({status})\n{said}")]
    Failed {
        /// The command line.
        program: String,
        /// How it ended.
        status: String,
        /// Its standard error.
        said: String,
    },
}

/// The middle one; of an even number the mean of the two in the middle, of none 0.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match (numbers.get(half), half.checked_sub(1).and_then(|before| numbers.get(before))) {
        (Some(upper), Some(lower)) if numbers.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
        (Some(middle), _) => *middle,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    fn check(numbers: &[f64], expected: f64) {
        assert!((median(numbers.iter().copied()) - expected).abs() < f64::EPSILON);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        check(&[3.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 3.0], 2.5);
        check(&[1.0], 1.0);
        check(&[], 0.0);
    }
}
