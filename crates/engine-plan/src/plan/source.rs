//! Where the items of a step come from.

use std::sync::Arc;

use engine_expr::{Dynamic, Expr, Setting, Template};
use engine_request::{Incremental, QueryValue};
use engine_source::{Map, Span};
use engine_spec::Text;

use super::endpoint::Endpoint;
use super::target::Sink;

/// Where the items of a step come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Nowhere: the step runs once.
    Once,
    /// From a stream or a list.
    Items(Items),
    /// From endpoints.
    Read {
        /// For each of what they are read; once if for nothing.
        over: Option<Items>,
        /// What is read, one after another.
        reads: Vec<Reading>,
    },
    /// From what a sink holds.
    Sink {
        /// For each of what it is read; once if for nothing.
        over: Option<Items>,
        /// What is read of it.
        read: Box<SinkRead>,
    },
}

/// A stream or a list.
#[derive(Clone, Debug)]
pub enum Items {
    /// The stream of the step with this number in the same block.
    Step(usize),
    /// A path or a template that gives a list; also all records of a step that is not in the same block.
    From(Expr),
    /// A list.
    List(Dynamic),
    /// Every combination of several lists, by name.
    Product(Map<Dynamic>),
}

/// An endpoint to read: one with a request, or one made of steps.
#[derive(Clone, Debug)]
pub enum Reading {
    /// One with a request.
    Endpoint(Read),
    /// One made of steps.
    Composite(Box<CompositeRead>),
}

/// An endpoint to read, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Read {
    /// The endpoint; its pagination and what is incremental about it are what the read says, where it says any.
    pub endpoint: Arc<Endpoint>,
    /// What its params are, over the item of `for_each`.
    pub params: Map<Dynamic>,
    /// Values of the query, over the item of `for_each`; merged over the endpoint's by key.
    pub query: Map<QueryValue>,
    /// Headers, over the item of `for_each`; merged over the endpoint's by key.
    pub headers: Map<QueryValue>,
    /// How many records are read at most.
    pub limit: Option<Setting<u64>>,
    /// Where the endpoint is named.
    pub span: Span,
}

/// An endpoint made of steps to read, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CompositeRead {
    /// Its number among [those of the plan](super::Plan::composites): it may read itself, so nothing can own it.
    pub composite: usize,
    /// The name of the endpoint, without that of its API.
    pub name: String,
    /// What its params are, over the item of `for_each`.
    pub params: Map<Dynamic>,
    /// How only what is new is read: what the endpoint says, and over it what the read says.
    pub incremental: Option<Incremental>,
    /// How many records are read at most.
    pub limit: Option<Setting<u64>>,
    /// Where the endpoint is named.
    pub span: Span,
}

/// What is read of a sink.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SinkRead {
    /// The sink.
    pub sink: Arc<Sink>,
    /// Which of its records.
    pub records: SinkRecords,
    /// Where the sink is named.
    pub span: Span,
}

/// Which records of a sink are read; templates see the item of `for_each`.
#[derive(Clone, Debug)]
pub enum SinkRecords {
    /// Those of a table.
    Table(Template),
    /// What a query gives.
    Query {
        /// The query, with `:name` for params.
        query: Text,
        /// The values that are bound to it.
        params: Map<Dynamic>,
    },
    /// Those of a file: this one, or that of the sink.
    File(Option<Template>),
}

impl Reading {
    /// Returns the name of the endpoint, without that of its API: the stream of its records.
    pub fn name(&self) -> &str {
        match self {
            Self::Endpoint(read) => &read.endpoint.name,
            Self::Composite(read) => &read.name,
        }
    }

    /// Returns the read, where the endpoint has a request.
    pub fn as_endpoint(&self) -> Option<&Read> {
        match self {
            Self::Endpoint(read) => Some(read),
            Self::Composite(_) => None,
        }
    }

    /// Returns where the endpoint is named.
    pub fn span(&self) -> Span {
        match self {
            Self::Endpoint(read) => read.span,
            Self::Composite(read) => read.span,
        }
    }
}
