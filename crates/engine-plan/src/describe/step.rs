//! Steps: where their items come from, how they are shaped, what is done with them, and who takes what comes of it.

use engine_expr::{Dynamic, Expr};
use engine_request::QueryValue;
use engine_source::Map;
use engine_spec::{BatchSize, ItemAction, Mapping, OnInvalid, WriteMode};
use serde::Serialize;
use serde_json::Value as Json;

use super::beginning::Beginning;
use super::endpoint::shown;
use super::request::{RequestDescription, Uses};
use super::{Describer, flat};
use crate::plan::{
    Block, CompositeRead, Endpoint, Items, Read, Reading, SinkRecords, Source, Step, Target, Until, Wait, Write,
};

/// A step.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StepDescription {
    /// Its id.
    pub id: String,
    /// Its address.
    pub path: String,
    /// Where it is written.
    pub at: Option<String>,
    /// False skips it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What it is done for each of: a step's id, a path, a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// The endpoints that it reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<ReadDescription>,
    /// What it reads of a sink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads_sink: Option<String>,
    /// What each item is taken apart into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explode: Option<String>,
    /// Values that are computed once per item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vars: Vec<FieldDescription>,
    /// Items for which it is false are dropped.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The fields that the item becomes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub map: Vec<FieldDescription>,
    /// What must be true of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate: Option<String>,
    /// How items are gathered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// What is done with the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetDescription>,
    /// What must be true of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// What the answer becomes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extract: Vec<FieldDescription>,
    /// How many items are worked on at once.
    pub concurrency: String,
    /// What becomes of an item that fails.
    pub on_error: String,
    /// The cases of a `switch`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseDescription>,
    /// The steps within it: `steps`, `branch 1`, `on error`, or another flow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<StepBlock>,
    /// The steps that take its stream.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken_by: Vec<String>,
    /// The steps whose end it waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// Whether its stream is printed.
    pub printed: bool,
    /// Whether all its records are kept on disk for the steps that ask for `steps.ID.items` or look something up in them.
    pub spooled: bool,
}

/// An endpoint that is read.
#[derive(Clone, Debug, Serialize)]
pub struct ReadDescription {
    /// Its name: `API.ENDPOINT`.
    pub endpoint: String,
    /// Whether it is made of steps.
    pub made_of_steps: bool,
    /// What its params are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<FieldDescription>,
    /// The request of the first page; nothing of one made of steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestDescription>,
    /// How pages follow each other; nothing if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagination: Option<String>,
    /// How only what is new is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental: Option<String>,
    /// How many records are read at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

/// What is done with an item.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TargetDescription {
    /// Its kind: `call`, `write`, `switch`, `steps`, `parallel`, `flow`, `wait`, `log`, `fail`.
    pub kind: &'static str,
    /// What it is, in words.
    pub text: String,
    /// The endpoint that is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What its params are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<FieldDescription>,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestDescription>,
    /// The sink that is written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
}

/// A name and what it stands for.
#[derive(Clone, Debug, Serialize)]
pub struct FieldDescription {
    /// The name.
    pub name: String,
    /// The value as it is written, what is known filled in.
    pub value: String,
}

/// A case of a `switch`.
#[derive(Clone, Debug, Serialize)]
pub struct CaseDescription {
    /// When it takes an item; nothing of the one that takes the rest.
    pub case: Option<String>,
    /// What is done.
    pub step: StepDescription,
}

/// Steps within a step.
#[derive(Clone, Debug, Serialize)]
pub struct StepBlock {
    /// What they are.
    pub title: String,
    /// The steps.
    pub steps: Vec<StepDescription>,
}

