//! A file that several steps write to at the same time. Knows no format.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use engine_runtime::{Extent, Record, RecordSink, SinkError};

/// A file of one format, which takes pages.
pub(crate) trait PageFile: RecordSink + Debug {
    /// Brings the pages so far to the disk; more may come.
    fn sync(&mut self) -> Result<(), SinkError>;
}

/// An open file, and how many steps write to it.
#[derive(Debug)]
pub(crate) struct SharedFile {
    file: Mutex<Box<dyn PageFile>>,
    /// How many steps are still to finish: beside the file, so that one that goes need not wait for another that writes. It goes where nobody may
    /// wait, and the other may wait for what is only done there.
    writers: AtomicUsize,
    /// Whether a step has finished.
    finished: AtomicBool,
}

/// What one step holds of a file: its pages go between those of the others, each whole.
#[derive(Debug)]
pub(crate) struct FileWriter {
    /// The file, until the step finishes.
    shared: Option<Arc<SharedFile>>,
    is_new: bool,
}

impl FileWriter {
    /// Makes the first writer of a file; `is_new` tells whether nothing was in it.
    pub(crate) fn new(file: Box<dyn PageFile>, is_new: bool) -> Self {
        let shared =
            SharedFile { file: Mutex::new(file), writers: AtomicUsize::new(1), finished: AtomicBool::new(false) };
        Self { shared: Some(Arc::new(shared)), is_new }
    }

    /// Returns where others find the file as long as it is open.
    pub(crate) fn found_at(&self) -> Weak<SharedFile> {
        self.shared.as_ref().map(Arc::downgrade).unwrap_or_default()
    }

    /// Makes one more writer of a file; `None` if nobody writes to it any more.
    ///
    /// # Errors
    ///
    /// Fails where somebody writes to it and `agree` fails.
    pub(crate) fn join(
        file: &Weak<SharedFile>,
        agree: impl FnOnce() -> Result<(), SinkError>,
    ) -> Result<Option<Self>, SinkError> {
        let Some(shared) = file.upgrade() else { return Ok(None) };
        if shared.writers.load(Ordering::SeqCst) == 0 {
            return Ok(None);
        }
        agree()?;
        // Whoever was the last may have gone meanwhile.
        let more = |writers| if writers == 0 { None } else { Some(writers + 1) };
        let joined = shared.writers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok();
        Ok(joined.then_some(Self { shared: Some(shared), is_new: false }))
    }
}

impl RecordSink for FileWriter {
    fn is_new(&self) -> bool {
        self.is_new
    }

    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        match &self.shared {
            Some(shared) => shared.file().write(records),
            None => Err(finished()),
        }
    }

    fn write_intended(
        &mut self,
        records: &[Record],
        intend: &mut dyn FnMut(Extent) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        match &self.shared {
            // Nobody else writes between what is intended and what is done.
            Some(shared) => shared.file().write_intended(records, intend),
            None => Err(finished()),
        }
    }

    fn position(&mut self) -> Result<Option<u64>, SinkError> {
        self.shared.as_ref().map_or(Ok(None), |shared| shared.file().position())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let Some(shared) = self.shared.take() else { return Ok(()) };
        let mut file = shared.file();
        shared.finished.store(true, Ordering::SeqCst);
        if shared.writers.fetch_sub(1, Ordering::SeqCst) == 1 { file.finish() } else { file.sync() }
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        // Where it is the last, nobody else has the file.
        if shared.writers.fetch_sub(1, Ordering::SeqCst) == 1 && shared.finished.load(Ordering::SeqCst) {
            // This step failed, and has an error of its own to tell; what the others wrote is ended as they wanted.
            let _ = shared.file().finish();
        }
    }
}

fn finished() -> SinkError {
    SinkError::new("the step has finished its file, and writes to it")
}

impl SharedFile {
    fn file(&self) -> MutexGuard<'_, Box<dyn PageFile>> {
        // A page is written whole or not at all, also by who panics.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
