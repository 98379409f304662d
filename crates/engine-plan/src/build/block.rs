//! Blocks: who takes whose stream, who waits for whom, and what leaves.

use engine_spec as spec;

use super::step::Spot;
use super::{Builder, sink_order};
use crate::check::{At, StepUse};
use crate::place;
use crate::plan::{Block, Items, Source, Step, Target};

impl Builder<'_> {
    /// Makes the steps of the flow itself, whose streams are printed.
    pub(super) fn flow(&self, steps: &[spec::Step], at: At<'_>) -> Option<Block> {
        let mut steps = self.steps(steps, at, "")?;
        for step in &mut steps {
            step.printed = prints(step);
        }
        Some(Block::new(steps))
    }

    /// Makes steps that follow each other; this is their address.
    pub(super) fn block(&self, steps: &[spec::Step], at: At<'_>, block: &str) -> Option<Block> {
        Some(Block::new(self.steps(steps, at, block)?))
    }

    /// Makes the steps of an endpoint: what leaves are the streams that no other of them takes.
    pub(super) fn composed(&self, steps: &[spec::Step], at: At<'_>, block: &str) -> Option<Block> {
        let mut steps = self.steps(steps, at, block)?;
        for step in &mut steps {
            step.leaves = goes(step);
        }
        Some(Block::new(steps))
    }

    /// Makes steps that follow each other, of which the last hands on.
    fn steps(&self, steps: &[spec::Step], at: At<'_>, block: &str) -> Option<Vec<Step>> {
        let ids = place::ids(steps);
        let aligned = at.node().is_some_and(|node| node.items().len() == steps.len());
        let make = |(index, step)| {
            let at = if aligned { at.item(index) } else { At::default() };
            let id = ids.get(index)?.clone();
            self.step(step, at, &Spot { path: place::step_in(block, &id), id, index, ids: &ids })
        };
        let mut steps: Vec<Step> = steps.iter().enumerate().map(make).collect::<Option<_>>()?;
        connect(&mut steps, self.uses.get(block).map(Vec::as_slice).unwrap_or_default());
        sink_order::order(&mut steps);
        if let Some(last) = steps.last_mut() {
            last.leaves = true;
        }
        Some(steps)
    }
}

/// Says of every step who takes its stream, and whom it waits for.
fn connect(steps: &mut [Step], uses: &[StepUse]) {
    let taken: Vec<(usize, usize)> = steps
        .iter()
        .filter_map(|step| match step.for_each() {
            Some(Items::Step(of)) => Some((step.index, *of)),
            _ => None,
        })
        .collect();
    for (by, of) in taken {
        if let Some(step) = steps.get_mut(of) {
            step.consumers.push(by);
        }
    }
    for one in uses {
        if let Some(by) = one.by
            && let Some(step) = steps.get_mut(by)
            && !step.waits_for.contains(&one.of)
        {
            step.waits_for.push(one.of);
        }
        if let Some(step) = steps.get_mut(one.of) {
            step.kept.last |= one.last;
            step.kept.all |= one.all;
        }
    }
}

/// Returns whether the stream of a step of a flow is printed.
pub(crate) fn prints(step: &Step) -> bool {
    goes(step) && !writes(step)
}

/// Returns whether all that a step hands on was written: by itself, by each of its cases, or by the last step within it.
fn writes(step: &Step) -> bool {
    match &step.target {
        Target::Write(_) => true,
        Target::Switch(cases) => cases.iter().all(|case| writes(&case.step)),
        Target::Steps(block) => block.last().is_some_and(|step| writes(step)),
        _ => false,
    }
}

/// Returns whether a step has a stream that goes nowhere within its block.
fn goes(step: &Step) -> bool {
    let hands_on = match &step.target {
        Target::Fail(_) | Target::Parallel(_) => false,
        // A message alone is no stream, and no more is a pause.
        Target::Log(_) | Target::Wait(_) => !matches!(step.source, Source::Once) || step.explode.is_some(),
        Target::None => !matches!(step.source, Source::Once) || step.explode.is_some() || step.map.is_some(),
        Target::Switch(_) | Target::Steps(_) => gives(step),
        Target::Call(_) | Target::Composite(_) | Target::Flow(_) | Target::Write(_) => true,
    };
    hands_on && step.consumers.is_empty() && !step.kept.last && !step.kept.all
}

/// Returns whether what is within a step hands on anything but the item that it was given.
fn gives(step: &Step) -> bool {
    !matches!(step.source, Source::Once)
        || step.explode.is_some()
        || step.map.is_some()
        || match &step.target {
            Target::Switch(cases) => cases.iter().any(|case| gives(&case.step)),
            Target::Steps(block) => block.last().is_some_and(|step| gives(step)),
            Target::Call(_) | Target::Composite(_) | Target::Flow(_) => true,
            _ => false,
        }
}