impl Describer<'_> {
    /// Describes the steps of a block.
    pub(super) fn steps(&self, block: &Block) -> Vec<StepDescription> {
        block.iter().map(|step| self.step(step, block)).collect()
    }

    fn step(&self, step: &Step, block: &[std::sync::Arc<Step>]) -> StepDescription {
        let name = |index: &usize| block.get(*index).map(|step| step.id.clone());
        let names = |indexes: &[usize]| indexes.iter().filter_map(name).collect::<Vec<_>>();
        let cases = step.cases().iter().map(|case| CaseDescription {
            case: case.condition.as_ref().map(|condition| condition.text().to_owned()),
            step: self.step(&case.step, &[]),
        });
        let mut waits_for = names(&step.waits_for);
        waits_for.extend(names(&step.reads_after).into_iter().filter(|id| !waits_for.contains(id)).collect::<Vec<_>>());
        StepDescription {
            id: step.id.clone(),
            path: step.path.clone(),
            at: self.merged.place(step.span),
            when: step.when.as_ref().map(|when| when.text().to_owned()),
            for_each: step.for_each().map(|items| self.items(items, &name)),
            reads: step.reads().iter().enumerate().map(|(number, it)| self.reading(step, number, it)).collect(),
            reads_sink: self.sink_read(step),
            explode: step.explode.as_ref().map(|explode| explode.text().to_owned()),
            vars: self.named(&step.vars),
            filter: step.filter.as_ref().map(|filter| filter.text().to_owned()),
            map: step.map.as_deref().map(|map| self.fields(map)).unwrap_or_default(),
            validate: step.validate.as_ref().map(|validate| {
                let schema = validate.schema.as_ref().map(|_| "a schema".to_owned());
                let rules = validate.rules.iter().map(|rule| rule.check.text().to_owned());
                let all: Vec<String> = schema.into_iter().chain(rules).collect();
                let action = match validate.on_invalid {
                    OnInvalid::Fail => "fail",
                    OnInvalid::Skip => "skip",
                    OnInvalid::DeadLetter => "dead_letter",
                };
                let all = if all.is_empty() { "its mapping".to_owned() } else { all.join("; ") };
                format!("{all}, else {action}")
            }),
            batch: step.batch.as_ref().map(|batch| {
                let size = match &batch.size {
                    BatchSize::All => "all".to_owned(),
                    BatchSize::Count(count) => shown(count),
                };
                let bytes = batch.bytes.as_ref().map(|bytes| format!(", at most {}", shown(bytes)));
                let within = batch.within.as_ref().map(|within| format!(", within {}", shown(within)));
                let results = step.results.as_ref().map(|results| format!(", results {}", results.text()));
                [Some(size), bytes, within, results].into_iter().flatten().collect()
            }),
            target: self.target(step),
            expect: step.expect.as_ref().map(|expect| {
                let status = expect.status.iter().map(shown);
                let schema = expect.schema.as_ref().map(|_| "a schema".to_owned());
                let rules = expect.rules.iter().map(|rule| rule.check.text().to_owned());
                status.chain(schema).chain(rules).collect::<Vec<_>>().join(", ")
            }),
            extract: step.extract.as_deref().map(|map| self.fields(map)).unwrap_or_default(),
            concurrency: step.concurrency.as_ref().map_or_else(|| "1".to_owned(), shown),
            on_error: on_error(step),
            cases: cases.collect(),
            blocks: self.blocks(step),
            taken_by: names(&step.consumers),
            waits_for,
            printed: step.printed,
            spooled: step.kept.all,
        }
    }

    fn blocks(&self, step: &Step) -> Vec<StepBlock> {
        let mut blocks = Vec::new();
        let mut add = |title: String, steps: Vec<StepDescription>| {
            if !steps.is_empty() {
                blocks.push(StepBlock { title, steps });
            }
        };
        match &step.target {
            Target::Steps(block) => add("steps".to_owned(), self.steps(block)),
            Target::Parallel(branches) => {
                for (index, branch) in branches.iter().enumerate() {
                    add(format!("branch {}", index + 1), self.steps(branch));
                }
            }
            Target::Flow(call) => {
                let within = Describer { plan: &call.plan, ..*self };
                add(format!("flow {}", call.plan.name), within.steps(&call.plan.steps));
            }
            _ => {}
        }
        add("on error".to_owned(), self.steps(&step.on_error.steps));
        blocks
    }

    fn items(&self, items: &Items, name: &dyn Fn(&usize) -> Option<String>) -> String {
        match items {
            Items::Step(of) => name(of).unwrap_or_default(),
            Items::From(expr) => self.expr(expr),
            Items::List(list) => flat::text(&self.fill.value(list)),
            Items::Product(lists) => {
                let lists: Vec<String> = lists
                    .iter()
                    .map(|(name, list)| format!("{} in {}", name.value, flat::text(&self.fill.value(list))))
                    .collect();
                format!("every combination of {}", lists.join(", "))
            }
        }
    }

    fn expr(&self, expr: &Expr) -> String {
        match expr {
            Expr::Path(path) => path.text().to_owned(),
            Expr::Template(template) => self.fill.text(template),
        }
    }

    fn reading(&self, step: &Step, number: usize, reading: &Reading) -> ReadDescription {
        match reading {
            Reading::Endpoint(read) => self.read(read, self.fill.beginning(&self.plan.name, &step.path, number)),
            Reading::Composite(read) => self.composite_read(read),
        }
    }

    fn read(&self, read: &Read, beginning: Option<&Beginning>) -> ReadDescription {
        let endpoint = &read.endpoint;
        let uses = Uses { params: &read.params, query: &read.query, headers: &read.headers, body: None, beginning };
        ReadDescription {
            endpoint: endpoint.id(),
            made_of_steps: false,
            params: self.named(&read.params),
            request: Some(self.request(endpoint, &uses)),
            pagination: endpoint.paginate.as_ref().map(|it| flat::tagged(&flat::json(it, self.fill))),
            incremental: endpoint.incremental.as_ref().map(|it| flat::members_of(&flat::json(it, self.fill))),
            limit: read.limit.as_ref().map(shown),
        }
    }

    fn composite_read(&self, read: &CompositeRead) -> ReadDescription {
        ReadDescription {
            endpoint: self.plan.composites.get(read.composite).map(|it| it.id()).unwrap_or_default(),
            made_of_steps: true,
            params: self.named(&read.params),
            request: None,
            pagination: None,
            incremental: read.incremental.as_ref().map(|it| flat::members_of(&flat::json(it, self.fill))),
            limit: read.limit.as_ref().map(shown),
        }
    }

    fn sink_read(&self, step: &Step) -> Option<String> {
        let Source::Sink { read, .. } = &step.source else { return None };
        let what = match &read.records {
            SinkRecords::Table(table) => format!(", table {}", self.fill.text(table)),
            SinkRecords::Query { query, params } => {
                let params: Vec<String> =
                    self.named(params).into_iter().map(|param| format!(":{} = {}", param.name, param.value)).collect();
                let params = if params.is_empty() { String::new() } else { format!(" with {}", params.join(", ")) };
                format!(", {}{params}", query.as_str().split_whitespace().collect::<Vec<_>>().join(" "))
            }
            SinkRecords::File(Some(path)) => format!(", file {}", self.fill.text(path)),
            SinkRecords::File(None) => String::new(),
        };
        Some(format!("{}{what}", read.sink.name))
    }

    fn target(&self, step: &Step) -> Option<TargetDescription> {
        let plain = |kind, text| Some(TargetDescription { kind, text, ..TargetDescription::default() });
        match &step.target {
            Target::None => None,
            Target::Call(call) => {
                let uses = Uses {
                    params: &call.params,
                    query: &call.query,
                    headers: &call.headers,
                    body: call.body.as_ref(),
                    beginning: None,
                };
                Some(self.call(&call.endpoint, &uses, call.until.as_ref()))
            }
            Target::Composite(call) => {
                let id = self.plan.composites.get(call.composite).map(|it| it.id()).unwrap_or_default();
                Some(TargetDescription {
                    kind: "call",
                    text: format!("{id}, made of steps{}", until(call.until.as_ref(), "1h")),
                    endpoint: Some(id),
                    params: self.named(&call.params),
                    ..TargetDescription::default()
                })
            }
            Target::Write(write) => Some(TargetDescription {
                kind: "write",
                text: self.written(step, write),
                sink: Some(write.sink.name.clone()),
                ..TargetDescription::default()
            }),
            Target::Switch(cases) => plain("switch", format!("the first of {} cases that takes the item", cases.len())),
            Target::Steps(block) => plain("steps", format!("{} for each item", counted(block.len(), "step"))),
            Target::Parallel(branches) => plain("parallel", format!("{} at once", counted(branches.len(), "branch"))),
            Target::Flow(call) => {
                let inputs: Vec<String> =
                    self.named(&call.inputs).into_iter().map(|it| format!("{} {}", it.name, it.value)).collect();
                let inputs = if inputs.is_empty() { String::new() } else { format!(", given {}", inputs.join(", ")) };
                plain("flow", format!("{}, {}{inputs}", call.plan.name, call.plan.path.display()))
            }
            Target::Wait(wait) => match &**wait {
                Wait::Period(period) => plain("wait", shown(period)),
                Wait::Until(one) => plain("wait", until(Some(one), "").trim_start_matches(", ").to_owned()),
                Wait::Event { event, timeout } => {
                    let path = event.path.as_ref().map_or_else(|| "any path".to_owned(), |path| self.fill.text(path));
                    let timeout = timeout.as_ref().map(|it| format!(", at most {}", shown(it))).unwrap_or_default();
                    plain("wait", format!("for an event at {path}{timeout}"))
                }
            },
            Target::Log(message) => plain("log", self.fill.text(message)),
            Target::Fail(message) => plain("fail", self.fill.text(message)),
        }
    }

    fn call(&self, endpoint: &Endpoint, uses: &Uses<'_>, again: Option<&Until>) -> TargetDescription {
        let names = |map: &Map<QueryValue>| map.keys().map(str::to_owned).collect::<Vec<_>>().join(", ");
        let query = (!uses.query.is_empty()).then(|| format!(", query {}", names(uses.query)));
        let headers = (!uses.headers.is_empty()).then(|| format!(", headers {}", names(uses.headers)));
        let body = uses.body.map(|_| ", a body of its own".to_owned());
        let own: String = [query, headers, body].into_iter().flatten().collect();
        TargetDescription {
            kind: "call",
            text: format!("{}{own}{}", endpoint.id(), until(again, "1h")),
            endpoint: Some(endpoint.id()),
            params: self.named(uses.params),
            request: Some(self.request(endpoint, uses)),
            sink: None,
        }
    }

    fn written(&self, step: &Step, write: &Write) -> String {
        let key = step.key(0);
        let mode = match write.mode(key) {
            WriteMode::Upsert => "upsert",
            WriteMode::Append => "append",
            WriteMode::Replace => "replace",
        };
        let to = match (&write.table, &write.path) {
            (Some(table), _) => format!(", table {}", self.fill.text(table)),
            (None, Some(path)) => format!(", file {}", self.fill.text(path)),
            (None, None) if write.sink.sink.has_tables() => ", table {{ stream }}".to_owned(),
            (None, None) => String::new(),
        };
        let key = key.map(|key| format!(" by {}", flat::text(&flat::json(key, self.fill)))).unwrap_or_default();
        format!("{}{to}, {mode}{key}", write.sink.name)
    }

    fn named(&self, values: &Map<Dynamic>) -> Vec<FieldDescription> {
        let field = |name: &str, value: &Dynamic| FieldDescription {
            name: name.to_owned(),
            value: flat::text(&self.fill.value(value)),
        };
        values.iter().map(|(name, value)| field(&name.value, value)).collect()
    }

    fn fields(&self, mapping: &Mapping) -> Vec<FieldDescription> {
        let field = |name: &str, value: Json| FieldDescription { name: name.to_owned(), value: long_form(&value) };
        mapping.fields().iter().map(|(name, value)| field(&name.value, flat::json(value, self.fill))).collect()
    }
}

