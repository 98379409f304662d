//! Texts, places in them, and what is said about them.
//!
//! Reads a YAML file into a tree that knows the place of every key and value, gives typed data out of that tree, and
//! holds the findings about it. Knows nothing about integrations, templates or paths.
//!
//! # How types say what they are
//!
//! [`Node::deserialize`] takes any type of serde's. What it says to the author comes from the types' names:
//!
//! - The name of a struct or enum is its noun: with `#[serde(rename = "link_header pagination")]` it is said that
//!   `max_page` is an unknown field in it. A Rust name is taken apart: `LinkHeader` is "link header".
//! - `#[serde(rename = "@tag:type:pagination")]` on an enum that is not tagged otherwise: the member `type` names the
//!   variant, the members beside it are its data. Places inside are kept.
//! - `#[serde(rename = "@key:body")]` on an enum: an object with exactly one member, which names the variant.
//! - What a type expects, in [`Visitor::expecting`](serde::de::Visitor::expecting), is said as it is: "a number where a
//!   duration such as `5m` is expected".
//! - The text of [`Error::custom`](serde::de::Error::custom) may start with `[code] `, and end with lines that start with
//!   `label: `, `help: ` and `fix: `: the text that is certainly meant in place of the whole value.
//! - [`Spanned`] and [`Map`] know the places of values and keys, [`Scalar`] the text of a number, [`AnyNode`] everything.
//! - Keys that a struct does not have are said by the Deserializer; at the top level, those that start with `x-` are allowed.

mod any_node;
mod builder;
mod code;
mod de;
mod entry;
mod extent;
mod finding;
mod findings;
mod fix;
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
pub use crate::fix::Fix;
pub use crate::map::Map;
pub use crate::node::{Kind, Node, Style};
pub use crate::quoting::quoted;
pub use crate::scalar::{Scalar, ScalarKind};
pub use crate::similar::{certain, similar, suggest};
pub use crate::source::{SourceFile, Sources};
pub use crate::span::{SourceId, Span};
pub use crate::spanned::Spanned;
pub use crate::tree::{MAX_ALIAS_NODES, MAX_BYTES, MAX_DEPTH, Tree};
