//! What a block of steps does its work for: the item of the step that it is within.

use std::sync::Arc;

use crate::item::Item;
use crate::letter::{KeptItem, KeptWithin};
use crate::site::Site;

/// A step around others, and the item that it works on.
#[derive(Clone)]
pub(crate) struct Around {
    /// The address of the step, or of its case.
    address: Arc<str>,
    /// The item: the members of a batch.
    pub(crate) items: Arc<[Item]>,
    is_batch: bool,
    /// How often what was done for it was undone.
    again: Arc<str>,
}

impl Around {
    /// Says for which item a step does its work.
    pub(crate) fn new(site: &Site, item: &Item) -> Self {
        Self {
            address: Arc::clone(site.address()),
            items: site.members(item).into(),
            is_batch: site.step.batch.is_some(),
            again: site.again(item),
        }
    }

    /// Writes it down.
    pub(crate) fn kept(&self) -> KeptWithin {
        KeptWithin {
            step: self.address.to_string(),
            items: self.items.iter().map(KeptItem::taken).collect(),
            is_batch: self.is_batch,
            again: self.again.to_string(),
        }
    }
}
