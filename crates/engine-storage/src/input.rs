//! A file that is read as it was when the reading began: what is added meanwhile is left out. Knows nothing about what is in it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use engine_runtime::{FileCompression, SinkError};
use engine_source::suggest;

use crate::packing::unpacked;

/// How long a line or a row may be.
pub(crate) const LONGEST: usize = 64 * 1024 * 1024;

/// A file that is open to be read.
pub(crate) struct Input {
    reader: BufReader<Box<dyn Read + Send>>,
    path: PathBuf,
}

impl Input {
    /// Opens a file; none if there is no such file.
    pub(crate) fn open(path: &Path, compression: FileCompression) -> Result<Option<Self>, SinkError> {
        let open = || -> io::Result<Self> {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            let reader = BufReader::with_capacity(64 * 1024, unpacked(compression, file.take(length))?);
            Ok(Self { reader, path: path.to_owned() })
        };
        match open() {
            Ok(input) => Ok(Some(input)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(path, &error)),
        }
    }

    /// Returns the path that people know the file by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the next line with its end, and returns how long it is; 0 at the end of the file.
    pub(crate) fn line(&mut self, out: &mut Vec<u8>) -> Result<usize, SinkError> {
        let most = LONGEST as u64 + 1;
        let read = (&mut self.reader).take(most).read_until(b'\n', out).map_err(|error| failed(&self.path, &error))?;
        if read > LONGEST { Err(too_long(&self.path)) } else { Ok(read) }
    }

    /// Appends some of what comes next, and returns how much; 0 at the end of the file.
    pub(crate) fn some(&mut self, out: &mut Vec<u8>) -> Result<usize, SinkError> {
        loop {
            match self.reader.fill_buf() {
                Ok(bytes) => {
                    let read = bytes.len();
                    out.extend_from_slice(bytes);
                    self.reader.consume(read);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&self.path, &error)),
            }
        }
    }
}

/// Says that there is no such file.
pub(crate) fn missing(path: &Path) -> SinkError {
    let error = SinkError::new(format!("there is no file `{}`", path.display()));
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return error.help(format!("there is no folder `{}` either: check the path", folder.display()));
    };
    let is_like = |name: &String| Path::new(name).extension() == path.extension() && !name.starts_with('.');
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(is_like).collect();
    names.sort();
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    match suggest(&name, names.iter().map(String::as_str)) {
        Some(help) => error.help(help),
        None => error.help("write it in a step before, or check the path"),
    }
}

/// Says that a line has no end.
pub(crate) fn too_long(path: &Path) -> SinkError {
    SinkError::new(format!("`{}` has a line of more than {} MiB", path.display(), LONGEST >> 20))
        .help("check that it is a file of this form, and the `compression` of the sink")
}

fn failed(path: &Path, error: &io::Error) -> SinkError {
    let failed = SinkError::new(format!("can't read `{}`: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            failed.help("check the `compression` of the sink: it says how the file is packed")
        }
        _ => failed,
    }
}
