//! A part of a flow: some of its steps, and what they take from.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine_source::{Finding, similar, suggest};

use super::Plan;
use super::block::Block;
use super::source::{Items, Reading, Source};
use super::step::{Kept, Step};
use crate::build::prints;

impl Plan {
    /// Returns the plan of some steps of the flow, and of those that they take from or name. Where the spec has no steps, they are
    /// endpoints: `API.ENDPOINT`. Steps for a failure and for the end are left out.
    ///
    /// # Errors
    ///
    /// Says of the first name that is not known what may have been meant.
    pub fn only(&self, names: &[String]) -> Result<Self, Box<Finding>> {
        let steps = if self.is_of_endpoints() { self.endpoints_only(names) } else { self.steps_only(names) }?;
        Ok(Self { steps, on_failure: Block::default(), finally: Block::default(), ..self.clone() })
    }

    /// Returns whether the spec has no steps: its only one reads all that can be read.
    fn is_of_endpoints(&self) -> bool {
        self.steps.first().is_none_or(|step| step.is_implied)
    }

    fn steps_only(&self, names: &[String]) -> Result<Block, Box<Finding>> {
        let ids = || self.steps.iter().map(|step| step.id.as_str());
        let index = |name: &String| {
            let found = self.steps.iter().position(|step| step.id == *name);
            found.ok_or_else(|| Box::new(unknown("step", name, ids())))
        };
        let mut wanted = names.iter().map(index).collect::<Result<Vec<usize>, _>>()?;
        let mut chosen = BTreeSet::new();
        while let Some(index) = wanted.pop() {
            let Some(step) = self.steps.get(index).filter(|_| chosen.insert(index)) else { continue };
            wanted.extend(&step.waits_for);
            if let Some(Items::Step(of)) = step.for_each() {
                wanted.push(*of);
            }
        }
        Ok(self.part(&chosen.into_iter().collect::<Vec<_>>()))
    }

    /// Returns these steps, numbered anew.
    fn part(&self, chosen: &[usize]) -> Block {
        let number = |old: &usize| chosen.iter().position(|index| index == old);
        let numbers = |olds: &[usize]| olds.iter().filter_map(number).collect::<Vec<_>>();
        let users: Vec<&Arc<Step>> = chosen.iter().filter_map(|index| self.steps.get(*index)).collect();
        let steps = users.iter().enumerate().map(|(index, step)| {
            let is_named = users.iter().any(|user| user.waits_for.contains(&step.index));
            let takes =
                |other: &&Arc<Step>| step.consumers.contains(&other.index) || other.waits_for.contains(&step.index);
            let mut part = Step::clone(step);
            // What nobody here names is kept for what comes after the flow.
            part.is_cut = self.steps.iter().filter(takes).any(|other| !chosen.contains(&other.index))
                || (!is_named && (step.kept.all || step.kept.last));
            part.index = index;
            part.source = renumbered(&step.source, &number);
            part.consumers = numbers(&step.consumers);
            part.waits_for = numbers(&step.waits_for);
            part.reads_after = numbers(&step.reads_after);
            part.kept = if is_named { step.kept } else { Kept::default() };
            part.leaves = index + 1 == users.len();
            part.printed = prints(&part);
            part
        });
        Block::new(steps.collect())
    }

    fn endpoints_only(&self, names: &[String]) -> Result<Block, Box<Finding>> {
        let all = self.steps.first();
        let readings = all.map(|step| step.reads()).unwrap_or_default();
        let ids: Vec<String> = readings.iter().map(|reading| self.id_of(reading)).collect();
        let reading = |name: &String| match readings.iter().zip(&ids).find(|(_, id)| *id == name) {
            Some((reading, _)) => Ok(reading.clone()),
            None if self.endpoint(name).is_some() || self.composite(name).is_some() => Err(Box::new(
                Finding::error("not-readable", format!("`{name}` has no records that can be read without params"))
                    .help("write a spec with a step that reads or calls it"),
            )),
            None => Err(Box::new(unknown("endpoint", name, ids.iter().map(String::as_str)))),
        };
        let reads = names.iter().map(reading).collect::<Result<Vec<Reading>, _>>()?;
        let step = all.map(|step| Step { source: Source::Read { over: None, reads }, ..Step::clone(step) });
        Ok(Block::new(step.into_iter().collect()))
    }

    fn id_of(&self, reading: &Reading) -> String {
        match reading {
            Reading::Endpoint(read) => read.endpoint.id(),
            Reading::Composite(read) => self.composites.get(read.composite).map(|it| it.id()).unwrap_or_default(),
        }
    }
}

/// Says that nothing has this name.
fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone) -> Finding {
    let message = format!("there is no {what} `{name}`");
    let code = if what == "step" { "undefined-step" } else { "undefined-endpoint" };
    let bare = || known.clone().find(|id| id.split_once('.').is_some_and(|(_, endpoint)| endpoint == name));
    let close = similar(name, known.clone()).or_else(bare);
    let help = match close {
        Some(close) => Some(format!("did you mean `{close}`?")),
        None => suggest(name, known),
    };
    Finding::error(code, message).help_if(help)
}

fn renumbered(source: &Source, number: &dyn Fn(&usize) -> Option<usize>) -> Source {
    let items = |items: &Items| match items {
        Items::Step(of) => Items::Step(number(of).unwrap_or(*of)),
        other => other.clone(),
    };
    match source {
        Source::Items(from) => Source::Items(items(from)),
        Source::Read { over, reads } => Source::Read { over: over.as_ref().map(items), reads: reads.clone() },
        Source::Sink { over, read } => Source::Sink { over: over.as_ref().map(items), read: read.clone() },
        Source::Once => Source::Once,
    }
}