/// Says the long form of a field as people would: `$.customer.id (type string, required true)`.
fn long_form(value: &Json) -> String {
    let Some(members) = value.as_object() else { return flat::text(value) };
    match members.get("from") {
        Some(from) => {
            let rest: Vec<String> = members
                .iter()
                .filter(|(name, _)| *name != "from")
                .map(|(name, value)| format!("{name} {}", flat::text(value)))
                .collect();
            if rest.is_empty() { flat::text(from) } else { format!("{} ({})", flat::text(from), rest.join(", ")) }
        }
        None => flat::text(value),
    }
}

fn on_error(step: &Step) -> String {
    let action = match step.on_error.action {
        ItemAction::Fail => "fail",
        ItemAction::Skip => "skip",
        ItemAction::DeadLetter => "dead_letter",
    };
    let retry = if step.on_error.retry.is_some() { ", after the item was tried again" } else { "" };
    format!("{action}{retry}")
}

fn until(until: Option<&Until>, longest: &str) -> String {
    let Some(until) = until else { return String::new() };
    let every = until.every.as_ref().map_or_else(|| "10s".to_owned(), shown);
    let timeout = until.timeout.as_ref().map(shown).or_else(|| (!longest.is_empty()).then(|| longest.to_owned()));
    let timeout = timeout.map(|timeout| format!(", at most {timeout}")).unwrap_or_default();
    format!(", again every {every} until {}{timeout}", until.condition.text())
}

fn counted(count: usize, noun: &str) -> String {
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "branch") => format!("{count} branches"),
        _ => format!("{count} {noun}s"),
    }
}
