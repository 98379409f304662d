//! A large body on disk: an unnamed file that is gone with the last one who holds it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use bytes::Bytes;

/// A body that was written to an unnamed temporary file.
#[derive(Debug)]
pub struct Spool {
    file: File,
    length: u64,
}

/// A reader of a [`Spool`], at a place of its own.
#[derive(Clone, Debug)]
pub struct SpoolReader {
    spool: Arc<Spool>,
    at: u64,
}

impl Spool {
    /// Takes a file for one, which nobody writes to any more.
    ///
    /// # Errors
    ///
    /// Fails where its length cannot be found out.
    pub fn of(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    /// Returns how many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Makes a reader, at the beginning. There may be several.
    pub fn open(self: &Arc<Self>) -> SpoolReader {
        SpoolReader { spool: Arc::clone(self), at: 0 }
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.spool.file, buffer, self.at)?;
        if read == 0 && !buffer.is_empty() && self.at < self.spool.length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the temporary file became shorter"));
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.spool.length.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

/// Writes a [`Spool`].
#[derive(Debug)]
pub(super) struct SpoolWriter {
    file: File,
    length: u64,
}

impl SpoolWriter {
    /// Makes an unnamed file in the folder for temporary ones.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self::on(tempfile::tempfile()?))
    }

    fn on(file: File) -> Self {
        Self { file, length: 0 }
    }

    /// Adds to it.
    pub(super) fn write(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        for chunk in chunks {
            self.file.write_all(chunk)?;
            self.length += chunk.len() as u64;
        }
        Ok(())
    }

    /// Says that this is all.
    pub(super) fn finish(self) -> Spool {
        Spool { file: self.file, length: self.length }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::TransportError;
    use super::*;

    #[test]
    fn gives_each_reader_its_own_place() {
        let mut writer = SpoolWriter::new().unwrap();
        writer.write(&[Bytes::from_static(b"hello "), Bytes::from_static(b"world")]).unwrap();
        let spool = Arc::new(writer.finish());
        let (mut first, mut second) = (spool.open(), spool.open());
        first.seek(SeekFrom::Start(6)).unwrap();
        let (mut one, mut two) = (String::new(), String::new());
        first.read_to_string(&mut one).unwrap();
        second.read_to_string(&mut two).unwrap();
        assert_eq!((one.as_str(), two.as_str(), spool.length()), ("world", "hello world", 11));
        assert_eq!(second.seek(SeekFrom::End(-5)).unwrap(), 6);
        assert!(second.seek(SeekFrom::Current(-7)).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn says_that_the_disk_is_full() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = SpoolWriter::on(full).write(&[Bytes::from_static(b"x")]).unwrap_err();
        let said = TransportError::disk(&error).to_string();
        assert_eq!(said, "the answer cannot be kept on disk: no space left on device (os error 28)");
    }
}
