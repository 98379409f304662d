//! A file that grows page by page. Knows nothing about what is in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use engine_runtime::SinkError;

/// A file that is appended to, or written beside the old one and put into its place at the end.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    path: PathBuf,
    /// Where the file is written until it takes the place of the old one.
    beside: Option<PathBuf>,
    length: u64,
}

impl Output {
    /// Opens a file to add to; what is there stays.
    pub(crate) fn append(path: &Path) -> Result<Self, SinkError> {
        let open = || -> io::Result<(File, u64)> {
            let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
            let mut length = file.seek(SeekFrom::End(0))?;
            if length > 0 {
                let mut last = [0];
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
                // Somebody stopped within a line: what comes now must not become a part of it.
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                    length += 1;
                }
            }
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error| failed(path, &error))?;
        Ok(Self { file, path: path.to_owned(), beside: None, length })
    }

    /// Opens a file that takes the place of the one at `path` when it is finished.
    pub(crate) fn replace(path: &Path) -> Result<Self, SinkError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let beside = path.with_file_name(format!(".{name}.{}-{number}.part", std::process::id()));
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&beside)
            .map_err(|error| failed(path, &error))?;
        Ok(Self { file, path: path.to_owned(), beside: Some(beside), length: 0 })
    }

    /// Returns the path that people know the file by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether nothing is in the file.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a page, whole or not at all.
    pub(crate) fn write(&mut self, page: &[u8]) -> Result<(), SinkError> {
        if page.is_empty() {
            return Ok(());
        }
        // Another program may have added to the file.
        self.length = self.file.seek(SeekFrom::End(0)).map_err(|error| failed(&self.path, &error))?;
        if let Err(error) = self.file.write_all(page) {
            // What was written of the page is taken back, as well as it goes: the error is the one to tell.
            let _ = self.file.set_len(self.length);
            return Err(failed(&self.path, &error));
        }
        self.length += page.len() as u64;
        Ok(())
    }

    /// Brings everything to the disk.
    pub(crate) fn sync(&self) -> Result<(), SinkError> {
        self.file.sync_all().map_err(|error| failed(&self.path, &error))
    }

    /// Brings everything to the disk, and puts the file into the place of the old one.
    pub(crate) fn finish(&mut self) -> Result<(), SinkError> {
        self.sync()?;
        if let Some(beside) = &self.beside {
            std::fs::rename(beside, &self.path).map_err(|error| failed(&self.path, &error))?;
            self.beside = None;
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // The step failed; a file that can't be removed is of no use to anybody, but does no harm either.
            let _ = std::fs::remove_file(beside);
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> SinkError {
    SinkError::new(format!("can't write `{}`: {error}", path.display()))
}
