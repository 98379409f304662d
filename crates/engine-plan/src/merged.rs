//! A spec with all that it imports as one tree, every value of which knows where it was written. Judges nothing.

use std::path::Path;

use engine_source::{Node, Sources, Span};

use crate::files::Files;
use crate::load::Loader;

/// A spec laid over all that it imports.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The whole of it.
    pub root: Node,
    /// The files that it was made of, the spec first.
    pub sources: Sources,
}

/// Reads a spec with all that it imports; nothing where one of the files can't be read.
pub fn merged(path: &Path, files: &dyn Files) -> Option<Merged> {
    let mut loader = Loader::new(files);
    let root = loader.load(path).root?;
    Some(Merged { root, sources: loader.into_sources() })
}

impl Merged {
    /// Returns the value at a path of names, as `["apis", "shop", "auth"]`.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, name| node.get(name))
    }

    /// Returns where something was written, for people: `specs/shop.yaml:4:3`; nothing where nobody wrote it.
    pub fn place(&self, span: Span) -> Option<String> {
        (!span.is_none()).then(|| self.sources.place(span))
    }

    /// Returns where a member is written: the place of its name.
    pub fn place_of(&self, path: &[&str]) -> Option<String> {
        let (name, above) = path.split_last()?;
        self.place(self.at(above)?.entry(name)?.key.span)
    }
}
