//! Names and what they stand for while something is evaluated.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::value::Value;

/// What templates may ask of the outside: nothing but the time and a random number.
pub trait Host: Send + Sync {
    /// Returns the time now.
    fn now(&self) -> Timestamp;

    /// Returns a random number.
    fn random(&self) -> u64;
}

/// The names under which a scope has the item above this one, the one above that, and so on.
///
/// `parent.parent` is a name of its own, so that a member called `parent` never hides it.
pub const PARENTS: [&str; 8] = [
    "parent",
    "parent.parent",
    "parent.parent.parent",
    "parent.parent.parent.parent",
    "parent.parent.parent.parent.parent",
    "parent.parent.parent.parent.parent.parent",
    "parent.parent.parent.parent.parent.parent.parent",
    "parent.parent.parent.parent.parent.parent.parent.parent",
];

/// The names that an expression may use. Making a child is cheap; the parent stays as it is.
#[derive(Clone)]
pub struct Scope(Arc<Frame>);

struct Frame {
    parent: Option<Scope>,
    binding: Binding,
}

enum Binding {
    Host(Arc<dyn Host>),
    Name(&'static str, Value),
    Root(Value),
    /// Names that are not there are looked up no further.
    Names(Vec<(&'static str, Value)>),
}

impl Scope {
    /// Makes a scope with no names.
    pub fn new(host: Arc<dyn Host>) -> Self {
        Self(Arc::new(Frame { parent: None, binding: Binding::Host(host) }))
    }

    /// Makes a child in which `name` stands for `value`.
    #[must_use]
    pub fn with(&self, name: &'static str, value: impl Into<Value>) -> Self {
        self.child(Binding::Name(name, value.into()))
    }

    /// Makes a child with several names at once.
    #[must_use]
    pub fn with_all(&self, names: Vec<(&'static str, Value)>) -> Self {
        self.child(Binding::Names(names))
    }

    /// Makes a child in which another host tells the time and makes random numbers.
    #[must_use]
    pub fn hosted(&self, host: Arc<dyn Host>) -> Self {
        self.child(Binding::Host(host))
    }

    /// Makes a child in which paths start at `value`.
    #[must_use]
    pub fn rooted(&self, value: Value) -> Self {
        self.child(Binding::Root(value))
    }

    fn child(&self, binding: Binding) -> Self {
        Self(Arc::new(Frame { parent: Some(self.clone()), binding }))
    }

    /// Makes a scope of these names alone, each as it was bound first.
    #[must_use]
    pub fn outermost(&self, wanted: &[&'static str]) -> Self {
        let mut names: Vec<(&'static str, Value)> = Vec::with_capacity(wanted.len());
        let mut bind = |name: &'static str, value: &Value| {
            if wanted.contains(&name) {
                // The frames go from the last to the first, so the first is what stays.
                names.retain(|(known, _)| *known != name);
                names.push((name, value.clone()));
            }
        };
        for frame in self.frames() {
            match &frame.binding {
                Binding::Name(name, value) => bind(name, value),
                Binding::Names(more) => more.iter().for_each(|(name, value)| bind(name, value)),
                Binding::Host(_) | Binding::Root(_) => {}
            }
        }
        let host = self.host().map(|host| Self::new(Arc::clone(host)));
        host.unwrap_or_else(|| self.clone()).with_all(names)
    }

    /// Returns what a name stands for.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.frames().find_map(|frame| match &frame.binding {
            Binding::Name(known, value) if *known == name => Some(value),
            Binding::Names(names) => names.iter().find(|(known, _)| *known == name).map(|(_, value)| value),
            _ => None,
        })
    }

    /// Returns where paths start: what was set as the root, else `item`.
    pub fn root(&self) -> Option<&Value> {
        self.frames()
            .find_map(|frame| match &frame.binding {
                Binding::Root(value) => Some(value),
                _ => None,
            })
            .or_else(|| self.get("item"))
    }

    /// Returns the names that are known, nearest first.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for frame in self.frames() {
            match &frame.binding {
                Binding::Name(name, _) => names.push(*name),
                Binding::Names(more) => names.extend(more.iter().map(|(name, _)| *name)),
                Binding::Host(_) | Binding::Root(_) => {}
            }
        }
        names
    }

    /// Returns what tells the time and makes random numbers.
    pub fn host(&self) -> Option<&Arc<dyn Host>> {
        self.frames().find_map(|frame| match &frame.binding {
            Binding::Host(host) => Some(host),
            _ => None,
        })
    }

    fn frames(&self) -> impl Iterator<Item = &Frame> {
        std::iter::successors(Some(&*self.0), |frame| frame.parent.as_ref().map(|scope| &*scope.0))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
