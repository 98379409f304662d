//! Files that are copied without the secrets in them, however large they are.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use engine_request::Redactor;
use tempfile::NamedTempFile;

/// How much is read at once.
const PART: usize = 1024 * 1024;

/// Writes a file of what a reader gives, without secrets; returns how long it is. It is there as a whole or not at all.
pub(crate) fn write(path: &Path, mut from: impl Read, redactor: &Redactor) -> io::Result<u64> {
    let mut length = 0;
    replace(path, |to| {
        let mut held = Vec::new();
        loop {
            let read = from.by_ref().take(PART as u64).read_to_end(&mut held)?;
            let (kept, taken) = redactor.redact_part(&held, read == 0);
            to.write_all(&kept)?;
            length += kept.len() as u64;
            held.drain(..taken);
            if read == 0 {
                return Ok(());
            }
        }
    })?;
    Ok(length)
}

/// Takes secrets out of a file; returns how long it is now.
pub(crate) fn clean(path: &Path, redactor: &Redactor) -> io::Result<u64> {
    write(path, File::open(path)?, redactor)
}

/// Writes a file: as a whole or not at all.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut NamedTempFile) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".recording-").tempfile_in(folder)?;
    write(&mut file)?;
    file.flush()?;
    // A temporary file is for its owner alone; what others may read is for the folder to say.
    #[cfg(unix)]
    fs::set_permissions(file.path(), <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
