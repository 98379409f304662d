//! Where a dead letter goes through again: its step, and those around it, outermost first.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine_plan::{Block, Plan, Step, Target};
use engine_spec::WriteMode;

use crate::letter::Letter;

/// Why a letter can't be sent again, and what to do.
pub(super) type Why = (String, &'static str);

/// A step that runs again, in its block.
pub(super) struct Place {
    /// Its address.
    pub(super) address: String,
    /// The addresses of what runs with it: itself, and the steps that take what comes of it.
    pub(super) reached: Vec<String>,
}

/// Some steps, and what comes before their paths.
struct Steps<'p> {
    plan: &'p Plan,
    block: &'p Block,
    prefix: Option<String>,
    /// The endpoints made of steps around them, with what comes before the paths of theirs.
    uses: Vec<(usize, String)>,
}

/// Finds the step of a letter and those around it.
pub(super) fn places(plan: &Plan, letter: &Letter) -> Result<Vec<Place>, Why> {
    let content = letter.content();
    let mut around = vec![Steps { plan, block: &plan.steps, prefix: None, uses: Vec::new() }];
    let mut places = Vec::new();
    let addresses = content.within.iter().map(|within| &within.step).chain([&content.step]);
    for address in addresses {
        let found = around.iter().find_map(|steps| Some((steps, steps.find(address)?)));
        let Some((steps, (step, own))) = found else { return Err(unknown(letter)) };
        let reached = steps.reached(step)?;
        places.push(Place { address: steps.address(step), reached });
        around = steps.below(own, address);
    }
    Ok(places)
}

fn unknown(letter: &Letter) -> Why {
    let address = letter.step();
    if address.contains('/') && letter.content().within.is_empty() {
        let text = format!("step `{address}` is within another, and is not run without it");
        let help = "put it right by hand, then `drop` it; with `on_error: dead_letter` at the outermost step the whole item is kept, and can be sent again";
        return (text, help);
    }
    let text = format!("the flow has no step `{address}` any more");
    (text, "give the step its name of then, or put it right by hand and `drop` it")
}

impl<'p> Steps<'p> {
    fn address(&self, step: &Step) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}/{}", step.path),
            None => step.path.clone(),
        }
    }

    /// Finds the step of an address, and the case of it that has this address, if it is one's.
    fn find(&self, address: &str) -> Option<(&'p Step, &'p Step)> {
        self.block.iter().find_map(|step| Some((&**step, self.own(step, address)?)))
    }

    fn own(&self, step: &'p Step, address: &str) -> Option<&'p Step> {
        if self.address(step) == address {
            return Some(step);
        }
        step.cases().iter().find_map(|case| self.own(&case.step, address))
    }

    /// Returns the steps that run for an item of a step at an address.
    fn below(&self, step: &'p Step, address: &str) -> Vec<Self> {
        let same = |block| Self { plan: self.plan, block, prefix: self.prefix.clone(), uses: self.uses.clone() };
        match &step.target {
            Target::Steps(block) => vec![same(block)],
            Target::Parallel(branches) => branches.iter().map(same).collect(),
            Target::Flow(call) => {
                let prefix = Some(address.to_owned());
                vec![Self { plan: &call.plan, block: &call.plan.steps, prefix, uses: Vec::new() }]
            }
            Target::Composite(call) => {
                let Some(composite) = self.plan.composites.get(call.composite) else { return Vec::new() };
                let mut uses = self.uses.clone();
                let known = uses.iter().find(|(index, _)| *index == call.composite);
                let prefix = known.map_or_else(|| address.to_owned(), |(_, prefix)| prefix.clone());
                uses.push((call.composite, prefix.clone()));
                vec![Self { plan: self.plan, block: &composite.steps, prefix: Some(prefix), uses }]
            }
            _ => Vec::new(),
        }
    }

    /// Returns the addresses of a step and of those that take what comes of it.
    fn reached(&self, step: &Step) -> Result<Vec<String>, Why> {
        let mut todo = vec![step.index];
        let mut found = BTreeSet::new();
        while let Some(index) = todo.pop() {
            if found.insert(index) {
                todo.extend(self.block.get(index).into_iter().flat_map(|step| &step.consumers));
            }
        }
        let reached: Vec<&Arc<Step>> = found.into_iter().filter_map(|index| self.block.get(index)).collect();
        for step in &reached {
            let address = self.address(step);
            if let Some(other) = step.waits_for.first().and_then(|other| self.block.get(*other)) {
                let text =
                    format!("step `{address}` uses what step `{}` gave, which is not read again", self.address(other));
                return Err((text, "run the flow again, then `drop` it"));
            }
            if replaces(step) {
                let text = format!("step `{address}` replaces what is there, and would leave the letters alone");
                return Err((text, "run the flow again, then `drop` it"));
            }
        }
        Ok(reached.into_iter().map(|step| self.address(step)).collect())
    }
}

/// Tells whether a step, or one within it, replaces rows or files.
fn replaces(step: &Step) -> bool {
    let mut found = matches!(&step.target, Target::Write(write) if write.mode == Some(WriteMode::Replace));
    found |= step.cases().iter().any(|case| replaces(&case.step));
    for block in step.blocks() {
        block.walk(&mut |step| found |= replaces(step));
    }
    found
}
