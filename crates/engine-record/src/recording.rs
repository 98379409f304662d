//! A recording that is read.

use std::path::{Path, PathBuf};

use engine_runtime::{Body, Spool};
use jiff::{SignedDuration, Timestamp};

use crate::content::Content;
use crate::exchange::Exchange;
use crate::failure::RecordingError;
use crate::index::Index;
use crate::record::is_har;
use crate::{folder, har_file};

/// A recording.
#[derive(Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    pub(crate) index: Option<Index>,
    pub(crate) exchanges: Vec<Exchange>,
}

impl Recording {
    /// Reads a folder or a HAR file.
    pub(crate) fn read(path: &Path) -> Result<Self, RecordingError> {
        if !path.exists() {
            return Err(RecordingError::new(format!("there is no recording `{}`", path.display()))
                .help("record a run with `engine run SPEC --record DIR`, and name its folder"));
        }
        let (index, exchanges) = if path.is_dir() {
            let (index, exchanges) = folder::read(path)?;
            (Some(index), exchanges)
        } else if is_har(path) {
            har_file::read(path)?
        } else {
            return Err(RecordingError::new(format!("`{}` is no recording", path.display()))
                .help("name a folder, or a file that ends in `.har`"));
        };
        Ok(Self { path: path.to_path_buf(), index, exchanges })
    }

    /// Returns where it is, as it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns when the run began.
    pub(crate) fn started_at(&self) -> Option<Timestamp> {
        let said = self.index.as_ref().and_then(|index| index.started_at);
        said.or_else(|| self.exchanges.iter().filter_map(|exchange| exchange.at).min())
    }

    /// Returns how long it took until the last answer was there.
    pub(crate) fn length(&self) -> SignedDuration {
        let ends = self.exchanges.iter().filter_map(|exchange| {
            exchange.at?.checked_add(SignedDuration::try_from(exchange.took).unwrap_or_default()).ok()
        });
        match (self.started_at(), ends.max()) {
            (Some(start), Some(end)) => end.duration_since(start).max(SignedDuration::ZERO),
            _ => SignedDuration::ZERO,
        }
    }

    /// Returns a body as it came; one that is larger than `most` stays on disk.
    pub(crate) fn body(&self, content: &Content, most: usize) -> Result<Body, RecordingError> {
        let Content::File(name, _) = content else {
            return Ok(Body::Bytes(content.to_bytes().unwrap_or_default().into()));
        };
        let path = self.beside(name)?;
        let failed = |error| RecordingError::reading(&path, &error);
        let spool = Spool::of(std::fs::File::open(&path).map_err(failed)?).map_err(failed)?;
        if spool.length() > most as u64 {
            return Ok(Body::File(spool.into()));
        }
        Ok(Body::Bytes(std::fs::read(&path).map_err(failed)?.into()))
    }

    /// Returns the path of a file beside it, and of no other.
    fn beside(&self, name: &str) -> Result<PathBuf, RecordingError> {
        if name.is_empty() || name.contains(['/', '\\']) || name == ".." {
            return Err(RecordingError::unlike(&self.path, "a `file` in it is not beside it"));
        }
        Ok(if self.path.is_dir() { self.path.join(name) } else { self.path.with_file_name(name) })
    }
}
