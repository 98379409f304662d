//! Steps whose names are resolved.

use std::slice;
use std::sync::Arc;

use engine_expr::{Condition, Dynamic, Expr, Setting};
use engine_request::{Key, Period, Retry, Size};
use engine_source::{Map, Span};
use engine_spec::{BatchSize, ItemAction, Mapping, OnInvalid, Rule};

use super::block::Block;
use super::nested::Case;
use super::schema::Schema;
use super::source::{Items, Reading, Source};
use super::target::{Expect, Target};

/// A step: takes records from a source, shapes them, and gives them to a target.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// Its own id, or `step_1` for the first one, and so on.
    pub id: String,
    /// Its address, which stays while it and those around it keep their names: `orders`, `orders/steps/notify`, `route/switch/2`,
    /// `fan/parallel/1/a`, `pay/on_error/undo`, `on_failure/tell`, `shop.report/create`.
    pub path: String,
    /// Its number among all steps of the plan, from 0.
    pub uid: usize,
    /// Its number in its block, from 0.
    pub index: usize,
    /// Where it is written: its id, or its first key.
    pub span: Span,
    /// False skips the step: its stream is empty.
    pub when: Option<Condition>,
    /// Where its items come from.
    pub source: Source,
    /// What each item is taken apart into; that item is then the `parent`.
    pub explode: Option<Expr>,
    /// Values that are computed once per item; each sees those before it.
    pub vars: Map<Dynamic>,
    /// Items for which it is false are dropped, and counted.
    pub filter: Option<Condition>,
    /// How the item is shaped.
    pub map: Option<Arc<Mapping>>,
    /// What must be true of the item.
    pub validate: Option<Validate>,
    /// How items are gathered for the target.
    pub batch: Option<Batch>,
    /// Where the answer of a call of a batch has a list as long as the batch.
    pub results: Option<Expr>,
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
    /// The steps of its block that take its stream, by their numbers.
    pub consumers: Vec<usize>,
    /// Whether its stream is one of the flow's that is printed: no step takes it, and it is not written. Never so within another
    /// step, an endpoint, `on_failure` or `finally`.
    pub printed: bool,
    /// Whether its stream is part of what its block hands on: that of the last step of a block; in an endpoint made of steps those
    /// that no other of its steps takes.
    pub leaves: bool,
    /// The steps of its block whose end it waits for, since it or a step within it names them in templates or lookups; by their
    /// numbers.
    pub waits_for: Vec<usize>,
    /// The steps before it in its block whose end it waits for, since they write to a sink what it or a step within it reads; by their
    /// numbers.
    pub reads_after: Vec<usize>,
    /// What of its records is asked for, beside its stream: by later steps, by steps within these, and by those after the flow.
    pub kept: Kept,
    /// Whether it is not written: it reads all that can be read, in a spec that has no steps.
    pub is_implied: bool,
    /// Whether steps that take its stream, or name it, are left out.
    pub is_cut: bool,
}

impl Step {
    /// Returns what it reads, one after another.
    pub fn reads(&self) -> &[Reading] {
        match &self.source {
            Source::Read { reads, .. } => reads,
            Source::Once | Source::Items(_) | Source::Sink { .. } => &[],
        }
    }

    /// Returns what its items or reads are made for each of.
    pub fn for_each(&self) -> Option<&Items> {
        match &self.source {
            Source::Items(items) => Some(items),
            Source::Read { over, .. } | Source::Sink { over, .. } => over.as_ref(),
            Source::Once => None,
        }
    }

    /// Returns the cases that it divides its items among.
    pub fn cases(&self) -> &[Case] {
        match &self.target {
            Target::Switch(cases) => cases,
            _ => &[],
        }
    }

    /// Returns the blocks of steps within it: those of its target, and those that undo what it did; not those of its cases.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        let within = match &self.target {
            Target::Steps(block) => slice::from_ref(block),
            Target::Parallel(branches) => branches,
            _ => &[],
        };
        within.iter().chain([&self.on_error.steps])
    }

    /// Returns what identifies a record that a read of this step gave, for a sink: what `write` says, else what the endpoint
    /// says, where no mapping changed the record.
    pub fn key(&self, read: usize) -> Option<&Key> {
        let Target::Write(write) = &self.target else { return None };
        let is_read = self.map.is_none() && self.explode.is_none();
        let reading = || self.reads().get(read).filter(|_| is_read);
        write.key.as_ref().or_else(|| reading().and_then(Reading::as_endpoint)?.endpoint.key.as_ref())
    }
}

/// What must be true of an item; errors of its mapping belong here too.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Validate {
    /// The schema that it must fit.
    pub schema: Option<Schema>,
    /// Conditions that must hold.
    pub rules: Vec<Rule>,
    /// What becomes of an item that is not valid.
    pub on_invalid: OnInvalid,
}

/// How items are gathered: the first limit that is reached ends a batch, and the end of the stream ends the last.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Batch {
    /// How many items.
    pub size: BatchSize,
    /// How many bytes of JSON.
    pub bytes: Option<Setting<Size>>,
    /// How long, from the first item on.
    pub within: Option<Setting<Period>>,
}

/// What becomes of an item that fails.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OnError {
    /// What is done in the end.
    pub action: ItemAction,
    /// How the whole item is tried again first; once if not given.
    pub retry: Option<Retry>,
    /// What undoes what was done, before the action.
    pub steps: Block,
}

/// What of a step's records is kept for templates and lookups of later steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The last item: `steps.ID.item`.
    pub last: bool,
    /// All items: `steps.ID.items`, or a lookup.
    pub all: bool,
}
