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
    lists: usize,
    /// What is wanted of each item of the list.
    item: Option<Box<Self>>,
}

#[derive(Clone, Debug, Default)]
struct Branch {
    slot: Option<usize>,
    list: bool,
    names: Vec<(Name, Self)>,
    indexes: Vec<(usize, Self)>,
}

/// The name of a member, with what tells it from most others.
#[derive(Clone, Debug)]
struct Name {
    text: Arc<str>,
    mark: Mark,
}

/// The length of a text and its first bytes: those of most names are all there are.
type Mark = (usize, u64);

/// Where the wanted values lie in the text of one record. Used again for the next record.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    found: Vec<Range<usize>>,
    /// Where in these the slots begin that are filled: for an item of the list, behind those of the items before it.
    begin: usize,
    items: Vec<Range<usize>>,
    shape: Option<Start>,
    lists: usize,
    rows: Vec<Range<usize>>,
}

/// A range that no value has: a value is at least one byte long.
const MISSING: Range<usize> = 0..0;

impl Slots {
    /// Returns the text of a value, if the record has it.
    pub fn get<'a>(&self, slot: usize, record: &'a str) -> Option<&'a str> {
        let range = self.found.get(slot)?;
        if range.is_empty() { None } else { record.get(range.clone()) }
    }

    /// Returns where the items of the wanted list lie.
    pub fn items(&self) -> &[Range<usize>] {
        &self.items
    }

    /// Takes what was wanted of the items: for each of them the ranges of its slots, one after another. An empty range is a value that is missing.
    pub fn take_rows(&mut self) -> Vec<Range<usize>> {
        // The next page has about as many.
        let next = Vec::with_capacity(self.rows.len());
        std::mem::replace(&mut self.rows, next)
    }

    /// Returns what stands where the wanted list was looked for; `None` if nothing does.
    pub fn list_shape(&self) -> Option<Start> {
        self.shape
    }

    /// Tells whether something stands more than once where the wanted list was looked for: of a name that comes twice the last
    /// one counts, but a list that is lost so is no trifle.
    pub fn list_repeats(&self) -> bool {
        self.lists > 1
    }

    /// Returns where in the record's text a value lies.
    pub fn range(&self, slot: usize) -> Option<Range<usize>> {
        self.found.get(slot).filter(|range| !range.is_empty()).cloned()
    }
}

impl Wanted {
    /// Makes a set that wants nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a path and returns its slot; `None` for a path that counts from the end of a list.
    pub fn add(&mut self, path: &[Segment]) -> Option<usize> {
        let next = self.slots;
        let slot = *self.branch(path)?.slot.get_or_insert(next);
        self.slots = next.max(slot + 1);
        Some(slot)
    }

    fn branch(&mut self, path: &[Segment]) -> Option<&mut Branch> {
        if path.iter().any(|segment| matches!(segment, Segment::Index(index) if *index < 0)) {
            return None;
        }
        let mut branch = &mut self.root;
        for segment in path {
            branch = match segment {
                Segment::Name(name) => {
                    let new = || Name { text: Arc::clone(name), mark: mark(name.as_bytes(), 0..name.len()) };
                    find_or_add(&mut branch.names, |known| known.text == *name, new)
                }
                Segment::Index(index) => {
                    let index = usize::try_from(*index).ok()?;
                    find_or_add(&mut branch.indexes, |known| *known == index, || index)
                }
            };
        }
        Some(branch)
    }

    /// Makes the list at `path` the one whose items are gathered; `false` for a path that counts from the end of a list.
    pub fn add_list(&mut self, path: &[Segment]) -> bool {
        match self.branch(path) {
            Some(branch) => branch.list = true,
            None => return false,
        }
        self.lists += 1;
        true
    }

    /// Makes `item` what is wanted of each item of the list: it is found in the same pass, see [`Slots::take_rows`].
    pub fn want_of_items(&mut self, item: Self) {
        self.item = Some(Box::new(item));
    }

    /// Returns how many slots there are.
    pub fn len(&self) -> usize {
        self.slots
    }

    /// Returns the member that each slot is, if all of them are members of the record itself and nothing else is wanted.
    pub fn members(&self) -> Option<Box<[Arc<str>]>> {
        let is_plain = |branch: &Branch| !branch.list && branch.indexes.is_empty();
        if !is_plain(&self.root) || self.root.slot.is_some() || self.item.is_some() {
            return None;
        }
        let mut members: Vec<Option<Arc<str>>> = vec![None; self.slots];
        for (name, branch) in &self.root.names {
            let slot = branch.slot.filter(|_| is_plain(branch) && branch.names.is_empty())?;
            *members.get_mut(slot)? = Some(Arc::clone(&name.text));
        }
        members.into_iter().collect()
    }

    /// Tells whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.slots == 0 && self.lists == 0
    }

    /// Finds every wanted value in the text of a record.
    ///
    /// # Errors
    ///
    /// Tells where the text is not JSON.
    pub fn fill(&self, record: &str, slots: &mut Slots) -> Result<(), JsonError> {
        slots.begin = 0;
        slots.found.clear();
        slots.found.resize(self.slots, MISSING);
        slots.items.clear();
        slots.rows.clear();
        slots.shape = None;
        slots.lists = 0;
        let mut scanner = Scanner::new(record);
        self.root.fill(&mut scanner, slots, self.item.as_deref())?;
        scanner.end()
    }
}

