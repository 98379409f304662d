//! Steps whose names are resolved.

use std::sync::Arc;

use engine_expr::{Condition, Dynamic, Expr, Setting};
use engine_request::{Key, QueryValue};
use engine_source::{Map, Span};
use engine_spec::{ItemAction, Mapping, OnInvalid, Rule};

use super::endpoint::Endpoint;
use super::schema::Schema;
use super::target::{Expect, Target};

/// A step: takes records from a source, shapes them, and gives them to a target.
#[derive(Debug)]
#[non_exhaustive]
pub struct Step {
    /// Its own id, or `step_1` for the first one, and so on.
    pub id: String,
    /// Its number among the steps, from 0.
    pub index: usize,
    /// Where it is written: its id, or its first key.
    pub span: Span,
    /// False skips the step: its stream is empty.
    pub when: Option<Condition>,
    /// Where its items come from.
    pub source: Source,
    /// Values that are computed once per item; each sees those before it.
    pub vars: Map<Dynamic>,
    /// Items for which it is false are dropped, and counted.
    pub filter: Option<Condition>,
    /// How the item is shaped.
    pub map: Option<Arc<Mapping>>,
    /// What must be true of the item.
    pub validate: Option<Validate>,
    /// What is done with the item.
    pub target: Target,
    /// What must be true of the answer of a call.
    pub expect: Option<Expect>,
    /// How the answer of a call becomes the item.
    pub extract: Option<Arc<Mapping>>,
    /// How many items are worked on at once, in order; 1 if not given.
    pub concurrency: Option<Setting<u32>>,
    /// What becomes of an item that fails.
    pub on_error: OnError,
    /// The steps that take its stream, by their numbers.
    pub consumers: Vec<usize>,
    /// Whether its stream is one of the flow's that is printed: no step takes it, and it is not written.
    pub printed: bool,
    /// The steps whose end it waits for, since it names them in templates or lookups; by their numbers.
    pub waits_for: Vec<usize>,
    /// What of its records later steps ask for, beside its stream.
    pub kept: Kept,
}

impl Step {
    /// Returns what it reads, one after another.
    pub fn reads(&self) -> &[Read] {
        match &self.source {
            Source::Read { reads, .. } => reads,
            Source::Once | Source::Items(_) => &[],
        }
    }

    /// Returns what its items or reads are made for each of.
    pub fn for_each(&self) -> Option<&Items> {
        match &self.source {
            Source::Items(items) => Some(items),
            Source::Read { over, .. } => over.as_ref(),
            Source::Once => None,
        }
    }

    /// Returns what identifies a record that a read of this step gave, for a sink: what `write` says, else what the endpoint
    /// says, where no mapping changed the record.
    pub fn key(&self, read: usize) -> Option<&Key> {
        let Target::Write(write) = &self.target else { return None };
        let inherited =
            || self.reads().get(read).filter(|_| self.map.is_none()).and_then(|read| read.endpoint.key.as_ref());
        write.key.as_ref().or_else(inherited)
    }
}

/// Where the items of a step come from.
#[derive(Debug)]
pub enum Source {
    /// Nowhere: the step runs once.
    Once,
    /// From a stream or a list.
    Items(Items),
    /// From endpoints.
    Read {
        /// For each of what they are read; once if for nothing.
        over: Option<Items>,
        /// The endpoints, which are read one after another.
        reads: Vec<Read>,
    },
}

/// A stream or a list.
#[derive(Debug)]
pub enum Items {
    /// The stream of the step with this number.
    Step(usize),
    /// A path or a template that gives a list.
    From(Expr),
    /// A list.
    List(Dynamic),
    /// Every combination of several lists, by name.
    Product(Map<Dynamic>),
}

/// An endpoint to read, and how.
#[derive(Debug)]
#[non_exhaustive]
pub struct Read {
    /// The endpoint; its pagination is what the read says, where it says any.
    pub endpoint: Arc<Endpoint>,
    /// What its params are, over the item of `for_each`.
    pub params: Map<Dynamic>,
    /// Values of the query, over the item of `for_each`; merged over the endpoint's by key.
    pub query: Map<QueryValue>,
    /// Headers, over the item of `for_each`; merged over the endpoint's by key.
    pub headers: Map<QueryValue>,
    /// How many records are read at most.
    pub limit: Option<Setting<u64>>,
    /// Where the endpoint is named.
    pub span: Span,
}

/// What must be true of an item; errors of its mapping belong here too.
#[derive(Debug)]
#[non_exhaustive]
pub struct Validate {
    /// The schema that it must fit.
    pub schema: Option<Schema>,
    /// Conditions that must hold.
    pub rules: Vec<Rule>,
    /// What becomes of an item that is not valid.
    pub on_invalid: OnInvalid,
}

/// What becomes of an item that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnError {
    /// What is done.
    pub action: ItemAction,
}

/// What of a step's records is kept for templates and lookups of later steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The last item: `steps.ID.item`.
    pub last: bool,
    /// All items: `steps.ID.items`, or a lookup.
    pub all: bool,
}
