//! Makes a plan of a spec in which nothing is wrong.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use engine_request::Pagination;
use engine_source::{Map, Node, Span};
use engine_spec as spec;
use engine_spec::{EndpointPattern, EndpointRef, ForEach, JsonSchemaSource, MapUse, Mapping, Spec};

use crate::catalog::Catalog;
use crate::check::{At, Checked, StepUse, all};
use crate::plan::{
    Call, Endpoint, Expect, Items, Kept, OnError, Plan, Read, Schema, Sink, Source, Step, Target, Until, Validate,
    Write,
};

/// Something is not there that the checks have seen.
struct Lost;

/// What a plan is made of.
struct Builder<'a> {
    catalog: &'a Catalog<'a>,
    mappings: HashMap<&'a str, Arc<Mapping>>,
    sinks: Vec<Arc<Sink>>,
    schemas: HashMap<Span, Schema>,
    ids: Vec<String>,
}

/// Makes the plan; none if something is amiss after all, which the checks should have said.
pub(crate) fn build(spec: &Spec, root: &Node, catalog: &Catalog<'_>, checked: Checked, path: &Path) -> Option<Plan> {
    let Checked { findings: _, step_uses, schemas } = checked;
    let sinks = spec.sinks.iter().map(|(name, sink)| Arc::new(Sink::new(&name.value, name.span, sink.clone())));
    let mappings = spec.mappings.iter().map(|(name, mapping)| (&*name.value, Arc::new(mapping.clone())));
    let builder =
        Builder { catalog, mappings: mappings.collect(), sinks: sinks.collect(), schemas, ids: ids(&spec.steps) };
    let at = At::new(root).get("steps");
    let mut steps: Vec<Step> = if spec.steps.is_empty() {
        builder.everything().into_iter().collect()
    } else {
        let steps = spec.steps.iter().enumerate();
        steps.map(|(index, step)| builder.step(index, step, at.item(index))).collect::<Option<_>>()?
    };
    connect(&mut steps, &step_uses);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Some(Plan {
        name: spec.name.as_ref().map(|name| name.as_str().to_owned()).or(stem).unwrap_or_default(),
        description: spec.description.clone(),
        path: path.to_path_buf(),
        sources: Arc::default(),
        inputs: spec.inputs.clone().into_map(),
        secrets: spec.secrets.clone().into_map(),
        vars: spec.vars.clone().into_map(),
        endpoints: catalog.endpoints().filter_map(|entry| entry.effective.clone()).collect(),
        sinks: builder.sinks,
        steps: steps.into_iter().map(Arc::new).collect(),
        on_failure: Vec::new(),
        finally: Vec::new(),
    })
}

/// Returns the ids of steps, their own or numbered ones.
fn ids(steps: &[spec::Step]) -> Vec<String> {
    let own: HashSet<&str> = steps.iter().filter_map(|step| step.id.as_ref().map(spec::Name::as_str)).collect();
    let numbered = |index: usize| {
        let mut id = format!("step_{}", index + 1);
        while own.contains(id.as_str()) {
            id.push('_');
        }
        id
    };
    let ids = steps.iter().enumerate();
    ids.map(|(index, step)| step.id.as_ref().map_or_else(|| numbered(index), |id| id.as_str().to_owned())).collect()
}

/// Says of every step who takes its stream, whom it waits for, and whether it is printed.
fn connect(steps: &mut [Step], uses: &[StepUse]) {
    let taken: Vec<(usize, usize)> = steps
        .iter()
        .filter_map(|step| match step.for_each() {
            Some(Items::Step(of)) => Some((step.index, *of)),
            _ => None,
        })
        .collect();
    for (by, of) in taken {
        if let Some(step) = steps.get_mut(of) {
            step.consumers.push(by);
        }
    }
    for one in uses {
        if let Some(step) = steps.get_mut(one.by)
            && !step.waits_for.contains(&one.of)
        {
            step.waits_for.push(one.of);
        }
        if let Some(step) = steps.get_mut(one.of) {
            step.kept.last |= one.last;
            step.kept.all |= one.all;
        }
    }
    for step in steps {
        let hands_on = match &step.target {
            Target::Write(_) | Target::Fail(_) => false,
            // A message alone is no stream.
            Target::Log(_) => !matches!(step.source, Source::Once),
            Target::None => !matches!(step.source, Source::Once) || step.map.is_some(),
            Target::Call(_) => true,
        };
        step.printed = hands_on && step.consumers.is_empty() && !step.kept.last && !step.kept.all;
    }
}