impl Wanted {
    /// Finds what is wanted of each item of the list at which the scanner stands.
    fn rows(&self, scanner: &mut Scanner<'_>, slots: &mut Slots) -> Result<(), JsonError> {
        // The rows are the slots for as long as they are filled.
        std::mem::swap(&mut slots.rows, &mut slots.found);
        let before = slots.begin;
        let filled = scanner.list(|scanner| {
            scanner.start()?;
            let begin = scanner.at();
            slots.begin = slots.found.len();
            slots.found.resize(slots.begin + self.slots, MISSING);
            self.root.fill(scanner, slots, None)?;
            slots.items.push(begin..scanner.at());
            Ok(())
        });
        slots.begin = before;
        std::mem::swap(&mut slots.rows, &mut slots.found);
        filled
    }
}

/// Returns what tells a name, at this place of a text, from most others.
#[inline]
fn mark(text: &[u8], name: Range<usize>) -> Mark {
    let length = name.len();
    let word = match text.get(name.start..).and_then(<[u8]>::first_chunk) {
        // What follows the name is none of it.
        Some(word) if length < 8 => u64::from_le_bytes(*word) & ((1 << (8 * length)) - 1),
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(text.get(name).unwrap_or_default()) {
                *to = *from;
            }
            u64::from_le_bytes(word)
        }
    };
    (length, word)
}

impl Name {
    /// Tells whether this is the name at a place of a text, of which the mark is given.
    #[inline]
    fn is(&self, mark: Mark, text: &[u8], name: &Range<usize>) -> bool {
        self.mark == mark && (mark.0 <= 8 || text.get(name.clone()) == Some(self.text.as_bytes()))
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
    fn fill(&self, scanner: &mut Scanner<'_>, slots: &mut Slots, item: Option<&Wanted>) -> Result<(), JsonError> {
        let start = scanner.start()?;
        let begin = scanner.at();
        if self.list {
            slots.shape = Some(start);
            slots.lists += 1;
            slots.items.clear();
            slots.rows.clear();
        }
        match start {
            Start::List if self.list => self.gather(scanner, slots, item)?,
            Start::Object if !self.names.is_empty() => self.fill_members(scanner, slots, item)?,
            Start::List if !self.indexes.is_empty() => self.fill_items(scanner, slots, item)?,
            _ => scanner.skip()?,
        }
        if let Some(slot) = self.slot {
            let at = slots.begin + slot;
            slots.found[at] = begin..scanner.at();
        }
        Ok(())
    }

    fn fill_members(
        &self,
        scanner: &mut Scanner<'_>,
        slots: &mut Slots,
        item: Option<&Wanted>,
    ) -> Result<(), JsonError> {
        // Records of one API have their members in one order, so the next wanted name is most often the one after the last.
        let mut next = 0;
        // Which names came, as far as there are bits for them.
        let mut seen = 0_u64;
        scanner.object_raw(|scanner, name| {
            let found = if scanner.is_escaped() {
                let name = scanner.unescape(name)?;
                self.names.iter().position(|(known, _)| *known.text == *name)
            } else {
                let text = scanner.text().as_bytes();
                let mark = mark(text, name.clone());
                match self.names.get(next) {
                    Some((known, _)) if known.is(mark, text, &name) => Some(next),
                    _ => self.names.iter().position(|(known, _)| known.is(mark, text, &name)),
                }
            };
            let Some(at) = found else {
                return scanner.skip();
            };
            next = at + 1;
            let branch = &self.names[at].1;
            // A name that comes twice: the last one counts, with all that is below it.
            let bit = u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0);
            if bit == 0 || seen & bit != 0 {
                branch.forget(slots);
            }
            seen |= bit;
            branch.fill(scanner, slots, item)
        })
    }

    fn fill_items(&self, scanner: &mut Scanner<'_>, slots: &mut Slots, item: Option<&Wanted>) -> Result<(), JsonError> {
        let mut index = 0;
        scanner.list(|scanner| {
            let branch = self.indexes.iter().find(|(wanted, _)| *wanted == index);
            index += 1;
            match branch {
                Some((_, branch)) => branch.fill(scanner, slots, item),
                None => scanner.skip(),
            }
        })
    }

    /// Gathers the items of the list. There are no rows where the page itself wants something of single items.
    fn gather(&self, scanner: &mut Scanner<'_>, slots: &mut Slots, item: Option<&Wanted>) -> Result<(), JsonError> {
        if let Some(item) = item.filter(|_| self.indexes.is_empty()) {
            return item.rows(scanner, slots);
        }
        let mut index = 0;
        scanner.list(|scanner| {
            scanner.start()?;
            let begin = scanner.at();
            match self.indexes.iter().find(|(wanted, _)| *wanted == index) {
                Some((_, branch)) => branch.fill(scanner, slots, None)?,
                None => scanner.skip()?,
            }
            index += 1;
            slots.items.push(begin..scanner.at());
            Ok(())
        })
    }

