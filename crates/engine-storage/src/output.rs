//! A file that grows page by page. Knows nothing about what is in it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use engine_runtime::{Extent, FileCompression, SinkError, beside};
use tempfile::TempPath;

use crate::handles::{Handle, Handles};
use crate::packing::{last_byte, pack, unpacked};
use crate::tail;

/// Is told where a page will stand, before it is written.
pub(crate) type Intend<'a> = &'a mut dyn FnMut(Extent) -> Result<(), SinkError>;

/// A file that is appended to, or written beside the old one and put into its place at the end.
#[derive(Debug)]
pub(crate) struct Output {
    handle: Handle,
    handles: Arc<Handles>,
    path: PathBuf,
    /// Where the file is written until it takes the place of the old one.
    beside: Option<TempPath>,
    compression: FileCompression,
    length: u64,
    /// Whether nothing is in it, if packed.
    is_empty: bool,
    /// Whether a part of a page is in it that could not be taken back.
    is_torn: bool,
}

impl Output {
    /// Opens a file to add to; what is there stays.
    pub(crate) fn append(path: &Path, handles: &Arc<Handles>, compression: FileCompression) -> Result<Self, SinkError> {
        let open = || -> io::Result<(File, u64)> {
            let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
            let length = file.seek(SeekFrom::End(0))?;
            Ok((file, length))
        };
        let (mut file, mut length) = open().map_err(|error| failed(path, &error))?;
        let last = if length > 0 { last(path, &mut file, compression)? } else { None };
        if last.is_some_and(|last| last != b'\n') {
            // Somebody stopped within a line: what comes now must not become a part of it.
            let end = pack(compression, b"\n").map_err(|error| failed(path, &error))?;
            file.write_all(&end).map_err(|error| failed(path, &error))?;
            length += end.len() as u64;
        }
        let is_empty = length == 0 || last.is_none();
        let handle = Arc::new(Mutex::new(Some(file)));
        Ok(Self {
            handle,
            handles: Arc::clone(handles),
            path: path.to_owned(),
            beside: None,
            compression,
            length,
            is_empty,
            is_torn: false,
        })
    }

    /// Opens a file that takes the place of the one at `path` when it is finished.
    pub(crate) fn replace(
        path: &Path,
        handles: &Arc<Handles>,
        compression: FileCompression,
    ) -> Result<Self, SinkError> {
        let beside = beside(path.parent().unwrap_or(Path::new(""))).map_err(|error| failed(path, &error))?;
        Ok(Self {
            handle: Handle::default(),
            handles: Arc::clone(handles),
            path: path.to_owned(),
            beside: Some(beside.into_temp_path()),
            compression,
            length: 0,
            is_empty: true,
            is_torn: false,
        })
    }

    /// Returns the path that people know the file by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether nothing is in the file.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Reads what was in the file when it was opened.
    pub(crate) fn read(&self) -> io::Result<Box<dyn Read>> {
        Ok(unpacked(self.compression, BufReader::new(File::open(&self.path)?))?)
    }

    /// Adds a page, whole or not at all, after `intend`, if given, was told where.
    pub(crate) fn write(&mut self, page: &[u8], intend: Option<Intend<'_>>) -> Result<(), SinkError> {
        if page.is_empty() { Ok(()) } else { self.add(page, intend) }
    }

    fn add(&mut self, page: &[u8], intend: Option<Intend<'_>>) -> Result<(), SinkError> {
        let packed = pack(self.compression, page).map_err(|error| failed(&self.path, &error))?;
        if let Some(intend) = intend {
            let at = self.with(|file| file.seek(SeekFrom::End(0)))?;
            intend(tail::extent(at, &packed))?;
        }
        let mut is_torn = false;
        let written = self.with(|file| {
            // Another program may have added to the file.
            let length = file.seek(SeekFrom::End(0))?;
            let written = write_whole(file, &packed, length);
            is_torn = written.is_err() && !file.metadata().is_ok_and(|it| it.len() == length);
            written.map(|()| length + packed.len() as u64)
        });
        // One that is appended to is in its place already: it does not come there broken.
        self.is_torn |= is_torn && self.beside.is_some();
        self.length = written.map_err(|error| if self.is_torn { error.finally() } else { error })?;
        self.is_empty &= page.is_empty();
        Ok(())
    }

