//! What one reading of a tree collects.

use std::cell::{Cell, RefCell};

use crate::finding::Finding;

/// What one reading of a tree collects.
#[derive(Default)]
pub(super) struct Context {
    /// Findings after which reading goes on.
    pub(super) notes: RefCell<Vec<Finding>>,
    /// Values that cannot be read.
    pub(super) failures: RefCell<Vec<Failure>>,
    /// How many values were looked at.
    pub(super) seen: Cell<u64>,
}

/// A value that cannot be read.
pub(super) struct Failure {
    /// What to say about it; nothing where it fails for want of what failed before.
    pub(super) finding: Option<Finding>,
    /// Its place in the tree, as indexes from the root.
    pub(super) path: Vec<u32>,
}

/// The way from the root to a value, kept on the stack.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    parent: Option<&'p Self>,
    index: u32,
}

impl<'p> Place<'p> {
    pub(super) fn root() -> Self {
        Self { parent: None, index: 0 }
    }

    pub(super) fn child(parent: &'p Self, index: usize) -> Self {
        Self { parent: Some(parent), index: crate::span::offset(index) }
    }

    pub(super) fn is_root(&self) -> bool {
        self.parent.is_none()
    }

    /// Returns the indexes from the root.
    pub(super) fn path(&self) -> Vec<u32> {
        let mut path = Vec::new();
        let mut place = self;
        while let Some(parent) = place.parent {
            path.push(place.index);
            place = parent;
        }
        path.reverse();
        path
    }
}
