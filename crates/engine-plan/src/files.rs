//! Files, as far as compiling a spec reads them.

use std::io;
use std::path::Path;

/// Where the spec and the files that it names are read from.
pub trait Files: Send + Sync {
    /// Returns the text of a file.
    ///
    /// # Errors
    ///
    /// Fails where there is no such file, and where it cannot be read as UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Returns the names of the files in a folder, to suggest one that was likely meant.
    fn names(&self, folder: &Path) -> Vec<String> {
        _ = folder;
        Vec::new()
    }
}

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }
}
