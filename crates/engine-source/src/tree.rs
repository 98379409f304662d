//! A whole document as a tree of values with their places.

use crate::builder::{self, Mode};
use crate::finding::Finding;
use crate::findings::Findings;
use crate::node::Node;
use crate::source::Sources;
use crate::span::{SourceId, Span};

/// The size of a file that is still read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How many lists and objects may stand inside one another.
pub const MAX_DEPTH: usize = 128;

/// How many values all aliases of a document may stand for together.
pub const MAX_ALIAS_NODES: u64 = 250_000;

/// A document.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Its outermost value.
    pub root: Node,
}

impl Tree {
    /// Reads a file as one YAML 1.2 document.
    ///
    /// Says everything about it that is no matter of meaning: syntax, duplicate keys, what YAML makes of unquoted
    /// expressions, bounds. Gives no tree where the text cannot be read to its end; a value about which something was said
    /// stays in the tree as [`broken`](Node::is_broken).
    pub fn parse(sources: &Sources, id: SourceId, findings: &mut Findings) -> Option<Self> {
        let text = sources.get(id).text();
        if too_large(text, id, findings) {
            return None;
        }
        let documents = builder::read(text, id, Mode::Spec, findings)?;
        let empty = || Node::new(Span::new(id, 0..0), crate::node::Kind::Null, crate::node::Style::Plain);
        Some(Self { root: documents.into_iter().next().unwrap_or_else(empty) })
    }

    /// Reads as much of a file as can be read, whatever stands in it, and says nothing about it.
    ///
    /// For whoever looks at a text while it is being written.
    pub fn parse_anyhow(sources: &Sources, id: SourceId) -> Self {
        let text = sources.get(id).text();
        let nothing = || Node::new(Span::new(id, 0..0), crate::node::Kind::Null, crate::node::Style::Plain);
        let root = if text.len() > MAX_BYTES { None } else { builder::read_anyhow(text, id) };
        Self { root: root.unwrap_or_else(nothing) }
    }

    /// Reads a file as any number of documents, by the YAML specification alone.
    ///
    /// For the published suite: tags are taken, keys may lack a value, nothing is said about style.
    #[doc(hidden)]
    pub fn parse_documents(sources: &Sources, id: SourceId, findings: &mut Findings) -> Option<Vec<Self>> {
        let documents = builder::read(sources.get(id).text(), id, Mode::Yaml, findings)?;
        Some(documents.into_iter().map(|root| Self { root }).collect())
    }

    /// Returns the value at a JSON pointer (RFC 6901).
    pub fn locate(&self, pointer: &str) -> Option<&Node> {
        let mut node = &self.root;
        if pointer.is_empty() {
            return Some(node);
        }
        for part in pointer.strip_prefix('/')?.split('/') {
            let part = part.replace("~1", "/").replace("~0", "~");
            node = match node.get(&part) {
                Some(value) => value,
                None => node.items().get(part.parse::<usize>().ok()?)?,
            };
        }
        Some(node)
    }
}

/// Says that a file is too large, if it is.
fn too_large(text: &str, id: SourceId, findings: &mut Findings) -> bool {
    let large = text.len() > MAX_BYTES;
    if large {
        let megabytes = MAX_BYTES / 1024 / 1024;
        findings.push(
            Finding::error("too-large", format!("the file is larger than {megabytes} MB"))
                .label(Span::new(id, 0..0), "")
                .help("split it, and bring the parts in by `imports`"),
        );
    }
    large
}
