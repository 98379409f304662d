//! Waits until a file changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::spec_files;

/// How often files are looked at.
const EVERY: Duration = Duration::from_millis(200);

/// The files as they were.
pub(super) struct Changes {
    paths: Vec<PathBuf>,
    seen: BTreeMap<PathBuf, State>,
}

/// What tells one content of a file from another.
type State = Option<(SystemTime, u64)>;

impl Changes {
    /// Looks at the files that paths mean, and at those in the same folders.
    pub(super) fn now(paths: &[PathBuf]) -> Self {
        Self { paths: paths.to_vec(), seen: look(paths, &[]) }
    }

    /// Waits until one of them is another, or one of those that they name.
    pub(super) fn wait(mut self, named: &[PathBuf]) {
        for file in named {
            self.seen.entry(file.clone()).or_insert_with(|| state(file));
        }
        while look(&self.paths, named) == self.seen {
            thread::sleep(EVERY);
        }
        // Whoever saves several files is let finish.
        thread::sleep(EVERY);
    }
}

fn look(paths: &[PathBuf], named: &[PathBuf]) -> BTreeMap<PathBuf, State> {
    let files = spec_files::find(paths).unwrap_or_else(|_| paths.to_vec());
    files.into_iter().chain(named.iter().cloned()).map(|file| (file.clone(), state(&file))).collect()
}

fn state(file: &Path) -> State {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
