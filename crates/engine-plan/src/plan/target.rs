//! What is done with an item.

use std::sync::Arc;

use engine_expr::{Condition, Dynamic, Setting, Template};
use engine_request::{Body, Key, Period, QueryValue, StatusPattern};
use engine_source::{Map, Span};
use engine_spec::step::{Rule, WriteMode};

use super::block::Block;
use super::endpoint::Endpoint;
use super::nested::{Case, FlowCall};
use super::schema::Schema;
use super::wait::Wait;

/// What is done with an item.
#[derive(Clone, Debug)]
pub enum Target {
    /// Nothing: it is handed on.
    None,
    /// An endpoint is called.
    Call(Box<Call>),
    /// An endpoint made of steps is called.
    Composite(Box<CompositeCall>),
    /// It is written to a sink.
    Write(Box<Write>),
    /// The first case that takes it has it.
    Switch(Vec<Case>),
    /// Steps run for it.
    Steps(Block),
    /// Branches of steps run for it, at once; nothing is handed on.
    Parallel(Vec<Block>),
    /// Another spec's flow runs for it.
    Flow(Box<FlowCall>),
    /// It waits.
    Wait(Box<Wait>),
    /// A message is logged.
    Log(Template),
    /// The item fails with a message.
    Fail(Template),
}

/// A call of an endpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// What its params are.
    pub params: Map<Dynamic>,
    /// Values of the query, merged over the endpoint's by key.
    pub query: Map<QueryValue>,
    /// Headers, merged over the endpoint's by key.
    pub headers: Map<QueryValue>,
    /// What is sent, instead of the endpoint's body.
    pub body: Option<Body>,
    /// How long it is called again and again.
    pub until: Option<Until>,
    /// Where the endpoint is named.
    pub span: Span,
}

/// A call of an endpoint made of steps.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CompositeCall {
    /// Its number among [those of the plan](super::Plan::composites): it may call itself, so nothing can own it.
    pub composite: usize,
    /// What its params are.
    pub params: Map<Dynamic>,
    /// How long it is called again and again.
    pub until: Option<Until>,
    /// Where the endpoint is named.
    pub span: Span,
}

/// How long something is done or looked at again and again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Until {
    /// What must hold: of a call over `response` and `request`, of a wait over the item.
    pub condition: Condition,
    /// How long to wait between two times; `10s` if not given.
    pub every: Option<Setting<Period>>,
    /// How long to go on at most; of a call `1h` if not given.
    pub timeout: Option<Setting<Period>>,
}

/// A target of `write`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Write {
    /// The sink.
    pub sink: Arc<Sink>,
    /// The table; `{{ stream }}` if not given.
    pub table: Option<Template>,
    /// The path of the file, instead of the sink's.
    pub path: Option<Template>,
    /// What identifies a record, as it is written; see [`Step::key`](super::Step::key).
    pub key: Option<Key>,
    /// How it is written, if it is said; see [`Write::mode`].
    pub mode: Option<WriteMode>,
    /// Whether tables are made and widened; true if not given.
    pub create: Option<Setting<bool>>,
    /// Where the sink is named.
    pub span: Span,
}

impl Write {
    /// Returns how a record is written that is identified by this key. Files are appended to, whatever the key.
    pub fn mode(&self, key: Option<&Key>) -> WriteMode {
        let updates = key.is_some() && self.sink.sink.has_tables();
        self.mode.unwrap_or(if updates { WriteMode::Upsert } else { WriteMode::Append })
    }
}

/// Where records are written to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// The place of its name.
    pub span: Span,
    /// What it is.
    pub sink: engine_spec::Sink,
}

impl Sink {
    /// Joins a name and what it stands for.
    pub(crate) fn new(name: &str, span: Span, sink: engine_spec::Sink) -> Self {
        Self { name: name.to_owned(), span, sink }
    }
}

/// What must be true of the answer of a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Expect {
    /// The statuses that it may have; any that is no error, if none is given.
    pub status: Vec<Setting<StatusPattern>>,
    /// The schema that its body must fit.
    pub schema: Option<Schema>,
    /// Conditions over `response` that must hold.
    pub rules: Vec<Rule>,
}
