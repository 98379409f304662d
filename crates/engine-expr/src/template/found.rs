//! Finds what a use of a name stands for in a scope.

use super::NameUse;
use crate::scope::{PARENTS, Scope};
use crate::value::Value;

/// The names that stand for what came as JSON, where there are no secrets.
const PLAIN: [&str; 6] = ["item", "original", "parent", "batch", "inputs", "stream"];

/// What the first parts of a path stand for.
pub(super) struct Found<'s> {
    pub(super) value: &'s Value,
    /// How many parts of the path there are that lead to it.
    pub(super) parts: usize,
}

impl NameUse {
    /// Returns how many items up a use of `parent` goes: 2 for `parent.parent.id`, 0 for any other name.
    pub fn parents(&self) -> usize {
        self.path.iter().take(PARENTS.len()).take_while(|part| &***part == "parent").count()
    }

    /// Returns the name under which the scope has it, and how many parts of the path that name is.
    pub(super) fn bound(&self) -> (&str, usize) {
        match self.parents() {
            0 => (self.root(), 1),
            parents => (PARENTS[parents - 1], parents),
        }
    }

    /// Follows the path as far as there are members.
    pub(super) fn find<'s>(&self, scope: &'s Scope) -> Option<Found<'s>> {
        let (name, bound) = self.bound();
        let mut found = Found { value: scope.get(name)?, parts: bound };
        for member in self.path.iter().skip(bound) {
            match found.value.get(member) {
                Some(value) => found = Found { value, parts: found.parts + 1 },
                None => break,
            }
        }
        Some(found)
    }

    /// Tells whether the name may stand for a secret.
    pub(super) fn may_be_secret(&self) -> bool {
        !PLAIN.contains(&self.root())
    }
}
