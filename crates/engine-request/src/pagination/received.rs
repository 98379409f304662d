//! Pages as they are received.

use std::hash::{BuildHasher, Hasher};

use engine_expr::{Slots, Value};
use foldhash::quality::FixedState;

use crate::{Answer, Prepared};

/// A page that was received.
#[derive(Debug)]
pub struct Page<'a> {
    /// The request as it was sent.
    pub request: &'a Prepared,
    /// The answer.
    pub answer: &'a Answer,
    /// The text in which the slots are: that of the body.
    pub text: &'a str,
    /// Where the values that [`Paging::want`] added are in it.
    pub slots: Option<&'a Slots>,
    /// How many records it has, before any filter.
    pub count: u64,
    /// Its last record, if [`Paging::needs_last`].
    pub last: Last<'a>,
    /// What its records are recognized by.
    pub fingerprint: Fingerprint,
}

/// The last record of a page.
#[derive(Clone, Copy, Debug, Default)]
pub enum Last<'a> {
    /// The page has none, or it is not needed.
    #[default]
    None,
    /// Its JSON text.
    Raw(&'a str),
    /// Its value.
    Value(&'a Value),
}

/// What the records of a page are recognized by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Makes it of the text of all records, or of its parts.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = FixedState::default().build_hasher();
        parts.into_iter().for_each(|part| hasher.write(part));
        Self(hasher.finish())
    }
}

impl Fingerprint {
    /// Returns it as a number.
    pub fn number(self) -> u64 {
        self.0
    }

    pub(super) fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// Makes a fingerprint of records that come one after another.
pub struct Recognizer(<FixedState as BuildHasher>::Hasher);

impl Default for Recognizer {
    fn default() -> Self {
        Self(FixedState::default().build_hasher())
    }
}

impl Recognizer {
    /// Adds the text of a record.
    pub fn add(&mut self, record: &[u8]) {
        self.0.write(record);
    }

    /// Returns what the records so far are recognized by.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.0.finish())
    }
}

impl Last<'_> {
    pub(super) fn value(self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Raw(text) => Value::from_json(text).unwrap_or_default(),
            Self::Value(value) => value.clone(),
        }
    }
}
