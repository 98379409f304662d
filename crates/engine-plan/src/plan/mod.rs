//! A checked spec, ready to run: all names resolved, all defaults filled in.
//!
//! None of these types can be made outside this crate: a plan exists only where nothing is wrong.

mod block;
mod composite;
mod endpoint;
mod nested;
mod only;
mod outline;
mod schema;
mod source;
mod step;
mod target;
mod trial;
mod trigger;
mod wait;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_expr::Dynamic;
use engine_source::{Map, Sources, Span};
use engine_spec::{Input, Secret};

pub use block::Block;
pub use composite::Composite;
pub(crate) use endpoint::is_required;
pub use endpoint::{ApiSettings, Endpoint, Inherited, Limit};
pub use nested::{Case, FlowCall};
pub use schema::{Schema, SchemaError};
pub use source::{CompositeRead, Items, Read, Reading, SinkRead, SinkRecords, Source};
pub use step::{Batch, Kept, OnError, Step, Validate};
pub use target::{Call, CompositeCall, Expect, Sink, Target, Until, Write};
pub use trial::Trial;
pub use trigger::Trigger;
pub use wait::Wait;

/// A flow that can run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// The name of the flow; that of its file if it has none.
    pub name: String,
    /// Where that is written; nowhere if it is that of its file.
    pub name_span: Span,
    /// What it does, for people.
    pub description: Option<String>,
    /// The file that it was compiled from.
    pub path: PathBuf,
    /// That file, and those that it imports.
    pub sources: Arc<Sources>,
    /// What a run is given.
    pub inputs: Map<Input>,
    /// What must not be shown, and where it comes from.
    pub secrets: Map<Secret>,
    /// Values that are computed once per run; each sees those before it.
    pub vars: Map<Dynamic>,
    /// Where records are written to.
    pub sinks: Vec<Arc<Sink>>,
    /// All endpoints with a request of all APIs, in the order of the file.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// All endpoints made of steps, in the order of the file.
    pub composites: Vec<Arc<Composite>>,
    /// What the flow does, one step after another.
    ///
    /// A spec without steps has one that reads all endpoints that need no params.
    pub steps: Block,
    /// Steps for when a run failed.
    pub on_failure: Block,
    /// Steps that always run last.
    pub finally: Block,
    /// When it runs, in the order of the file.
    pub triggers: Vec<Arc<Trigger>>,
    /// What is to be true of it.
    pub trials: Vec<Trial>,
}

impl Plan {
    /// Returns an endpoint by its [id](Endpoint::id).
    pub fn endpoint(&self, id: &str) -> Option<&Arc<Endpoint>> {
        let (api, name) = id.split_once('.')?;
        self.endpoints.iter().find(|endpoint| endpoint.api == api && endpoint.name == name)
    }

    /// Returns an endpoint made of steps by its [id](Composite::id).
    pub fn composite(&self, id: &str) -> Option<&Arc<Composite>> {
        self.composites.iter().find(|composite| composite.id() == id)
    }

    /// Returns a sink by its name.
    pub fn sink(&self, name: &str) -> Option<&Arc<Sink>> {
        self.sinks.iter().find(|sink| sink.name == name)
    }

    /// Returns a step of the flow by its id.
    pub fn step(&self, id: &str) -> Option<&Arc<Step>> {
        self.steps.step(id)
    }

    /// Goes over all steps of the plan, each before those within it, in the order of their [numbers](Step::uid); not over those of
    /// other flows.
    pub fn walk(&self, visit: &mut dyn FnMut(&Arc<Step>)) {
        let flow = [&self.steps, &self.on_failure, &self.finally];
        for block in flow.into_iter().chain(self.composites.iter().map(|composite| &composite.steps)) {
            block.walk(visit);
        }
    }

    /// Returns the folder that paths written at this place are relative to: that of the file in which they are written.
    pub fn folder(&self, span: Span) -> &Path {
        let file = if span.is_none() { self.path.as_path() } else { Path::new(self.sources.get(span.source).name()) };
        file.parent().unwrap_or(Path::new(""))
    }
}
