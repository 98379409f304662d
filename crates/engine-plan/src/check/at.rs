//! The node of the tree beside a value of the model: for the places of keys, and for what the model lost.

use engine_source::{Node, Span};

/// The node of a value, where it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At<'a>(Option<&'a Node>);

impl<'a> At<'a> {
    /// Stands beside a node.
    pub(crate) fn new(node: &'a Node) -> Self {
        Self(Some(node))
    }

    /// Returns the node.
    pub(crate) fn node(self) -> Option<&'a Node> {
        self.0
    }

    /// Goes to a member.
    pub(crate) fn get(self, key: &str) -> Self {
        Self(self.0.and_then(|node| node.get(key)))
    }

    /// Goes to an item.
    pub(crate) fn item(self, index: usize) -> Self {
        Self(self.0.and_then(|node| node.items().get(index)))
    }

    /// Returns whether there is such a member, whatever it is.
    pub(crate) fn has(self, key: &str) -> bool {
        self.get(key).0.is_some()
    }

    /// Returns whether a member is given as null.
    pub(crate) fn is_null(self, key: &str) -> bool {
        self.get(key).0.is_some_and(|node| node.is_null() && !node.is_broken())
    }

    /// Returns the place of a member's key.
    pub(crate) fn key(self, key: &str) -> Option<Span> {
        self.0.and_then(|node| node.entry(key)).map(|entry| entry.key.span)
    }

    /// Returns a place that is good to point at.
    pub(crate) fn span(self) -> Span {
        self.0.map(Node::label_span).unwrap_or_default()
    }
}
