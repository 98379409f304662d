//! The outline of a plan: its steps as they will run, who takes from whom, and what is kept.

mod source;
mod target;

use std::fmt::Write as _;

use engine_expr::{Dynamic, DynamicLeaf, Expr, Setting};
use engine_source::Map;
use engine_spec::{BatchSize, ItemAction, OnInvalid};

use super::Plan;
use super::block::Block;
use super::step::{Batch, Step};

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
        note("reads after", &step.reads_after);
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

/// Returns a setting as it is shown.
fn shown<T: std::fmt::Display>(setting: &Setting<T>) -> String {
    match (setting.as_template(), setting.as_value()) {
        (Some(template), _) => template.text().to_owned(),
        (None, value) => value.map(ToString::to_string).unwrap_or_default(),
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
