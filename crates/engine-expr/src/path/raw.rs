//! Singular paths over the text of a record: one pass, no tree.

use std::ops::Range;
use std::sync::Arc;

use super::Segment;
use crate::json::{JsonError, Scanner, Start};

/// The singular paths that a plan needs from each record, gathered once per plan.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    root: Branch,
    slots: usize,
}

#[derive(Clone, Debug, Default)]
struct Branch {
    slot: Option<usize>,
    names: Vec<(Arc<str>, Branch)>,
    indexes: Vec<(usize, Branch)>,
}

/// Where the wanted values lie in the text of one record. Used again for the next record.
#[derive(Clone, Debug, Default)]
pub struct Slots(Vec<Range<usize>>);

/// A range that no value has: a value is at least one byte long.
const MISSING: Range<usize> = 0..0;

impl Slots {
    /// Returns the text of a value, if the record has it.
    pub fn get<'a>(&self, slot: usize, record: &'a str) -> Option<&'a str> {
        let range = self.0.get(slot)?;
        if range.is_empty() { None } else { record.get(range.clone()) }
    }

    /// Returns where in the record's text a value lies.
    pub fn range(&self, slot: usize) -> Option<Range<usize>> {
        self.0.get(slot).filter(|range| !range.is_empty()).cloned()
    }
}

impl Wanted {
    /// Makes a set that wants nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a path and returns its slot; `None` for a path that counts from the end of a list.
    pub fn add(&mut self, path: &[Segment]) -> Option<usize> {
        let mut branch = &mut self.root;
        if path.iter().any(|segment| matches!(segment, Segment::Index(index) if *index < 0)) {
            return None;
        }
        for segment in path {
            branch = match segment {
                Segment::Name(name) => find_or_add(&mut branch.names, |known| known == name, || Arc::clone(name)),
                Segment::Index(index) => {
                    let index = usize::try_from(*index).ok()?;
                    find_or_add(&mut branch.indexes, |known| *known == index, || index)
                }
            };
        }
        Some(*branch.slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        }))
    }

    /// Returns how many slots there are.
    pub fn len(&self) -> usize {
        self.slots
    }

    /// Tells whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.slots == 0
    }

    /// Finds every wanted value in the text of a record.
    ///
    /// # Errors
    ///
    /// Tells where the text is not JSON.
    pub fn fill(&self, record: &str, slots: &mut Slots) -> Result<(), JsonError> {
        slots.0.clear();
        slots.0.resize(self.slots, MISSING);
        self.root.fill(&mut Scanner::new(record), slots)
    }
}

fn find_or_add<K>(branches: &mut Vec<(K, Branch)>, is: impl Fn(&K) -> bool, key: impl FnOnce() -> K) -> &mut Branch {
    let at = branches.iter().position(|(known, _)| is(known)).unwrap_or_else(|| {
        branches.push((key(), Branch::default()));
        branches.len() - 1
    });
    &mut branches[at].1
}

impl Branch {
    fn fill(&self, scanner: &mut Scanner<'_>, slots: &mut Slots) -> Result<(), JsonError> {
        let start = scanner.start()?;
        let begin = scanner.at();
        match start {
            Start::Object if !self.names.is_empty() => self.fill_members(scanner, slots)?,
            Start::List if !self.indexes.is_empty() => self.fill_items(scanner, slots)?,
            _ => scanner.skip()?,
        }
        if let Some(slot) = self.slot {
            slots.0[slot] = begin..scanner.at();
        }
        Ok(())
    }

    fn fill_members(&self, scanner: &mut Scanner<'_>, slots: &mut Slots) -> Result<(), JsonError> {
        // Records of one API have their members in one order, so the next wanted name is most often the one after the last.
        let mut next = 0;
        scanner.object_raw(|scanner, name| {
            let raw = scanner.slice(name.clone());
            let found = if memchr::memchr(b'\\', raw.as_bytes()).is_some() {
                let name = scanner.unescape(name)?;
                self.names.iter().position(|(known, _)| **known == *name)
            } else {
                match self.names.get(next) {
                    Some((known, _)) if **known == *raw => Some(next),
                    _ => self.names.iter().position(|(known, _)| **known == *raw),
                }
            };
            let Some(at) = found else { return scanner.skip() };
            next = at + 1;
            let branch = &self.names[at].1;
            // A name that comes twice: the last one counts, with all that is below it.
            branch.forget(slots);
            branch.fill(scanner, slots)
        })
    }

    fn fill_items(&self, scanner: &mut Scanner<'_>, slots: &mut Slots) -> Result<(), JsonError> {
        let mut index = 0;
        scanner.list(|scanner| {
            let branch = self.indexes.iter().find(|(wanted, _)| *wanted == index);
            index += 1;
            match branch {
                Some((_, branch)) => branch.fill(scanner, slots),
                None => scanner.skip(),
            }
        })
    }

    fn forget(&self, slots: &mut Slots) {
        for (_, branch) in &self.names {
            branch.forget(slots);
        }
        for (_, branch) in &self.indexes {
            branch.forget(slots);
        }
        if let Some(slot) = self.slot {
            slots.0[slot] = MISSING;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(paths: &[&str], record: &str, expected: &[Option<&str>]) {
        let mut wanted = Wanted::new();
        let slots: Vec<usize> = paths
            .iter()
            .map(|path| wanted.add(super::super::JsonPath::new(*path, engine_source::Span::default()).singular().unwrap()).unwrap())
            .collect();
        let mut found = Slots::default();
        wanted.fill(record, &mut found).unwrap();
        let found: Vec<Option<&str>> = slots.iter().map(|slot| found.get(*slot, record)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn finds_members_below_members_and_items() {
        check(
            &["$.a", "$.b.c", "$.l[1].x", "$.none", "$.b"],
            r#"{"x": 1, "a": 19.90, "b": {"d": [], "c": "q\"x"}, "l": [1, {"x": null}]}"#,
            &[Some("19.90"), Some("\"q\\\"x\""), Some("null"), None, Some("{\"d\": [], \"c\": \"q\\\"x\"}")],
        );
    }

    #[test]
    fn takes_the_last_of_two_members_of_one_name() {
        check(&["$.a.b", "$.a.c"], r#"{"a": {"b": 1}, "a": {"c": 2}}"#, &[None, Some("2")]);
    }

    #[test]
    fn reads_escaped_names_and_other_shapes() {
        check(&["$['a\"b']", "$.s.t"], r#"{"a\"b": true, "s": 5}"#, &[Some("true"), None]);
        check(&["$"], " [1] ", &[Some("[1]")]);
    }
}
