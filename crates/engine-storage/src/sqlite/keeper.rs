//! Databases that stay open while a program serves: run after run writes to them, and the last one to close a database would bring its log into
//! the file each time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use engine_runtime::SinkError;
use rusqlite::Connection;

use super::{commits, connect};

/// How many databases are kept open.
const MOST: usize = 32;

/// A connection to each database that is written to.
#[derive(Debug, Default)]
pub(crate) struct Keeper(Mutex<HashMap<PathBuf, Kept>>);

#[derive(Debug)]
struct Kept {
    connection: Arc<Mutex<Connection>>,
    /// The file, which may be another one by now.
    file: Option<(u64, u64)>,
}

impl Keeper {
    /// Keeps a database open that is there.
    pub(crate) fn hold(&self, path: &Path) -> Result<(), SinkError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = identity(path);
        if kept.get(path).is_some_and(|known| known.file == file) {
            return Ok(());
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        let connection = connect(path, false, &[])?;
        // What is forgotten here does no harm where it comes back.
        let made = connection.pragma_update(None, "synchronous", "NORMAL");
        made.map_err(|error| commits::failed(&error))?;
        kept.insert(path.to_path_buf(), Kept { connection: Arc::new(Mutex::new(connection)), file });
        Ok(())
    }

    fn held(&self, path: &Path) -> Option<Arc<Mutex<Connection>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.get(path).filter(|known| known.file == identity(path))?;
        Some(Arc::clone(&known.connection))
    }

    /// Forgets what a run that is done has kept in a database, if that is there. The table of it stays: others come soon.
    pub(crate) fn forget(&self, path: &Path, run: &str) -> Result<(), SinkError> {
        let Some(connection) = self.held(path) else { return super::forget(path, run) };
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        commits::forget(&mut connection, run, false).map_err(|error| commits::failed(&error))
    }
}

/// Returns what tells a file from another at the same path.
fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let file = std::fs::metadata(path).ok()?;
        Some((file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        _ = path;
        None
    }
}
