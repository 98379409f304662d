//! Where the members that a mapping wants are among those of a record.

use std::sync::Arc;

/// Where they are; found anew only for records that have other members than those before.
#[derive(Default)]
pub(super) struct Places {
    names: Option<Arc<[Arc<str>]>>,
    /// For each slot, the place of its member.
    places: Vec<Option<usize>>,
}

impl Places {
    /// Finds the `wanted` members, one for each slot.
    pub(super) fn look_for(&mut self, wanted: &[Arc<str>], names: &Arc<[Arc<str>]>) {
        if self.names.as_ref().is_some_and(|known| Arc::ptr_eq(known, names)) {
            return;
        }
        // Of a name that comes twice the last one counts.
        let place = |wanted: &Arc<str>| names.iter().rposition(|name| name == wanted);
        self.places = wanted.iter().map(place).collect();
        self.names = Some(Arc::clone(names));
    }

    /// Returns the place of the member that a slot is.
    pub(super) fn of(&self, slot: usize) -> Option<usize> {
        self.places.get(slot).copied().flatten()
    }
}
