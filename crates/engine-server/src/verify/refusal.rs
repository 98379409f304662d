//! Why an event was refused.

use std::borrow::Cow;
use std::fmt;

/// Why an event was refused: for the log, never for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where in the event, such as ``the header `x-signature` ``.
    pub place: Cow<'static, str>,
    /// What is wrong there, to finish the sentence.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(place: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { place: place.into(), reason: reason.into() }
    }

    /// Says what is wrong with a header.
    pub(super) fn header(name: &str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(format!("the header `{name}`"), reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.reason)
    }
}

impl std::error::Error for Refusal {}
