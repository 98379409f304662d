//! Why something could not be done with a database, and whether it may be tried again.

use std::error::Error as _;
use std::io;

use engine_runtime::{SinkError, StateError};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// What went wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Why something could not be done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection is gone, or none came about: what was not committed is undone.
    Lost(String),
    /// The database says no.
    Refused(Box<DbError>),
    /// Anything else.
    Other(Trouble),
}

impl Trouble {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl From<Trouble> for SinkError {
    fn from(Trouble { message, help }: Trouble) -> Self {
        Self { help, ..Self::new(message) }
    }
}

impl From<Trouble> for StateError {
    fn from(Trouble { message, help }: Trouble) -> Self {
        Self { message, help }
    }
}

impl From<SinkError> for Failure {
    fn from(SinkError { message, help, .. }: SinkError) -> Self {
        Self::Other(Trouble { message, help })
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Other(trouble)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(refused) = error.as_db_error() {
            if ends_the_connection(refused.code()) {
                return Self::Lost(refused.message().to_owned());
            }
            return Self::Refused(Box::new(refused.clone()));
        }
        let source = error.source();
        let text = source.map_or_else(|| error.to_string(), ToString::to_string);
        let is_network = source.is_some_and(<dyn std::error::Error>::is::<io::Error>);
        if error.is_closed() || is_network || text.contains("timeout") || text.contains("timed out") {
            return Self::Lost(text);
        }
        Self::Other(Trouble::new(text))
    }
}

impl Failure {
    /// Tells whether the same may be done again at once: it stood in the way of somebody else.
    pub(crate) fn is_conflict(&self) -> bool {
        let codes = [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
        matches!(self, Self::Refused(refused) if codes.contains(refused.code()))
    }

    /// Returns the code with which the database refused.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Refused(refused) => Some(refused.code()),
            Self::Lost(_) | Self::Other(_) => None,
        }
    }

    /// Says it of the thing that it was done with.
    pub(crate) fn of(self, what: &str) -> Trouble {
        match self {
            Self::Other(trouble) => trouble,
            Self::Lost(why) => Trouble::new(format!("{what}: the connection was lost: {why}"))
                .help("see whether the server runs and the network is there, then run again"),
            Self::Refused(refused) => {
                let detail = refused.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
                let trouble = Trouble::new(format!("{what}: {}{detail}", refused.message()));
                match help_of(refused.code()).or_else(|| refused.hint().map(str::to_owned)) {
                    Some(help) => trouble.help(help),
                    None => trouble,
                }
            }
        }
    }
}

/// Tells whether the server ends, or takes no more connections for now.
fn ends_the_connection(code: &SqlState) -> bool {
    let codes = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    codes.contains(code) || code.code().starts_with("08")
}

fn help_of(code: &SqlState) -> Option<String> {
    let help = match *code {
        SqlState::LOCK_NOT_AVAILABLE => "another program holds the table: end it, or try again later",
        SqlState::INSUFFICIENT_PRIVILEGE => "give the user of the URL the right to do it (`GRANT`)",
        SqlState::DISK_FULL => "make room on the disk of the server",
        SqlState::READ_ONLY_SQL_TRANSACTION => "the server is a copy that is only read: name the one that is written",
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "check the user and the password in the URL"
        }
        SqlState::INVALID_CATALOG_NAME => "make the database, or name another one in the URL",
        _ => return None,
    };
    Some(help.to_owned())
}
