//! Texts, places in them, and what is said about them.
//!
//! Reads a YAML file into a tree that knows the place of every key and value, gives typed data out of that tree, and
//! holds the findings about it. Knows nothing about integrations, templates or paths.

mod any_node;
mod builder;
mod code;
mod de;
mod entry;
mod extent;
mod finding;
mod findings;
mod map;
mod node;
mod quoting;
mod resolve;
mod scalar;
mod similar;
mod source;
mod span;
mod spanned;
mod syntax;
mod tree;
mod within;

pub use crate::any_node::AnyNode;
pub use crate::entry::{Entry, Key};
pub use crate::finding::{Finding, Label, Severity};
pub use crate::findings::{Counts, Findings};
pub use crate::map::Map;
pub use crate::node::{Kind, Node, Style};
pub use crate::quoting::quoted;
pub use crate::scalar::{Scalar, ScalarKind};
pub use crate::similar::{similar, suggest};
pub use crate::source::{SourceFile, Sources};
pub use crate::span::{SourceId, Span};
pub use crate::spanned::Spanned;
pub use crate::tree::{MAX_ALIAS_NODES, MAX_BYTES, MAX_DEPTH, Tree};
