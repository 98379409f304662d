//! Bodies that are packed files: `.gz` and `.zip`. What HTTP itself packs is unpacked before.

use std::io::{self, Cursor, Read, Seek};

use bytes::Bytes;
use engine_request::{Content, Packing};
use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::transport::Body;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// Not at all.
    No,
    /// With gzip.
    Gzip,
    /// As the only file of a ZIP archive.
    Zip,
}

/// A body, and how it is packed. It can be read any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) body: Body,
    pub(crate) packed: Packed,
}

/// How many files of an archive are named.
const NAMED: usize = 8;

impl Packed {
    /// Finds out how a body is packed: what the spec says, or what its first bytes say.
    pub(crate) fn of(said: Option<Packing>, content: &Content, start: &[u8]) -> Self {
        match said.unwrap_or_default() {
            Packing::Gzip => Self::Gzip,
            Packing::Zip => Self::Zip,
            Packing::None => Self::No,
            // A file stays what it is.
            Packing::Auto if matches!(content, Content::Binary) => Self::No,
            Packing::Auto if start.starts_with(b"\x1F\x8B\x08") => Self::Gzip,
            Packing::Auto if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") => Self::Zip,
            Packing::Auto => Self::No,
        }
    }
}

impl Source {
    /// Returns the first bytes of the body as it is packed.
    pub(crate) fn start(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut start = Vec::with_capacity(length);
        match &self.body {
            Body::Bytes(bytes) => start.extend_from_slice(bytes.get(..length.min(bytes.len())).unwrap_or_default()),
            Body::File(spool) => _ = spool.open().take(length as u64).read_to_end(&mut start)?,
        }
        Ok(start)
    }

    /// Reads the body unpacked, from its start.
    pub(crate) fn read<T, E: From<io::Error>>(&self, work: impl FnOnce(&mut dyn Read) -> Result<T, E>) -> Result<T, E> {
        match (&self.body, self.packed) {
            (Body::Bytes(bytes), Packed::No) => work(&mut bytes.as_ref()),
            (Body::File(spool), Packed::No) => work(&mut spool.open()),
            (Body::Bytes(bytes), Packed::Gzip) => work(&mut Unpacked(MultiGzDecoder::new(bytes.as_ref()))),
            (Body::File(spool), Packed::Gzip) => {
                work(&mut Unpacked(MultiGzDecoder::new(io::BufReader::with_capacity(64 * 1024, spool.open()))))
            }
            (Body::Bytes(bytes), Packed::Zip) => unzip(Cursor::new(Bytes::clone(bytes)), work),
            (Body::File(spool), Packed::Zip) => unzip(io::BufReader::with_capacity(64 * 1024, spool.open()), work),
        }
    }
}

/// Says in which words gzip is broken.
struct Unpacked<R>(R);

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => broken("the packed body is cut off"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => broken("the packed body is broken"),
            _ => error,
        })
    }
}

fn broken(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

fn unzip<T, E: From<io::Error>>(
    reader: impl Read + Seek,
    work: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<T, E> {
    let mut archive = ZipArchive::new(reader).map_err(told)?;
    // Of several of one name only the last could be seen.
    if archive.has_duplicate_names() {
        return Err(broken("the ZIP archive has several files of one name, where one file is expected").into());
    }
    // What a Mac adds for itself is nobody's data.
    let is_file = |name: &str| !name.ends_with('/') && !name.starts_with("__MACOSX/");
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let name = archive.name_for_index(index).transpose().map_err(told)?.unwrap_or_default().into_owned();
        if is_file(&name) {
            files.push((index, name));
        }
    }
    match files.as_slice() {
        [(index, _)] => work(&mut Unpacked(archive.by_index(*index).map_err(told)?)),
        [] => Err(broken("the ZIP archive has no file").into()),
        several => {
            let mut names: Vec<String> = several.iter().take(NAMED).map(|(_, name)| format!("`{name}`")).collect();
            if several.len() > NAMED {
                names.push("…".to_owned());
            }
            let count = several.len();
            Err(broken(format!("the ZIP archive has {count} files, where one is expected: {}", names.join(", ")))
                .into())
        }
    }
}

fn told(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        ZipError::InvalidArchive(_) => broken("the body is not a ZIP archive, or a broken one"),
        ZipError::UnsupportedArchive(why) if why.contains("assword") || why.contains("ncrypt") => {
            broken("the ZIP archive is encrypted")
        }
        ZipError::UnsupportedArchive(_) => broken("the ZIP archive is packed in a way other than deflate"),
        _ => broken("the ZIP archive cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::io::Write;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
            writer.start_file(*name, options).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn read(bytes: Vec<u8>) -> Result<String, String> {
        let packed = Packed::of(None, &Content::Json, &bytes);
        let source = Source { body: Body::Bytes(bytes.into()), packed };
        source
            .read(|input| {
                let mut text = String::new();
                input.read_to_string(&mut text).map(|_| text)
            })
            .map_err(|error: io::Error| error.to_string())
    }

    #[test]
    fn unpacks_by_the_first_bytes() {
        assert_eq!(read(b"plain".to_vec()).unwrap(), "plain");
        assert_eq!(read(gzip("hello")).unwrap(), "hello");
        assert_eq!(read([gzip("one "), gzip("two")].concat()).unwrap(), "one two");
        assert_eq!(read(zip(&[("dir/", ""), ("dir/a.csv", "a,b"), ("__MACOSX/._a.csv", "x")])).unwrap(), "a,b");
        let start = gzip("x");
        assert_eq!(Packed::of(None, &Content::Binary, &start), Packed::No);
        assert_eq!(Packed::of(Some(Packing::None), &Content::Json, &start), Packed::No);
        assert_eq!(Packed::of(Some(Packing::Gzip), &Content::Binary, b""), Packed::Gzip);
    }

    #[test]
    fn says_what_is_wrong_with_an_archive() {
        let two = read(zip(&[("a.csv", "1"), ("b.csv", "2")])).unwrap_err();
        assert_eq!(two, "the ZIP archive has 2 files, where one is expected: `a.csv`, `b.csv`");
        assert_eq!(read(zip(&[])).unwrap_err(), "the ZIP archive has no file");
        let mut twice = zip(&[("a.csv", "1"), ("b.csv", "2")]);
        for at in 0..twice.len() - 5 {
            if &twice[at..at + 5] == b"b.csv" {
                twice[at] = b'a';
            }
        }
        assert_eq!(
            read(twice).unwrap_err(),
            "the ZIP archive has several files of one name, where one file is expected"
        );
        let mut broken = zip(&[("a.csv", "some text that is packed")]);
        broken.truncate(30);
        assert_eq!(read(broken).unwrap_err(), "the body is not a ZIP archive, or a broken one");
    }

    #[test]
    fn says_that_gzip_is_cut_off_or_broken() {
        let mut cut = gzip(&"hello ".repeat(100));
        cut.truncate(cut.len() - 9);
        assert_eq!(read(cut).unwrap_err(), "the packed body is cut off");
        let mut broken = gzip(&"hello ".repeat(100));
        let at = broken.len() - 6;
        broken[at] ^= 0xFF;
        assert_eq!(read(broken).unwrap_err(), "the packed body is broken");
    }
}
