//! The recordings of runs on the command line.

use std::path::Path;
use std::sync::Arc;

use engine_record::{Record, RecordingError, Replay};
use engine_runtime::{Event, Observer, RunReport, Status};

use crate::failure::Failure;

/// Begins a recording.
///
/// # Errors
///
/// Fails where something is there already.
pub(crate) fn begin(path: &Path, overwrite: bool) -> Result<Arc<Record>, Failure> {
    Record::begin(path, overwrite).map_err(|error| failure(error, Failure::usage))
}

/// Ends a recording, and says where it is.
///
/// # Errors
///
/// Fails where it is not whole.
pub(crate) fn finish(record: &Record, observer: &dyn Observer) -> Result<(), Failure> {
    let exchanges = record.finish().map_err(|error| {
        let message = format!("the recording is not whole: {}", error.message);
        failure(RecordingError { message, ..error }, Failure::failed)
    })?;
    let noun = if exchanges == 1 { "exchange" } else { "exchanges" };
    let message = format!("recorded {exchanges} {noun} in `{}`", record.path().display());
    observer.event(Event::Note { message });
    Ok(())
}

/// Opens a recording that is to answer.
///
/// # Errors
///
/// Fails where there is none.
pub(crate) fn open(path: &Path) -> Result<Arc<Replay>, Failure> {
    Replay::open(path).map(Arc::new).map_err(|error| failure(error, Failure::usage))
}

/// Tells what of a recording a run did not ask for, if it came to its end.
pub(crate) fn tell_left(replay: &Replay, report: &RunReport, observer: &dyn Observer) {
    let left = replay.left();
    if let (Some(first), Status::Ok | Status::Partial) = (left.first(), report.status) {
        let (count, noun) = (left.len(), if left.len() == 1 { "exchange" } else { "exchanges" });
        let message = format!("{count} {noun} of the recording nobody asked for, the first of them `{first}`");
        observer.event(Event::Note { message });
    }
}

fn failure(error: RecordingError, make: impl FnOnce(String) -> Failure) -> Failure {
    let RecordingError { message, help } = error;
    let failure = make(message);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}
