//! One file as far as it can be read: its tree, and what is named in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_source::{Kind, Node, SourceId, Sources, Span, Tree};
use engine_spec::test::TestFile;
use gen_lsp_types::Range;

use crate::index::{Index, Occurrence};
use crate::position::{Encoding, Lines};

/// A file.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its text alone.
    pub(crate) sources: Sources,
    /// Which one it is of them.
    pub(crate) id: SourceId,
    /// What can be read of it.
    pub(crate) root: Node,
    /// What is named in it.
    pub(crate) index: Index,
    lines: Lines,
}

/// A part of the way from the root of a tree to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The member of this name.
    Key(Arc<str>),
    /// The item of this number.
    Item(usize),
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The way to it.
    pub(crate) path: Vec<Part>,
    /// Where it is written.
    pub(crate) span: Span,
    /// The value, or that of the key.
    pub(crate) node: Node,
    /// Whether it is a key.
    pub(crate) is_key: bool,
}

impl File {
    /// Reads a file, whatever stands in it.
    pub(crate) fn new(path: &Path, text: Arc<str>) -> Self {
        let mut sources = Sources::new();
        let lines = Lines::new(&text);
        let id = sources.add(path.to_string_lossy(), text);
        let root = Tree::parse_anyhow(&sources, id).root;
        let index = Index::new(&root, &sources, TestFile::is_named(path));
        Self { path: path.to_owned(), sources, id, root, index, lines }
    }

    /// Returns its text.
    pub(crate) fn text(&self) -> &str {
        self.sources.get(self.id).text()
    }

    /// Returns a place as editors count.
    pub(crate) fn range(&self, span: Span, encoding: Encoding) -> Range {
        self.lines.range(self.text(), span.range(), encoding)
    }

    /// Returns the lines.
    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Returns what is named at a byte; the innermost, if several places cover it.
    pub(crate) fn occurrence(&self, at: usize) -> Option<&Occurrence> {
        let covers = |one: &&Occurrence| one.span.range().start <= at && at <= one.span.range().end;
        self.index.occurrences.iter().filter(covers).min_by_key(|one| one.span.len())
    }

    /// Returns the value at a path.
    pub(crate) fn at(&self, path: &[Part]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, part| step(node, part))
    }

    /// Returns the key or the scalar at a byte.
    pub(crate) fn find(&self, at: usize) -> Option<Found> {
        find(&self.root, at, &mut Vec::new())
    }
}

/// Returns a member or an item.
pub(crate) fn step<'n>(node: &'n Node, part: &Part) -> Option<&'n Node> {
    match part {
        Part::Key(name) => node.get(name),
        Part::Item(index) => node.items().get(*index),
    }
}

fn find(node: &Node, at: usize, path: &mut Vec<Part>) -> Option<Found> {
    let covers = |span: Span| !span.is_empty() && span.range().start <= at && at <= span.range().end;
    match node.kind() {
        Kind::Map(entries) => {
            for entry in entries {
                path.push(Part::Key(Arc::clone(&entry.key.text)));
                if covers(entry.key.span) {
                    let found =
                        Found { path: path.clone(), span: entry.key.span, node: entry.value.clone(), is_key: true };
                    return Some(found);
                }
                // What an alias brings has its place elsewhere; it is found there.
                if covers(entry.value.span())
                    && let Some(found) = find(&entry.value, at, path)
                {
                    return Some(found);
                }
                path.pop();
            }
            None
        }
        Kind::Seq(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Part::Item(index));
                if covers(item.span())
                    && let Some(found) = find(item, at, path)
                {
                    return Some(found);
                }
                path.pop();
            }
            None
        }
        _ => covers(node.span()).then(|| Found {
            path: path.clone(),
            span: node.span(),
            node: node.clone(),
            is_key: false,
        }),
    }
}
