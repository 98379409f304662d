//! Why a recording cannot be kept, or read.

use std::io;
use std::path::Path;

/// Why a recording cannot be kept, or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RecordingError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl RecordingError {
    /// Says what is wrong.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Says that a file cannot be written.
    pub(crate) fn writing(path: &Path, error: &io::Error) -> Self {
        Self::new(format!("cannot write `{}`: {}", path.display(), error.to_string().to_lowercase()))
    }

    /// Says that a file cannot be read.
    pub(crate) fn reading(path: &Path, error: &io::Error) -> Self {
        Self::new(format!("cannot read `{}`: {}", path.display(), error.to_string().to_lowercase()))
    }

    /// Says that a file is no part of a recording.
    pub(crate) fn unlike(path: &Path, what: &str) -> Self {
        Self::new(format!("`{}` is no recording: {what}", path.display()))
    }
}
