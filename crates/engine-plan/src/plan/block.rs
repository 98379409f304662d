//! Steps that follow each other.

use std::ops::Deref;
use std::slice::Iter;
use std::sync::Arc;

use super::step::Step;

/// Steps that follow each other: a flow, the steps for each item, a branch. The numbers in its steps are their places in it.
#[derive(Clone, Debug, Default)]
pub struct Block(Vec<Arc<Step>>);

impl Block {
    /// Makes a block of its steps.
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self(steps.into_iter().map(Arc::new).collect())
    }

    /// Returns a step by its id.
    pub fn step(&self, id: &str) -> Option<&Arc<Step>> {
        self.0.iter().find(|step| step.id == id)
    }

    /// Goes over its steps and all that are within them, each before those within it.
    pub fn walk(&self, visit: &mut dyn FnMut(&Arc<Step>)) {
        for step in &self.0 {
            walk(step, visit);
        }
    }
}

/// Goes over a step and all that are within it.
fn walk(step: &Arc<Step>, visit: &mut dyn FnMut(&Arc<Step>)) {
    visit(step);
    for case in step.cases() {
        walk(&case.step, visit);
    }
    for block in step.blocks() {
        block.walk(visit);
    }
}

impl Deref for Block {
    type Target = [Arc<Step>];

    fn deref(&self) -> &[Arc<Step>] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Block {
    type Item = &'a Arc<Step>;
    type IntoIter = Iter<'a, Arc<Step>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
