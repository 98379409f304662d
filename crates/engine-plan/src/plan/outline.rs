//! The outline of a plan: its steps as they will run, who takes from whom, and what is kept.

use std::fmt::Write as _;

use engine_expr::{Dynamic, DynamicLeaf, Expr, Setting};
use engine_source::Map;
use engine_spec::{BatchSize, ItemAction, OnInvalid, WriteMode};

use super::Plan;
use super::block::Block;
use super::source::{Items, Reading, SinkRecords, Source};
use super::step::{Batch, Step};
use super::target::{Target, Until, Write};
use super::wait::Wait;

impl Plan {
    /// Returns the outline of its steps, a line for each thing.
    pub fn outline(&self) -> String {
        let mut outline = Outline { plan: self, text: String::new(), depth: 0 };
        outline.section("steps", &self.steps);
        outline.section("on_failure", &self.on_failure);
        outline.section("finally", &self.finally);
        for composite in &self.composites {
            let gives = if composite.is_single { "one record" } else { "records" };
            outline.section(&format!("{} gives {gives}", composite.id()), &composite.steps);
        }
        outline.text
    }
}

/// An outline that is being written.
struct Outline<'p> {
    plan: &'p Plan,
    text: String,
    depth: usize,
}

impl Outline<'_> {
    fn line(&mut self, text: &str) {
        // Writing into a text cannot fail.
        _ = writeln!(self.text, "{:1$}{text}", "", self.depth * 2);
    }

    fn section(&mut self, title: &str, steps: &Block) {
        if !steps.is_empty() {
            self.line(&format!("{title}:"));
            self.steps(steps);
        }
    }

    fn steps(&mut self, steps: &Block) {
        self.depth += 1;
        for step in steps {
            self.step(step, steps);
        }
        self.depth -= 1;
    }

    fn step(&mut self, step: &Step, block: &[std::sync::Arc<Step>]) {
        let name = |index: &usize| block.get(*index).map_or("?", |step| step.id.as_str()).to_owned();
        let names = |indexes: &[usize]| indexes.iter().map(name).collect::<Vec<_>>().join(", ");
        let mut notes = Vec::new();
        let mut note = |text: &str, steps: &[usize]| {
            if !steps.is_empty() {
                notes.push(format!("{text} {}", names(steps)));
            }
        };
        note("taken by", &step.consumers);
        note("waits for", &step.waits_for);
        notes.extend(step.kept.all.then(|| "keeps all".to_owned()));
        notes.extend((step.kept.last && !step.kept.all).then(|| "keeps its last".to_owned()));
        notes.extend(step.printed.then(|| "printed".to_owned()));
        notes.extend(step.leaves.then(|| "handed on".to_owned()));
        let notes = if notes.is_empty() { String::new() } else { format!(": {}", notes.join(", ")) };
        self.line(&format!("{} {}{notes}", step.uid, step.path));
        self.depth += 1;
        self.source(step, &name);
        self.shape(step);
        self.target(&step.target);
        if let Some(expect) = &step.expect {
            let schema = expect.schema.as_ref().map(|_| "a schema".to_owned());
            let rules = expect.rules.iter().map(|rule| rule.check.text().to_owned());
            let status = expect.status.iter().map(shown);
            self.line(&format!("expect {}", status.chain(schema).chain(rules).collect::<Vec<_>>().join(", ")));
        }
        if let Some(extract) = &step.extract {
            let fields: Vec<&str> = extract.fields().iter().map(|(name, _)| &*name.value).collect();
            self.line(&format!("extract {}", fields.join(", ")));
        }
        if let Some(concurrency) = &step.concurrency {
            self.line(&format!("concurrency {}", shown(concurrency)));
        }
        self.on_error(step);
        self.depth -= 1;
    }

    fn source(&mut self, step: &Step, name: &dyn Fn(&usize) -> String) {
        if let Some(when) = &step.when {
            self.line(&format!("when {}", when.text()));
        }
        if let Some(items) = step.for_each() {
            let what = match items {
                Items::Step(of) => name(of),
                Items::From(expr) => expr.text().to_owned(),
                Items::List(list) => format!("a list {}", values(list)),
                Items::Product(lists) => format!("all of {}", members(lists)),
            };
            self.line(&format!("for each {what}"));
        }
        for reading in step.reads() {
            let text = match reading {
                Reading::Endpoint(read) => {
                    let mut text = read.endpoint.id();
                    let query = (!read.query.is_empty()).then(|| read.query.keys().collect::<Vec<_>>().join(", "));
                    let headers =
                        (!read.headers.is_empty()).then(|| read.headers.keys().collect::<Vec<_>>().join(", "));
                    let notes = [
                        (!read.params.is_empty()).then(|| format!("params {}", members(&read.params))),
                        query.map(|query| format!("query {query}")),
                        headers.map(|headers| format!("headers {headers}")),
                        read.endpoint.paginate.as_ref().map(|_| "pages".to_owned()),
                        read.endpoint.incremental.as_ref().map(|_| "incremental".to_owned()),
                        read.limit.as_ref().map(|limit| format!("at most {}", shown(limit))),
                    ];
                    notes.into_iter().flatten().for_each(|note| text.extend([", ", &note]));
                    text
                }
                Reading::Composite(read) => {
                    let id = self.plan.composites.get(read.composite).map(|it| it.id()).unwrap_or_default();
                    let incremental = if read.incremental.is_some() { ", incremental" } else { "" };
                    format!("{id}, made of steps, params {}{incremental}", members(&read.params))
                }
            };
            self.line(&format!("read {text}"));
        }
        if let Source::Sink { read, .. } = &step.source {
            let what = match &read.records {
                SinkRecords::Table(table) => format!("table {}", table.text()),
                SinkRecords::Query { query, params } => format!("query {}, params {}", query.as_str(), members(params)),
                SinkRecords::File(path) => {
                    path.as_ref().map_or("its file".to_owned(), |path| format!("file {}", path.text()))
                }
            };
            self.line(&format!("read sink {}, {what}", read.sink.name));
        }
    }

    fn shape(&mut self, step: &Step) {
        let text = |expr: &Option<Expr>| expr.as_ref().map(|expr| expr.text().to_owned());
        if let Some(explode) = text(&step.explode) {
            self.line(&format!("explode {explode}"));
        }
        if !step.vars.is_empty() {
            self.line(&format!("vars {}", members(&step.vars)));
        }
        if let Some(filter) = &step.filter {
            self.line(&format!("where {}", filter.text()));
        }
        if let Some(map) = &step.map {
            let fields: Vec<&str> = map.fields().iter().map(|(name, _)| &*name.value).collect();
            self.line(&format!("map {}", fields.join(", ")));
        }
        if let Some(validate) = &step.validate {
            let schema = validate.schema.as_ref().map(|_| "a schema".to_owned());
            let rules = validate.rules.iter().map(|rule| rule.check.text().to_owned());
            let all: Vec<String> = schema.into_iter().chain(rules).collect();
            let action = match validate.on_invalid {
                OnInvalid::Fail => "fail",
                OnInvalid::Skip => "skip",
                OnInvalid::DeadLetter => "dead_letter",
            };
            self.line(&format!("validate {}, else {action}", all.join(", ")));
        }
        if let Some(Batch { size, bytes, within }) = &step.batch {
            let size = match size {
                BatchSize::All => "all".to_owned(),
                BatchSize::Count(count) => shown(count),
            };
            let bytes = bytes.as_ref().map(|bytes| format!(", {} bytes", shown(bytes))).unwrap_or_default();
            let within = within.as_ref().map(|within| format!(", within {}", shown(within))).unwrap_or_default();
            self.line(&format!("batch {size}{bytes}{within}"));
        }
        if let Some(results) = text(&step.results) {
            self.line(&format!("results {results}"));
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::None => {}
            Target::Call(call) => {
                let body = if call.body.is_some() { ", a body" } else { "" };
                let names = |map: &Map<engine_request::QueryValue>, what: &str| match map.is_empty() {
                    true => String::new(),
                    false => format!(", {what} {}", map.keys().collect::<Vec<_>>().join(", ")),
                };
                let (query, headers) = (names(&call.query, "query"), names(&call.headers, "headers"));
                let params = members(&call.params);
                self.line(&format!("call {}, params {params}{query}{headers}{body}", call.endpoint.id()));
                self.until(call.until.as_ref());
            }
            Target::Composite(call) => {
                let id = self.plan.composites.get(call.composite).map(|it| it.id()).unwrap_or_default();
                self.line(&format!("call {id}, made of steps, params {}", members(&call.params)));
                self.until(call.until.as_ref());
            }
            Target::Write(write) => self.line(&format!("write {}", written(write))),
            Target::Switch(cases) => {
                self.line("switch:");
                self.depth += 1;
                for case in cases {
                    match (&case.condition, &case.default) {
                        (Some(condition), _) => self.line(&format!("case {}:", condition.text())),
                        (None, default) => {
                            let default = default.as_ref().map(shown).unwrap_or_default();
                            self.line(&format!("default {default}:"));
                        }
                    }
                    self.depth += 1;
                    self.step(&case.step, &[]);
                    self.depth -= 1;
                }
                self.depth -= 1;
            }
            Target::Steps(steps) => {
                self.line("steps:");
                self.steps(steps);
            }
            Target::Parallel(branches) => {
                for (index, branch) in branches.iter().enumerate() {
                    self.line(&format!("branch {}:", index + 1));
                    self.steps(branch);
                }
            }
            Target::Flow(flow) => {
                self.line(&format!("flow {}, inputs {}", flow.plan.name, members(&flow.inputs)));
            }
            Target::Wait(wait) => match &**wait {
                Wait::Period(period) => self.line(&format!("wait {}", shown(period))),
                Wait::Until(until) => {
                    self.line("wait");
                    self.until(Some(until));
                }
                Wait::Event { event, timeout } => {
                    let path = event.path.as_ref().map_or("any path", |path| path.text());
                    let timeout = timeout.as_ref().map(|it| format!(", at most {}", shown(it))).unwrap_or_default();
                    self.line(&format!("wait for an event at {path}{timeout}"));
                }
            },
            Target::Log(message) => self.line(&format!("log {}", message.text())),
            Target::Fail(message) => self.line(&format!("fail {}", message.text())),
        }
    }

    fn until(&mut self, until: Option<&Until>) {
        let Some(until) = until else { return };
        let every = until.every.as_ref().map(|every| format!(", every {}", shown(every))).unwrap_or_default();
        let timeout = until.timeout.as_ref().map(|it| format!(", at most {}", shown(it))).unwrap_or_default();
        self.line(&format!("until {}{every}{timeout}", until.condition.text()));
    }

    fn on_error(&mut self, step: &Step) {
        let on_error = &step.on_error;
        let action = match on_error.action {
            ItemAction::Fail => "fail",
            ItemAction::Skip => "skip",
            ItemAction::DeadLetter => "dead_letter",
        };
        if on_error.action == ItemAction::Fail && on_error.retry.is_none() && on_error.steps.is_empty() {
            return;
        }
        let retry = if on_error.retry.is_some() { ", tried again" } else { "" };
        self.line(&format!("on error {action}{retry}"));
        self.steps(&on_error.steps);
    }
}

