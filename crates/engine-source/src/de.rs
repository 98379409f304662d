//! Gives typed data out of a tree, and says all that is wrong with its shape in one go.
//!
//! serde stops at the first mistake. So a mistake is noted with its place, the value is broken off, and the tree is read
//! again, until nothing is left to say. What only fails since something was broken off is silent.

mod access;
mod context;
mod elsewhere;
mod error;
mod key;
mod value;
mod variant;
mod words;

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use self::context::{Context, Place};
use self::value::De;
use crate::findings::Findings;
use crate::node::Node;
use crate::source::Sources;

pub(crate) use self::error::is_noted;

/// How many values are looked at in all rounds over one document before no more mistakes are searched for.
const PATIENCE: u64 = 5_000_000;

impl Node {
    /// Gives the value as typed data.
    ///
    /// Notes every mistake of shape, not just the first, and gives nothing only where what is left without the wrong parts is
    /// no whole `T`. So a value may come back although there are errors: ask [`Findings::has_errors`].
    pub fn deserialize<T: DeserializeOwned>(&self, _sources: &Sources, findings: &mut Findings) -> Option<T> {
        let mut root = self.clone();
        let mut said = HashSet::new();
        let mut seen = 0;
        loop {
            if root.is_broken() {
                return None;
            }
            let context = Context::default();
            let place = Place::root();
            let result = {
                let de = De::new(&root, &place, &context);
                T::deserialize(de).map_err(|error| de.note(error))
            };
            for note in context.notes.take() {
                if said.insert((note.span(), note.code)) {
                    findings.push(note);
                }
            }
            let failures = context.failures.take();
            if failures.is_empty() {
                return result.ok();
            }
            for failure in failures {
                findings.extend(failure.finding);
                root = root.break_at(&failure.path);
            }
            seen += context.seen.get();
            if seen > PATIENCE {
                return None;
            }
        }
    }
}
