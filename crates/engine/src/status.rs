//! How the program ends.

use std::process::ExitCode;

/// What the exit status says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// All is done.
    Done,
    /// The run failed.
    Failed,
    /// The spec or the command line is wrong.
    Wrong,
    /// The run is done, but some records were rejected.
    Rejected,
    /// Somebody stopped it.
    Interrupted,
    /// Whoever read the records went away, as if by SIGPIPE.
    Unheard,
}

impl Status {
    /// Returns the number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Wrong => 2,
            Self::Rejected => 3,
            Self::Interrupted => 130,
            Self::Unheard => 141,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}
