//! Makes a plan of a spec in which nothing is wrong.

mod block;
mod composite;
mod sink_order;
mod source;
mod step;
mod target;

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use engine_source::{Node, Span};
use engine_spec::{EndpointRef, JsonSchemaSource, MapUse, Mapping, Spec, Text};

use crate::catalog::{Catalog, EndpointEntry};
use crate::check::{At, Checked, StepUse};
use crate::place;
use crate::plan::{Plan, Schema, Sink, Trigger};

pub(crate) use block::prints;

/// Something is not there that the checks have seen.
struct Lost;

/// What a plan is made of.
struct Builder<'a> {
    catalog: &'a Catalog<'a>,
    mappings: HashMap<&'a str, Arc<Mapping>>,
    sinks: Vec<Arc<Sink>>,
    schemas: HashMap<Span, Schema>,
    /// Who names whom, by the addresses of their blocks.
    uses: HashMap<Arc<str>, Vec<StepUse>>,
    flows: &'a HashMap<Span, Arc<Plan>>,
    /// How many steps there are so far.
    count: Cell<usize>,
    /// Whether the steps are those of an endpoint: what they read keeps no state of its own.
    in_endpoint: Cell<bool>,
}

/// Makes the plan; none if something is amiss after all, which the checks should have said.
pub(crate) fn build(
    spec: &Spec,
    root: &Node,
    catalog: &Catalog<'_>,
    checked: Checked,
    flows: &HashMap<Span, Arc<Plan>>,
    path: &Path,
) -> Option<Plan> {
    let Checked { findings: _, step_uses, schemas, flows: _, scopes: _ } = checked;
    let sinks = spec.sinks.iter().map(|(name, sink)| Arc::new(Sink::new(&name.value, name.span, sink.clone())));
    let mappings = spec.mappings.iter().map(|(name, mapping)| (&*name.value, Arc::new(mapping.clone())));
    let mut uses: HashMap<Arc<str>, Vec<StepUse>> = HashMap::new();
    for one in step_uses {
        uses.entry(Arc::clone(&one.block)).or_default().push(one);
    }
    let builder = Builder {
        catalog,
        mappings: mappings.collect(),
        sinks: sinks.collect(),
        schemas,
        uses,
        flows,
        count: Cell::new(0),
        in_endpoint: Cell::new(false),
    };
    let at = At::new(root);
    let steps =
        if spec.steps.is_empty() { builder.everything() } else { builder.flow(&spec.steps, at.get("steps"))? };
    let on_failure = builder.block(&spec.on_failure, at.get("on_failure"), place::ON_FAILURE)?;
    let finally = builder.block(&spec.finally, at.get("finally"), place::FINALLY)?;
    builder.in_endpoint.set(true);
    let composites = builder.composites()?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Some(Plan {
        name: spec.name.as_ref().map(|name| name.as_str().to_owned()).or(stem).unwrap_or_default(),
        name_span: spec.name.as_ref().map(Text::span).unwrap_or_default(),
        description: spec.description.clone(),
        path: path.to_path_buf(),
        sources: Arc::default(),
        inputs: spec.inputs.clone().into_map(),
        secrets: spec.secrets.clone().into_map(),
        vars: spec.vars.clone().into_map(),
        endpoints: catalog.endpoints().filter_map(|entry| entry.effective.clone()).collect(),
        composites,
        sinks: builder.sinks,
        steps,
        on_failure,
        finally,
        triggers: spec.triggers.iter().map(|trigger| Arc::new(Trigger::new(trigger))).collect(),
        trials: Vec::new(),
    })
}

impl<'a> Builder<'a> {
    /// Returns the number of the next step.
    fn number(&self) -> usize {
        let number = self.count.get();
        self.count.set(number + 1);
        number
    }

    fn endpoint(&self, name: &EndpointRef) -> Option<&'a EndpointEntry<'a>> {
        self.catalog.api(&name.api)?.endpoint(&name.endpoint)
    }

    fn sink(&self, name: &str) -> Option<Arc<Sink>> {
        self.sinks.iter().find(|sink| sink.name == name).cloned()
    }

    /// Returns a mapping, if the step has one.
    fn mapping(&self, map: Option<&MapUse>) -> Result<Option<Arc<Mapping>>, Lost> {
        Ok(match map {
            None => None,
            Some(MapUse::Inline(mapping)) => Some(Arc::new(mapping.clone())),
            Some(MapUse::Named(name)) => Some(Arc::clone(self.mappings.get(name.as_str()).ok_or(Lost)?)),
        })
    }

    /// Returns a compiled schema, if there is one.
    fn schema(&self, source: Option<&JsonSchemaSource>) -> Result<Option<Schema>, Lost> {
        let Some(source) = source else { return Ok(None) };
        let span = match source {
            JsonSchemaSource::File(name) => name.span(),
            JsonSchemaSource::Inline(literal) => literal.span(),
        };
        self.schemas.get(&span).cloned().map(Some).ok_or(Lost)
    }
}