    /// Brings everything to the disk.
    pub(crate) fn sync(&self) -> Result<(), SinkError> {
        self.with(|file| file.sync_all())
    }

    /// Brings everything to the disk, and returns how long the file is; `None` for one that is not in its place yet.
    pub(crate) fn position(&self) -> Result<Option<u64>, SinkError> {
        if self.beside.is_some() {
            return Ok(None);
        }
        self.sync()?;
        Ok(Some(self.length))
    }

    /// Brings everything to the disk, and puts the file into the place of the old one.
    pub(crate) fn finish(&mut self) -> Result<(), SinkError> {
        if self.is_torn {
            let text = format!("`{}` is not replaced: a page of it was written in part", self.path.display());
            return Err(SinkError::new(text).help("see why, then run again: the old file is still there"));
        }
        if self.length == 0 && self.compression != FileCompression::None {
            // Nothing at all is not packed, and who unpacks it would miss the beginning.
            self.add(&[], None)?;
        }
        self.sync()?;
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(beside) = self.beside.take() {
            beside.persist(&self.path).map_err(|error| failed(&self.path, &error.error))?;
        }
        Ok(())
    }

    /// Does something with the file, which may have been closed for others.
    fn with<T>(&self, run: impl FnOnce(&mut File) -> io::Result<T>) -> Result<T, SinkError> {
        let open = || OpenOptions::new().append(true).open(self.beside.as_deref().unwrap_or(&self.path));
        self.handles.with(&self.handle, open, run).map_err(|error| failed(&self.path, &error))
    }
}

/// A page need not be whole for those who write by pieces: their file is finished or thrown away.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::write(self, bytes, None).map_err(|error| io::Error::other(error.message))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the last byte that is in a file, which must not break off where it is packed.
fn last(path: &Path, file: &mut File, compression: FileCompression) -> Result<Option<u8>, SinkError> {
    let read = |file: &mut File| {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(Some(last[0]))
    };
    match compression {
        FileCompression::None => read(file).map_err(|error| failed(path, &error)),
        FileCompression::Gzip | FileCompression::Zstd => {
            let name = if compression == FileCompression::Gzip { "gzip" } else { "zstd" };
            file.seek(SeekFrom::Start(0)).map_err(|error| failed(path, &error))?;
            last_byte(compression, BufReader::new(file)).map_err(|error| {
                let message = match error.kind() {
                    io::ErrorKind::UnexpectedEof => {
                        format!(
                            "`{}` breaks off within a page: whoever wrote it did not get to its end",
                            path.display()
                        )
                    }
                    _ => format!("`{}` is not a whole {name} file: {error}", path.display()),
                };
                SinkError::new(message).help(format!(
                    "save what is whole (`{name} -dc`) elsewhere, and remove it, or write to another path"
                ))
            })
        }
    }
}

/// Writes all to the end of a file that is so long, or nothing.
fn write_whole(file: &mut File, bytes: &[u8], length: u64) -> io::Result<()> {
    let mut left = bytes;
    while !left.is_empty() {
        match file.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                // What was written of the page is taken back, as well as it goes: the error is the one to tell. What others have added stays.
                let written = (bytes.len() - left.len()) as u64;
                if file.seek(SeekFrom::End(0)).is_ok_and(|end| end == length + written) {
                    let _ = file.set_len(length);
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &io::Error) -> SinkError {
    helped(SinkError::new(format!("can't write `{}`: {error}", path.display())), error)
}

/// What to do where a disk is full.
pub(crate) const MAKE_ROOM: &str = "make room on the disk, then run again: what was written before stays";

/// Says what to do where there is no room for a file.
pub(crate) fn helped(failed: SinkError, error: &io::Error) -> SinkError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            failed.help(MAKE_ROOM)
        }
        _ => failed,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_file_with_a_part_of_a_page_takes_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.jsonl");
        std::fs::write(&path, "old\n").unwrap();
        let handles = Arc::new(Handles::default());
        let mut output = Output::replace(&path, &handles, FileCompression::None).unwrap();
        output.write(b"one\n", None).unwrap();
        // A disk that neither takes a page nor lets go of its beginning is not to be had.
        output.is_torn = true;
        let error = output.finish().unwrap_err();
        assert!(error.message.ends_with("is not replaced: a page of it was written in part"), "{error}");
        drop(output);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
