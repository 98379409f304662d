//! One member of an object in a tree.

use std::sync::Arc;

use crate::node::Node;
use crate::span::Span;

/// A member's name and its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The name, decoded.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// A member: its key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Node,
}
