//! The insides of lists and objects.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::Value;

/// The items of a list.
#[derive(Clone, Debug, Default)]
pub struct List {
    items: Vec<Value>,
    secret: OnceLock<bool>,
}

impl List {
    pub(super) fn new(items: Vec<Value>) -> Self {
        Self { items, secret: OnceLock::new() }
    }

    /// Returns the items.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    pub(super) fn holds_secret(&self) -> bool {
        *self.secret.get_or_init(|| self.items.iter().any(Value::holds_secret))
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

/// The members of an object, in order; a name that comes again replaces the value and keeps the first place.
#[derive(Clone, Debug, Default)]
pub struct Members {
    members: IndexMap<Arc<str>, Value, foldhash::fast::RandomState>,
    /// Whether there is a secret among the values, once somebody asked.
    secret: OnceLock<bool>,
}

impl Members {
    /// Makes an empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty object with room.
    pub fn with_capacity(members: usize) -> Self {
        Self {
            members: IndexMap::with_capacity_and_hasher(members, foldhash::fast::RandomState::default()),
            ..Self::default()
        }
    }

    /// Returns a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// Tells whether there is such a member.
    pub fn contains(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Puts a member in, or in the place of the one of that name.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: Value) {
        self.secret = OnceLock::new();
        self.members.insert(name.into(), value);
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.secret = OnceLock::new();
        self.members.shift_remove(name)
    }

    /// Goes over the members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> + DoubleEndedIterator {
        self.members.iter()
    }

    /// Goes over the names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.members.keys()
    }

    /// Returns how many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn holds_secret(&self) -> bool {
        *self.secret.get_or_init(|| self.members.values().any(Value::holds_secret))
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl FromIterator<(Arc<str>, Value)> for Members {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(members: I) -> Self {
        Self { members: members.into_iter().collect(), secret: OnceLock::new() }
    }
}

impl IntoIterator for Members {
    type Item = (Arc<str>, Value);
    type IntoIter = indexmap::map::IntoIter<Arc<str>, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}
