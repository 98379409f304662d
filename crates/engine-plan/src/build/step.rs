//! Steps: how they shape their items, and what becomes of those that fail.

use engine_spec as spec;
use engine_spec::BatchSize;

use super::Builder;
use crate::check::At;
use crate::place;
use crate::plan::{Batch, Block, Expect, Kept, OnError, Source, Step, Target, Validate};

/// Where a step stands.
pub(super) struct Spot<'s> {
    /// Its id.
    pub(super) id: String,
    /// Its address.
    pub(super) path: String,
    /// Its number in its block.
    pub(super) index: usize,
    /// The ids of all steps of its block.
    pub(super) ids: &'s [String],
}

impl Builder<'_> {
    /// Makes a step.
    pub(super) fn step(&self, step: &spec::Step, at: At<'_>, spot: &Spot<'_>) -> Option<Step> {
        let uid = self.number();
        let map = self.mapping(step.map.as_ref()).ok()?;
        let validate = match &step.validate {
            None => None,
            Some(it) => Some(Validate {
                schema: self.schema(it.schema.as_ref()).ok()?,
                rules: it.rules.clone(),
                on_invalid: it.on_invalid.unwrap_or_default(),
            }),
        };
        let expect = match &step.expect {
            None => None,
            Some(it) => Some(Expect {
                status: it.status.iter().flatten().cloned().collect(),
                schema: self.schema(it.schema.as_ref()).ok()?,
                rules: it.rules.clone(),
            }),
        };
        let span = step.id.as_ref().map_or_else(|| at.span(), spec::Name::span);
        Some(Step {
            id: spot.id.clone(),
            path: spot.path.clone(),
            uid,
            index: spot.index,
            span,
            when: step.when.clone(),
            source: self.source(step, spot)?,
            explode: step.explode.clone(),
            vars: step.vars.clone().into_map(),
            filter: step.filter.clone(),
            map,
            validate,
            batch: step.batch.as_ref().map(batch),
            results: step.results.clone(),
            target: self.target(step, at, &spot.path)?,
            expect,
            extract: self.mapping(step.extract.as_ref()).ok()?,
            concurrency: step.concurrency.clone(),
            on_error: self.on_error(step.on_error.as_ref(), at.get("on_error"), &spot.path)?,
            consumers: Vec::new(),
            printed: false,
            leaves: false,
            waits_for: Vec::new(),
            reads_after: Vec::new(),
            kept: Kept::default(),
            is_implied: false,
            is_cut: false,
        })
    }

    /// Reads all that can be read: what a spec without steps does.
    pub(super) fn everything(&self) -> Block {
        let Some((reads, span)) = self.readable() else { return Block::default() };
        Block::new(vec![Step {
            id: "step_1".to_owned(),
            path: "step_1".to_owned(),
            uid: self.number(),
            index: 0,
            span,
            when: None,
            source: Source::Read { over: None, reads },
            explode: None,
            vars: engine_source::Map::new(),
            filter: None,
            map: None,
            validate: None,
            batch: None,
            results: None,
            target: Target::None,
            expect: None,
            extract: None,
            concurrency: None,
            on_error: OnError::default(),
            consumers: Vec::new(),
            printed: true,
            leaves: true,
            waits_for: Vec::new(),
            reads_after: Vec::new(),
            kept: Kept::default(),
            is_implied: true,
            is_cut: false,
        }])
    }

    fn on_error(&self, on_error: Option<&spec::OnError>, at: At<'_>, path: &str) -> Option<OnError> {
        let Some(on_error) = on_error else { return Some(OnError::default()) };
        let long = on_error.long();
        let steps = long.map(|long| long.steps.as_slice()).unwrap_or_default();
        Some(OnError {
            action: on_error.action(),
            retry: long.and_then(|long| long.retry.clone()),
            steps: self.block(steps, at.get("steps"), &place::undoing(path))?,
        })
    }
}

fn batch(batch: &spec::Batch) -> Batch {
    match batch {
        spec::Batch::Size(size) => Batch { size: size.clone(), bytes: None, within: None },
        spec::Batch::Limits(limits) => Batch {
            size: limits.size.clone().unwrap_or(BatchSize::All),
            bytes: limits.bytes.clone(),
            within: limits.within.clone(),
        },
    }
}
