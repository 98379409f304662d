//! After what a request is sent again.

use std::fmt;
use std::str::FromStr;

use crate::StatusPattern;

/// After what a request is sent again: a status pattern, `timeout` or `connect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryOn {
    /// After an answer with such a status.
    Status(StatusPattern),
    /// When no answer came in time.
    Timeout,
    /// When no connection could be made, or it broke.
    Connect,
}

impl RetryOn {
    /// The regular expression that [`FromStr`] agrees with.
    pub const PATTERN: &'static str = r"^([1-5]([0-9]{2}|xx|[0-9]{2}-[1-5][0-9]{2})|timeout|connect)$";
}

impl FromStr for RetryOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "timeout" => Ok(Self::Timeout),
            "connect" => Ok(Self::Connect),
            _ => text.parse().map(Self::Status).map_err(|_| {
                format!("[invalid-status] `{text}` is nothing to retry on\nhelp: write a status, `timeout` or `connect`: `[429, 5xx, timeout]`")
            }),
        }
    }
}

impl fmt::Display for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(pattern) => pattern.fmt(f),
            Self::Timeout => f.write_str("timeout"),
            Self::Connect => f.write_str("connect"),
        }
    }
}
