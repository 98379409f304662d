//! Files that are written beside their places, and put there when they are whole.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile};

use crate::holder::{holder, lives};

/// How such files begin, and how they end.
const BEGIN: &str = ".engine-";
const END: &str = ".part";

/// How many folders are remembered.
const FOLDERS: usize = 1024;

/// Makes a file in a folder, for one that will be there; it is removed when it is dropped before.
///
/// Its name says whose it is, so that what a process left that was killed is removed by the next one that writes there: the first
/// file in a folder looks for those. Whether one of another machine or container lives nobody knows, so its files stay.
///
/// # Errors
///
/// The folder can't be written to.
pub fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut builder = Builder::new();
    builder.prefix(prefix()).suffix(END);
    // As a file that is made otherwise: what the process may not give away is masked out.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    if is_new(folder) {
        // What can't be removed is of no use to anybody, but does no harm either.
        _ = sweep(folder, file.as_file());
    }
    Ok(file)
}

/// Tells whether no file was made in a folder so far, as far as is remembered.
fn is_new(folder: &Path) -> bool {
    static KNOWN: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.contains(folder) {
        return false;
    }
    if known.len() == FOLDERS {
        known.clear();
    }
    known.insert(folder.to_owned())
}

/// Removes the files in a folder whose processes have ended. Those of another user stay, whose processes may be hidden from this one.
fn sweep(folder: &Path, own: &File) -> io::Result<()> {
    let user = user(&own.metadata()?);
    // What another one has removed meanwhile is no reason to stop.
    for entry in folder.read_dir()?.flatten() {
        let is_left = entry.file_name().to_str().and_then(owner).is_some_and(|owner| lives(&owner) == Some(false));
        if is_left && entry.metadata().is_ok_and(|left| self::user(&left) == user) {
            _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(unix)]
fn user(file: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(file)
}

#[cfg(not(unix))]
fn user(_: &Metadata) -> u32 {
    0
}

/// Returns whose file it is; nothing where it is none of this machine.
fn owner(name: &str) -> Option<String> {
    let mut parts = name.strip_prefix(BEGIN)?.strip_suffix(END)?.splitn(3, '-');
    let (process, tag, _) = (parts.next()?, parts.next()?, parts.next()?);
    let own = holder();
    let (_, machine) = own.split_once('@')?;
    (tag == self::tag(machine)).then(|| format!("{process}@{machine}"))
}

/// Returns how the names of the files of this process begin.
fn prefix() -> &'static str {
    static PREFIX: OnceLock<String> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let holder = holder();
        let (process, machine) = holder.split_once('@').unwrap_or((&holder, ""));
        format!("{BEGIN}{process}-{}-", tag(machine))
    })
}

/// Returns a few letters that stand for a machine.
fn tag(machine: &str) -> String {
    let begin = Sha256::digest(machine).first_chunk().copied().unwrap_or_default();
    format!("{:08x}", u32::from_be_bytes(begin))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_process_left_that_ended_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let here = |name: &str| folder.path().join(name);
        let own = beside(folder.path()).unwrap();
        let name = own.path().file_name().unwrap().to_str().unwrap().to_owned();
        let (_, rest) = name.strip_prefix(BEGIN).unwrap().split_once('-').unwrap();
        let (tag, _) = rest.split_once('-').unwrap();
        let dead = format!("{BEGIN}4194999.1-{tag}-abc123{END}");
        let others =
            [format!("{BEGIN}4194999.1-00000000-abc123{END}"), format!("{BEGIN}report{END}"), "out.csv".to_owned()];
        for name in others.iter().chain([&dead]) {
            std::fs::write(here(name), "").unwrap();
        }
        sweep(folder.path(), own.as_file()).unwrap();
        assert!(!here(&dead).exists());
        assert!(own.path().exists());
        assert!(others.iter().all(|name| here(name).exists()));

        // A folder is looked through once.
        assert!(!is_new(folder.path()));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_as_any_file() {
        use std::os::unix::fs::MetadataExt;

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("any"), "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().mode();
        assert_eq!(mode(beside(folder.path()).unwrap().path()), mode(&folder.path().join("any")));
    }
}
