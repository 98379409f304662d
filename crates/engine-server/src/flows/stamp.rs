//! What tells one version of a file from another.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// What tells one version of a file from another, without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(Option<(u64, Option<SystemTime>, u64)>);

impl Stamp {
    /// Looks at a file; one that is missing has a stamp too.
    ///
    /// It is to be taken before the file is read, so that a change in between is seen.
    pub fn of(path: &Path) -> Self {
        Self(fs::metadata(path).ok().map(|file| (file.len(), file.modified().ok(), number(&file))))
    }
}

/// Returns what a file that takes the place of another has of its own.
#[cfg(unix)]
fn number(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> u64 {
    0
}
