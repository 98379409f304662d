//! The members of an element, written as JSON while they come: several of one name are a list where the first stands.

use std::collections::HashMap;
use std::hash::BuildHasher;

use engine_expr::write_string;
use foldhash::fast::RandomState;

/// Up to how many names are compared one by one.
const FEW: usize = 16;

/// How many bytes an element may have as JSON.
const MAX: usize = u32::MAX as usize;

/// Attributes and children.
#[derive(Default)]
pub(super) struct Members {
    /// For each name in turn: the name, a colon, and the first value.
    text: Vec<u8>,
    places: Vec<Place>,
    /// The values after the first, of those names that have several; each follows a comma.
    more: Vec<Vec<u8>>,
    /// Finds places by the hash of the name, once there are more than a few.
    known: HashMap<u64, u32, RandomState>,
}

/// A name, its first value, and where the others are. The places are smaller than the smallest element.
struct Place {
    name: u32,
    value: u32,
    /// The number of its further values in `more`, from 1.
    more: u32,
    is_list: bool,
}

/// An element is larger than it may be.
#[derive(Debug)]
pub(super) struct TooLarge;

impl Members {
    /// Tells whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a value, which `write` writes; tells whether it is the first of its name. Where it `is_list`, it is a list also if no other comes.
    pub(super) fn add(
        &mut self,
        name: &str,
        is_list: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<bool, TooLarge> {
        let at = self.text.len();
        write_string(name, &mut self.text);
        let hash = self.hash(at);
        if let Some(found) = self.find(hash, at) {
            self.text.truncate(at);
            let count = u32::try_from(self.more.len()).map_err(|_| TooLarge)?;
            let Some(place) = self.places.get_mut(found) else { return Ok(false) };
            if place.more == 0 {
                place.more = count + 1;
                self.more.push(Vec::new());
            }
            if let Some(more) = self.more.get_mut(place.more as usize - 1) {
                more.push(b',');
                write(more);
            }
            return Ok(false);
        }
        self.text.push(b':');
        let value = self.text.len();
        write(&mut self.text);
        if self.text.len() > MAX {
            return Err(TooLarge);
        }
        let number = |at: usize| u32::try_from(at).map_err(|_| TooLarge);
        self.places.push(Place { name: number(at)?, value: number(value)?, more: 0, is_list });
        if self.places.len() > FEW {
            self.learn(hash)?;
        }
        Ok(true)
    }

    /// Writes the members, parted by commas.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let ends = self.places.iter().skip(1).map(|place| place.name as usize).chain([self.text.len()]);
        for (at, (place, end)) in self.places.iter().zip(ends).enumerate() {
            let (name, value) = (place.name as usize, place.value as usize);
            let more = (place.more as usize).checked_sub(1).and_then(|more| self.more.get(more));
            let is_list = place.is_list || more.is_some();
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(self.text.get(name..value).unwrap_or_default());
            if is_list {
                out.push(b'[');
            }
            out.extend_from_slice(self.text.get(value..end).unwrap_or_default());
            if let Some(more) = more {
                out.extend_from_slice(more);
            }
            if is_list {
                out.push(b']');
            }
        }
    }

    fn hash(&self, at: usize) -> u64 {
        if self.places.len() < FEW {
            return 0;
        }
        self.known.hasher().hash_one(self.text.get(at..).unwrap_or_default())
    }

    /// Finds the place of the name that stands at the end of the text.
    fn find(&self, hash: u64, at: usize) -> Option<usize> {
        let is_it = |place: &Place| {
            let known = self.text.get(place.name as usize..(place.value as usize).saturating_sub(1));
            known == self.text.get(at..)
        };
        if self.known.is_empty() {
            return self.places.iter().position(is_it);
        }
        let mut hash = hash;
        loop {
            let found = *self.known.get(&hash)? as usize;
            if self.places.get(found).is_some_and(is_it) {
                return Some(found);
            }
            // Two names of one hash: the second is one further on.
            hash = hash.wrapping_add(1);
        }
    }

    /// Takes the last place, or all of them if it is the first time, into what is found by hash.
    fn learn(&mut self, hash: u64) -> Result<(), TooLarge> {
        if self.known.is_empty() {
            for at in 0..self.places.len() {
                let hash = self.places.get(at).map(|place| {
                    let name = self.text.get(place.name as usize..(place.value as usize).saturating_sub(1));
                    self.known.hasher().hash_one(name.unwrap_or_default())
                });
                self.put(hash.unwrap_or_default(), at)?;
            }
            return Ok(());
        }
        self.put(hash, self.places.len() - 1)
    }

    fn put(&mut self, mut hash: u64, at: usize) -> Result<(), TooLarge> {
        while self.known.contains_key(&hash) {
            hash = hash.wrapping_add(1);
        }
        self.known.insert(hash, u32::try_from(at).map_err(|_| TooLarge)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn gathers_values_by_name_however_many_there_are() {
        for names in [2, FEW - 1, FEW, FEW + 1, 100] {
            let mut members = Members::default();
            for round in 0..3 {
                for name in 0..names {
                    let write = |out: &mut Vec<u8>| {
                        out.extend_from_slice(round.to_string().as_bytes());
                    };
                    assert_eq!(members.add(&format!("n\"{name}"), name == 1, write).unwrap(), round == 0);
                }
            }
            assert!(members.add("one", true, |out| out.push(b'1')).unwrap());
            let mut out = Vec::new();
            members.write(&mut out);
            let expected: Vec<String> = (0..names).map(|name| format!("\"n\\\"{name}\":[0,1,2]")).collect();
            assert_eq!(String::from_utf8(out).unwrap(), format!("{},\"one\":[1]", expected.join(",")));
        }
    }
}
