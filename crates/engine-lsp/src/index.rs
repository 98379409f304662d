//! All names in one file: where they are defined, and where they are used. Looks into no other file, and judges nothing.

mod spec;
mod steps;
mod strings;

use std::sync::Arc;

use engine_source::{Node, Sources, Span};

use self::spec::Walk;
pub(crate) use self::strings::CONDITIONS;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Symbol {
    /// An input.
    Input(Arc<str>),
    /// An input of the flow in another file, which is named as it is written.
    ForeignInput(Arc<str>, Arc<str>),
    /// A secret.
    Secret(Arc<str>),
    /// A var: of the spec, or with the first byte of the `vars` of a step.
    Var(Option<u32>, Arc<str>),
    /// An API.
    Api(Arc<str>),
    /// An endpoint, after its API.
    Endpoint(Arc<str>, Arc<str>),
    /// A param, after its API and its endpoint.
    Param(Arc<str>, Arc<str>, Arc<str>),
    /// A mapping.
    Mapping(Arc<str>),
    /// A sink.
    Sink(Arc<str>),
    /// A step, after the first byte of the list that it is in; without it where that is in another file.
    Step(Option<u32>, Arc<str>),
    /// A file, as it is written.
    File(Arc<str>),
}

impl Symbol {
    /// Returns the name itself.
    pub(crate) fn name(&self) -> &Arc<str> {
        match self {
            Self::Input(name)
            | Self::ForeignInput(_, name)
            | Self::Secret(name)
            | Self::Var(_, name)
            | Self::Api(name)
            | Self::Endpoint(_, name)
            | Self::Param(_, _, name)
            | Self::Mapping(name)
            | Self::Sink(name)
            | Self::Step(_, name)
            | Self::File(name) => name,
        }
    }

    /// Returns the same thing under another name.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        let name = Arc::from(name);
        match self {
            Self::Input(_) => Self::Input(name),
            Self::ForeignInput(file, _) => Self::ForeignInput(Arc::clone(file), name),
            Self::Secret(_) => Self::Secret(name),
            Self::Var(scope, _) => Self::Var(*scope, name),
            Self::Api(_) => Self::Api(name),
            Self::Endpoint(api, _) => Self::Endpoint(Arc::clone(api), name),
            Self::Param(api, endpoint, _) => Self::Param(Arc::clone(api), Arc::clone(endpoint), name),
            Self::Mapping(_) => Self::Mapping(name),
            Self::Sink(_) => Self::Sink(name),
            Self::Step(block, _) => Self::Step(*block, name),
            Self::File(_) => Self::File(name),
        }
    }

    /// Returns what it is, in words.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Input(_) | Self::ForeignInput(..) => "input",
            Self::Secret(_) => "secret",
            Self::Var(..) => "var",
            Self::Api(_) => "API",
            Self::Endpoint(..) => "endpoint",
            Self::Param(..) => "param",
            Self::Mapping(_) => "mapping",
            Self::Sink(_) => "sink",
            Self::Step(..) => "step",
            Self::File(_) => "file",
        }
    }

    /// Returns whether no other file can name it.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Var(Some(_), _))
    }
}

/// One place of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    /// Where the name stands, without quotes.
    pub(crate) span: Span,
    /// What it stands for.
    pub(crate) symbol: Symbol,
    /// Whether it is defined here.
    pub(crate) is_definition: bool,
    /// What it is defined as.
    pub(crate) value: Option<Span>,
}

/// All names in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The places, in the order of the file.
    pub(crate) occurrences: Vec<Occurrence>,
    /// What is imported, as it is written.
    pub(crate) imports: Vec<Arc<str>>,
    /// The spec that a file of tests is about.
    pub(crate) tested: Option<Arc<str>>,
}

impl Index {
    /// Looks through a tree.
    pub(crate) fn new(root: &Node, sources: &Sources, is_test: bool) -> Self {
        let mut walk = Walk::new(sources, is_test);
        walk.document(root);
        walk.finish()
    }

    /// Returns the places where names are defined.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Occurrence> {
        self.occurrences.iter().filter(|one| one.is_definition)
    }
}
