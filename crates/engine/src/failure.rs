//! What is wrong with the command line itself, or with what surrounds it: something without a place in a spec.

use std::fmt;
use std::io;

use crate::status::Status;
use crate::terminal::{Look, Style};

/// Why a command could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
    /// How the program ends.
    pub(crate) status: Status,
}

impl Failure {
    /// Makes a mistake on the command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, status: Status::Wrong }
    }

    /// Makes a failure while something was done.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { status: Status::Failed, ..Self::usage(message) }
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the text for stderr.
    pub(crate) fn render(&self, look: Look) -> String {
        let mut text = format!("{} {}\n", look.paint(Style::Red, "error:"), self.message);
        if let Some(help) = &self.help {
            text.push_str(&format!("{} {help}\n", look.paint(Style::Cyan, "help:")));
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed(format!("cannot write to stdout: {error}"))
    }
}
