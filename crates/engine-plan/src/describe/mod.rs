//! What a plan would do, as data: each step with its source, shape and target, each endpoint with what holds for it and where that is
//! written. Says it of the checked plan, so that it is what runs; the places come from the tree that the plan was made of.

mod beginning;
mod endpoint;
mod fill;
mod flat;
mod request;
mod step;

use std::collections::BTreeSet;

use serde::Serialize;

pub use beginning::{Beginning, Beginnings};
pub use endpoint::{EndpointDescription, Provenance, SettingDescription};
pub use fill::Fill;
pub use request::RequestDescription;
pub use step::{CaseDescription, FieldDescription, ReadDescription, StepBlock, StepDescription, TargetDescription};

use crate::merged::Merged;
use crate::plan::{Block, Plan, Reading, Step, Target};

/// What a plan would do.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The name of the flow.
    pub flow: String,
    /// What it does, for people.
    pub description: Option<String>,
    /// The file of the spec, and those that it is made of.
    pub files: Vec<String>,
    /// The steps of the flow.
    pub steps: Vec<StepDescription>,
    /// Steps for when a run failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<StepDescription>,
    /// Steps that always run last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finally: Vec<StepDescription>,
    /// The endpoints made of steps that are used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub made_of_steps: Vec<CompositeDescription>,
    /// The endpoints with a request that are used, and what holds for each.
    pub endpoints: Vec<EndpointDescription>,
    /// The endpoints that are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<String>,
    /// The sinks.
    pub sinks: Vec<SinkDescription>,
}

/// An endpoint made of steps.
#[derive(Clone, Debug, Serialize)]
pub struct CompositeDescription {
    /// Its name: `API.ENDPOINT`.
    pub id: String,
    /// What it does, for people.
    pub description: Option<String>,
    /// What it is made of.
    pub steps: Vec<StepDescription>,
}

/// Where records are written to.
#[derive(Clone, Debug, Serialize)]
pub struct SinkDescription {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Where it is: a path or a URL, without secrets.
    pub to: Option<String>,
    /// The steps that write to it, by their addresses.
    pub written_by: Vec<String>,
    /// The steps that read it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read_by: Vec<String>,
    /// Where it is written in the spec.
    pub at: Option<String>,
}

impl Plan {
    /// Describes what it would do.
    pub fn describe(&self, merged: &Merged, fill: &Fill) -> Description {
        let describer = Describer { plan: self, merged, fill };
        let used = describer.used();
        let all = self.endpoints.iter().map(|endpoint| endpoint.id());
        let composites = self.composites.iter().filter(|composite| used.contains(&composite.id()));
        Description {
            flow: self.name.clone(),
            description: self.description.clone(),
            files: self.sources.iter().map(|(_, file)| file.name().to_owned()).collect(),
            steps: describer.steps(&self.steps),
            on_failure: describer.steps(&self.on_failure),
            finally: describer.steps(&self.finally),
            made_of_steps: composites
                .map(|composite| CompositeDescription {
                    id: composite.id(),
                    description: composite.description.clone(),
                    steps: describer.steps(&composite.steps),
                })
                .collect(),
            endpoints: self
                .endpoints
                .iter()
                .filter(|endpoint| used.contains(&endpoint.id()))
                .map(|endpoint| describer.endpoint(endpoint))
                .collect(),
            unused: all.filter(|id| !used.contains(id)).collect(),
            sinks: self.sinks.iter().map(|sink| describer.sink(sink)).collect(),
        }
    }
}

/// Describes the parts of one plan.
struct Describer<'a> {
    plan: &'a Plan,
    merged: &'a Merged,
    fill: &'a Fill,
}

impl Describer<'_> {
    /// Returns the endpoints that the flow uses, those made of steps too, and those by which it logs in.
    fn used(&self) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        let mut blocks: Vec<&Block> = vec![&self.plan.steps, &self.plan.on_failure, &self.plan.finally];
        while let Some(block) = blocks.pop() {
            block.walk(&mut |step| {
                for id in self.uses(step) {
                    if used.insert(id.clone())
                        && let Some(composite) = self.plan.composite(&id)
                    {
                        blocks.push(&composite.steps);
                    }
                }
            });
        }
        let logins: Vec<String> = used
            .iter()
            .filter_map(|id| self.plan.endpoint(id))
            .flat_map(|endpoint| endpoint::logins(endpoint))
            .collect();
        used.extend(logins);
        used
    }

    /// Returns the endpoints that a step itself uses.
    fn uses(&self, step: &Step) -> Vec<String> {
        let composite = |number: usize| self.plan.composites.get(number).map(|composite| composite.id());
        let mut ids: Vec<String> = step
            .reads()
            .iter()
            .filter_map(|reading| match reading {
                Reading::Endpoint(read) => Some(read.endpoint.id()),
                Reading::Composite(read) => composite(read.composite),
            })
            .collect();
        ids.extend(match &step.target {
            Target::Call(call) => Some(call.endpoint.id()),
            Target::Composite(call) => composite(call.composite),
            _ => None,
        });
        ids
    }

    /// Goes over the steps of the plan and says which of them use something.
    fn users(&self, is_user: impl Fn(&Step) -> bool) -> Vec<String> {
        let mut users = Vec::new();
        self.plan.walk(&mut |step| {
            if is_user(step) {
                users.push(step.path.clone());
            }
        });
        users
    }

    fn sink(&self, sink: &crate::plan::Sink) -> SinkDescription {
        use engine_spec::Sink as Kind;
        let to = match &sink.sink {
            Kind::Stdout(_) => None,
            Kind::Jsonl(it) => Some(&it.path),
            Kind::Csv(it) => Some(&it.path),
            Kind::Parquet(it) => Some(&it.path),
            Kind::Sqlite(it) => Some(&it.path),
            Kind::Postgres(it) => Some(&it.url),
        };
        let writes = |step: &Step| matches!(&step.target, Target::Write(write) if write.sink.name == sink.name);
        let reads =
            |step: &Step| matches!(&step.source, crate::plan::Source::Sink { read, .. } if read.sink.name == sink.name);
        SinkDescription {
            name: sink.name.clone(),
            kind: sink.sink.kind(),
            to: to.map(|to| without_password(self.fill.text(to))),
            written_by: self.users(writes),
            read_by: self.users(reads),
            at: self.merged.place_of(&["sinks", &sink.name]),
        }
    }
}

/// Hides the password of a URL.
fn without_password(text: String) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text };
    let Some((user, host)) = rest.split_once('@') else { return text };
    match user.split_once(':') {
        Some((user, _)) if !user.contains('/') => format!("{scheme}://{user}:***@{host}"),
        _ => text,
    }
}
