//! Endpoints made of steps.

use engine_request::{Incremental, Key};
use engine_source::{Map, Span};
use engine_spec::{Example, Param};

use super::block::Block;

/// An endpoint made of steps: read and called like any other.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Composite {
    /// The name of its API.
    pub api: String,
    /// Its name in the API.
    pub name: String,
    /// The place of its name.
    pub span: Span,
    /// What it does, for people.
    pub description: Option<String>,
    /// What a call or a read gives it; its steps see them, and nothing of who uses it.
    pub params: Map<Param>,
    /// The members that identify a record.
    pub key: Option<Key>,
    /// How only what is new is read; reads within its steps have none of their own.
    pub incremental: Option<Incremental>,
    /// What answers for it where it is mocked as a whole.
    pub example: Option<Example>,
    /// Whether it gives one record at most, whatever the data: called, that record is the answer's body, else the list of them is.
    pub is_single: bool,
    /// What it is made of; the records of those that [leave](super::Step::leaves) are its own.
    pub steps: Block,
}

impl Composite {
    /// Returns the name by which it is called: `API.ENDPOINT`.
    pub fn id(&self) -> String {
        format!("{}.{}", self.api, self.name)
    }
}
