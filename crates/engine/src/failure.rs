//! Why a command could not be carried out.

use std::fmt;
use std::io;

use engine_runtime::StateError;

use crate::render::Format;
use crate::report::{Report, summary};
use crate::status::Status;
use crate::terminal::{Look, Style};

/// What ends a command before it has done anything.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Something without a place in a file.
    Plain {
        /// What is wrong.
        message: String,
        /// What to do.
        help: Option<String>,
        /// How the program ends.
        status: Status,
    },
    /// What was found in a file.
    Findings(Report),
}

impl Failure {
    /// Makes a mistake on the command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Plain { message: message.into(), help: None, status: Status::Wrong }
    }

    /// Makes a failure of what surrounds the program.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Plain { message: message.into(), help: None, status: Status::Failed }
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        if let Self::Plain { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }

    /// Returns how the program ends.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Plain { status, .. } => *status,
            Self::Findings(_) => Status::Wrong,
        }
    }

    /// Returns the text for stderr.
    pub(crate) fn render(&self, look: Look) -> String {
        match self {
            Self::Plain { message, help, .. } => {
                let help = help.as_ref().map(|help| format!("{} {help}\n", look.paint(Style::Cyan, "help:")));
                format!("{} {message}\n{}", look.paint(Style::Red, "error:"), help.unwrap_or_default())
            }
            Self::Findings(report) => {
                format!("{}{}\n", Format::Human.render(report, look), summary(report.counts(), report.files()))
            }
        }
    }
}

/// Says it in one line, for whoever has no room for more.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { message, .. } => f.write_str(message),
            Self::Findings(report) => f.write_str(&summary(report.counts(), report.files())),
        }
    }
}

/// Says why the state can't be used.
impl From<StateError> for Failure {
    fn from(StateError { message, help }: StateError) -> Self {
        let failure = Self::failed(message);
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed(format!("cannot write to stdout: {error}"))
    }
}
