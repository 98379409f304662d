//! A file that several steps write to at the same time. Knows no format.

use std::fmt::Debug;
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
    file: Box<dyn PageFile>,
    /// How many steps are still to finish.
    writers: usize,
    /// Whether a step has finished.
    finished: bool,
}

/// What one step holds of a file: its pages go between those of the others, each whole.
#[derive(Debug)]
pub(crate) struct FileWriter {
    /// The file, until the step finishes.
    shared: Option<Arc<Mutex<SharedFile>>>,
}

impl FileWriter {
    /// Makes the first writer of a file.
    pub(crate) fn new(file: Box<dyn PageFile>) -> Self {
        let shared = SharedFile { file, writers: 1, finished: false };
        Self { shared: Some(Arc::new(Mutex::new(shared))) }
    }

    /// Returns where others find the file as long as it is open.
    pub(crate) fn found_at(&self) -> Weak<Mutex<SharedFile>> {
        self.shared.as_ref().map(Arc::downgrade).unwrap_or_default()
    }

    /// Makes one more writer of a file; `None` if nobody writes to it any more.
    ///
    /// # Errors
    ///
    /// Fails where somebody writes to it and `agree` fails.
    pub(crate) fn join(
        file: &Weak<Mutex<SharedFile>>,
        agree: impl FnOnce() -> Result<(), SinkError>,
    ) -> Result<Option<Self>, SinkError> {
        let Some(shared) = file.upgrade() else { return Ok(None) };
        {
            let mut state = locked(&shared);
            if state.writers == 0 {
                return Ok(None);
            }
            agree()?;
            state.writers += 1;
        }
        Ok(Some(Self { shared: Some(shared) }))
    }
}

impl RecordSink for FileWriter {
    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        match &self.shared {
            Some(shared) => locked(shared).file.write(records),
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
            Some(shared) => locked(shared).file.write_intended(records, intend),
            None => Err(finished()),
        }
    }

    fn position(&mut self) -> Result<Option<u64>, SinkError> {
        self.shared.as_ref().map_or(Ok(None), |shared| locked(shared).file.position())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let Some(shared) = self.shared.take() else { return Ok(()) };
        let mut state = locked(&shared);
        state.writers -= 1;
        state.finished = true;
        if state.writers == 0 { state.file.finish() } else { state.file.sync() }
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let mut state = locked(&shared);
        state.writers -= 1;
        if state.writers == 0 && state.finished {
            // This step failed, and has an error of its own to tell; what the others wrote is ended as they wanted.
            let _ = state.file.finish();
        }
    }
}

fn finished() -> SinkError {
    SinkError::new("the step has finished its file, and writes to it")
}

fn locked(shared: &Mutex<SharedFile>) -> MutexGuard<'_, SharedFile> {
    // A page is written whole or not at all, also by who panics.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
