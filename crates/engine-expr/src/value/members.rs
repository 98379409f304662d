//! The insides of lists and objects.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Value;

/// The items of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List(pub(crate) Vec<Value>);

impl List {
    /// Returns the items.
    pub fn items(&self) -> &[Value] {
        &self.0
    }
}

/// The members of an object, in order; a name that comes again replaces the value and keeps the first place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members(IndexMap<Arc<str>, Value, foldhash::fast::RandomState>);

impl Members {
    /// Makes an empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty object with room.
    pub fn with_capacity(members: usize) -> Self {
        Self(IndexMap::with_capacity_and_hasher(members, foldhash::fast::RandomState::default()))
    }

    /// Returns a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Tells whether there is such a member.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Puts a member in, or in the place of the one of that name.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: Value) {
        self.0.insert(name.into(), value);
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    /// Goes over the members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> + DoubleEndedIterator {
        self.0.iter()
    }

    /// Goes over the names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.0.keys()
    }

    /// Returns how many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Arc<str>, Value)> for Members {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl IntoIterator for Members {
    type Item = (Arc<str>, Value);
    type IntoIter = indexmap::map::IntoIter<Arc<str>, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