    fn forget(&self, slots: &mut Slots) {
        if self.list {
            slots.items.clear();
            slots.rows.clear();
            slots.shape = None;
        }
        for (_, branch) in &self.names {
            branch.forget(slots);
        }
        for (_, branch) in &self.indexes {
            branch.forget(slots);
        }
        if let Some(slot) = self.slot {
            let at = slots.begin + slot;
            slots.found[at] = MISSING;
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
            .map(|path| {
                wanted
                    .add(super::super::JsonPath::new(*path, engine_source::Span::default()).singular().unwrap())
                    .unwrap()
            })
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
    fn a_list_that_comes_twice_is_told() {
        let path = super::super::JsonPath::new("$.d.l", engine_source::Span::default());
        let mut wanted = Wanted::new();
        assert!(wanted.add_list(path.singular().unwrap()));
        let mut slots = Slots::default();
        for (record, repeats) in [
            (r#"{"d": {"l": [1]}}"#, false),
            (r#"{"d": {"l": [1], "l": []}}"#, true),
            (r#"{"d": {"l": [1]}, "d": {"l": [2]}}"#, true),
            (r#"{"d": {"k": [1], "k": [1]}}"#, false),
        ] {
            wanted.fill(record, &mut slots).unwrap();
            assert_eq!(slots.list_repeats(), repeats, "{record}");
        }
    }

    #[test]
    fn takes_the_last_of_two_members_of_one_name() {
        check(&["$.a.b", "$.a.c"], r#"{"a": {"b": 1}, "a": {"c": 2}}"#, &[None, Some("2")]);
    }

    #[test]
    fn gathers_the_items_of_a_list_beside_other_values() {
        let mut wanted = Wanted::new();
        let path =
            |text: &str| super::super::JsonPath::new(text, engine_source::Span::default()).singular().unwrap().to_vec();
        assert!(wanted.add_list(&path("$.d.results")));
        let next = wanted.add(&path("$.d.next")).unwrap();
        let text = r#"{"d": {"results": [{"a": 1}, 2 ,"x"], "next": "u"}}"#;
        let mut slots = Slots::default();
        wanted.fill(text, &mut slots).unwrap();
        let items: Vec<&str> = slots.items().iter().map(|range| text.get(range.clone()).unwrap()).collect();
        assert_eq!(items, ["{\"a\": 1}", "2", "\"x\""]);
        assert_eq!(slots.get(next, text), Some("\"u\""));
        let text = r#"{"d": {"results": {}}}"#;
        wanted.fill(text, &mut slots).unwrap();
        assert_eq!((slots.items().len(), slots.list_shape()), (0, Some(Start::Object)));
        wanted.fill("{}", &mut slots).unwrap();
        assert_eq!(slots.list_shape(), None);
    }

    #[test]
    fn finds_what_is_wanted_of_items_in_the_same_pass() {
        let path =
            |text: &str| super::super::JsonPath::new(text, engine_source::Span::default()).singular().unwrap().to_vec();
        let mut item = Wanted::new();
        let (a, b) = (item.add(&path("$.a")).unwrap(), item.add(&path("$.b.c")).unwrap());
        let mut wanted = Wanted::new();
        assert!(wanted.add_list(&path("$.data")));
        let next = wanted.add(&path("$.next")).unwrap();
        wanted.want_of_items(item);
        let text = r#"{"next": 7, "data": [{"a": 1, "b": {"c": "x"}}, 5, {"b": {"c": null}, "a": [2]}]}"#;
        let mut slots = Slots::default();
        wanted.fill(text, &mut slots).unwrap();
        assert_eq!(slots.get(next, text), Some("7"));
        let rows = slots.take_rows();
        let found: Vec<&str> = rows.iter().map(|range| text.get(range.clone()).unwrap()).collect();
        assert_eq!((a, b), (0, 1));
        assert_eq!(found, ["1", "\"x\"", "", "", "[2]", "null"]);
    }

    #[test]
    fn tells_which_members_it_wants_if_it_wants_nothing_else() {
        let members = |paths: &[&str]| {
            let mut wanted = Wanted::new();
            for path in paths {
                let path = super::super::JsonPath::new(*path, engine_source::Span::default());
                wanted.add(path.singular().unwrap()).unwrap();
            }
            wanted.members().map(|members| members.join(" "))
        };
        assert_eq!(members(&["$.b", "$.a", "$.b"]).as_deref(), Some("b a"));
        assert_eq!(members(&[]).as_deref(), Some(""));
        for paths in [&["$.a", "$"][..], &["$.a.b"], &["$.a", "$.a.b"], &["$[0]"]] {
            assert_eq!(members(paths), None, "{paths:?}");
        }
    }

    #[test]
    fn reads_escaped_names_and_other_shapes() {
        check(&["$['a\"b']", "$.s.t"], r#"{"a\"b": true, "s": 5}"#, &[Some("true"), None]);
        check(&["$"], " [1] ", &[Some("[1]")]);
    }
}