fn written(write: &Write) -> String {
    let mode = match write.mode {
        None => "",
        Some(WriteMode::Upsert) => ", upsert",
        Some(WriteMode::Append) => ", append",
        Some(WriteMode::Replace) => ", replace",
    };
    let table = write.table.as_ref().map(|table| format!(", table {}", table.text())).unwrap_or_default();
    let path = write.path.as_ref().map(|path| format!(", path {}", path.text())).unwrap_or_default();
    let key = if write.key.is_some() { ", by its key" } else { "" };
    format!("{}{table}{path}{key}{mode}", write.sink.name)
}

/// Returns a setting as it is shown.
fn shown<T: std::fmt::Display>(setting: &Setting<T>) -> String {
    match (setting.as_template(), setting.as_value()) {
        (Some(template), _) => template.text().to_owned(),
        (None, value) => value.map(|value| value.to_string()).unwrap_or_default(),
    }
}

/// Returns the names and values of a map.
fn members(map: &Map<Dynamic>) -> String {
    let shown: Vec<String> = map.iter().map(|(name, value)| format!("{}={}", name.value, values(value))).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
}

/// Returns a value as it is written, as far as that is short.
fn values(value: &Dynamic) -> String {
    if let Some(literal) = value.as_literal() {
        return literal.to_json();
    }
    let mut leaves = Vec::new();
    value.visit(&mut |leaf| {
        leaves.push(match leaf {
            DynamicLeaf::Path(path) => path.text().to_owned(),
            DynamicLeaf::Template(template) => template.text().to_owned(),
        });
    });
    leaves.join(" ")
}