impl Builder<'_> {
    /// Reads all that can be read: what a spec without steps does.
    fn everything(&self) -> Option<Step> {
        let reads: Vec<Read> = self
            .catalog
            .apis()
            .iter()
            .flat_map(|api| all(&api.endpoints))
            .filter_map(|entry| entry.effective.as_ref())
            .map(|endpoint| bare(endpoint, endpoint.span))
            .collect();
        let span = reads.first()?.span;
        let step = spec::Step::default();
        Some(Step { source: Source::Read { over: None, reads }, ..self.shaped(0, "step_1".to_owned(), span, &step)? })
    }

    fn step(&self, index: usize, step: &spec::Step, at: At<'_>) -> Option<Step> {
        let over = match &step.for_each {
            None => None,
            Some(ForEach::Step(name)) => {
                Some(Items::Step(self.ids.iter().take(index).position(|id| id.as_str() == name.as_str())?))
            }
            Some(ForEach::From(from)) => Some(Items::From(from.clone())),
            Some(ForEach::List(list)) => Some(Items::List(list.clone())),
            Some(ForEach::Product(lists)) => Some(Items::Product(lists.clone().into_map())),
        };
        let source = match (&step.read, over) {
            (None, None) => Source::Once,
            (None, Some(items)) => Source::Items(items),
            (Some(read), over) => Source::Read { over, reads: self.reads(read)? },
        };
        let span = step.id.as_ref().map_or_else(|| at.span(), spec::Name::span);
        let id = self.ids.get(index)?.clone();
        Some(Step { source, ..self.shaped(index, id, span, step)? })
    }

    /// Makes a step without its source.
    fn shaped(&self, index: usize, id: String, span: Span, step: &spec::Step) -> Option<Step> {
        let map = self.mapping(step.map.as_ref()).ok()?;
        let validate = match &step.validate {
            None => None,
            Some(it) => Some(Validate {
                schema: self.schema(it.schema.as_ref()).ok()?,
                rules: it.rules.clone(),
                on_invalid: it.on_invalid.unwrap_or_default(),
            }),
        };
        let expect = match &step.expect {
            None => None,
            Some(it) => Some(Expect {
                status: it.status.iter().flatten().cloned().collect(),
                schema: self.schema(it.schema.as_ref()).ok()?,
                rules: it.rules.clone(),
            }),
        };
        Some(Step {
            id,
            index,
            span,
            when: step.when.clone(),
            source: Source::Once,
            vars: step.vars.clone().into_map(),
            filter: step.filter.clone(),
            map,
            validate,
            target: self.target(step)?,
            expect,
            extract: self.mapping(step.extract.as_ref()).ok()?,
            concurrency: step.concurrency.clone(),
            on_error: OnError { action: step.on_error.as_ref().map(spec::OnError::action).unwrap_or_default() },
            consumers: Vec::new(),
            printed: false,
            waits_for: Vec::new(),
            kept: Kept::default(),
        })
    }

    /// Returns a mapping, if the step has one.
    fn mapping(&self, map: Option<&MapUse>) -> Result<Option<Arc<Mapping>>, Lost> {
        Ok(match map {
            None => None,
            Some(MapUse::Inline(mapping)) => Some(Arc::new(mapping.clone())),
            Some(MapUse::Named(name)) => Some(Arc::clone(self.mappings.get(name.as_str()).ok_or(Lost)?)),
        })
    }

    fn target(&self, step: &spec::Step) -> Option<Target> {
        if let Some(call) = &step.call {
            return Some(Target::Call(Box::new(Call {
                endpoint: self.endpoint(&call.endpoint)?,
                params: call.params.clone(),
                query: call.query.clone(),
                headers: call.headers.clone(),
                body: call.body.clone(),
                until: call.until.as_ref().map(|until| Until {
                    condition: until.clone(),
                    every: call.every.clone(),
                    timeout: call.timeout.clone(),
                }),
                span: call.endpoint.span,
            })));
        }
        if let Some(write) = &step.write {
            let name = write.sink();
            let long = write.long();
            return Some(Target::Write(Box::new(Write {
                sink: Arc::clone(self.sinks.iter().find(|sink| sink.name == name.as_str())?),
                table: long.and_then(|long| long.table.clone()),
                path: long.and_then(|long| long.path.clone()),
                key: long.and_then(|long| long.key.clone()),
                mode: long.and_then(|long| long.mode),
                create: long.and_then(|long| long.create.clone()),
                span: name.span(),
            })));
        }
        if let Some(log) = &step.log {
            return Some(Target::Log(log.clone()));
        }
        Some(step.fail.clone().map_or(Target::None, Target::Fail))
    }

    fn reads(&self, read: &spec::Read) -> Option<Vec<Read>> {
        match read {
            spec::Read::Endpoint(pattern) => self.matching(pattern),
            spec::Read::Many(patterns) => {
                let mut reads = Vec::new();
                for pattern in patterns {
                    reads.extend(self.matching(pattern)?);
                }
                Some(reads)
            }
            spec::Read::Long(long) => {
                let endpoint = self.endpoint(&long.endpoint)?;
                let endpoint = match &long.paginate {
                    None => endpoint,
                    Some(paginate) => {
                        let paginate = paginate.as_set().filter(|it| !matches!(it, Pagination::None(_))).cloned();
                        Arc::new(Endpoint { paginate, ..Endpoint::clone(&endpoint) })
                    }
                };
                let endpoint = match &long.incremental {
                    None => endpoint,
                    Some(own) => {
                        let incremental = own.as_set().map(|own| own.over(endpoint.incremental.as_ref()));
                        Arc::new(Endpoint { incremental, ..Endpoint::clone(&endpoint) })
                    }
                };
                Some(vec![Read {
                    endpoint,
                    params: long.params.clone(),
                    query: long.query.clone(),
                    headers: long.headers.clone(),
                    limit: long.limit.clone(),
                    span: long.endpoint.span,
                }])
            }
            spec::Read::Table(_) | spec::Read::Query(_) => None,
        }
    }

    fn matching(&self, pattern: &EndpointPattern) -> Option<Vec<Read>> {
        Some(match pattern {
            EndpointPattern::One(name) => vec![bare(&self.endpoint(name)?, name.span)],
            EndpointPattern::All(api) => {
                let endpoints = &self.catalog.api(&api.value)?.endpoints;
                all(endpoints).filter_map(|entry| entry.effective.as_ref()).map(|it| bare(it, api.span)).collect()
            }
        })
    }

    fn endpoint(&self, name: &EndpointRef) -> Option<Arc<Endpoint>> {
        self.catalog.api(&name.api)?.endpoint(&name.endpoint)?.effective.clone()
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

/// Makes a read that says nothing but the endpoint.
fn bare(endpoint: &Arc<Endpoint>, span: Span) -> Read {
    Read {
        endpoint: Arc::clone(endpoint),
        params: Map::new(),
        query: Map::new(),
        headers: Map::new(),
        limit: None,
        span,
    }
}
