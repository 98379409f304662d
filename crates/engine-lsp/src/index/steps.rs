//! Walks over steps and mappings.

use std::sync::Arc;

use engine_source::{Entry, Kind, Node};

use super::Symbol;
use super::spec::{Block, Walk, one_or_many};
use crate::names::is_name;

impl Walk<'_> {
    /// Returns the ids of a list of steps.
    pub(super) fn block(steps: &Node) -> Block {
        let id = |step: &Node| match step.get("id").map(Node::kind) {
            Some(Kind::String(id)) => Some(Arc::clone(id)),
            _ => None,
        };
        (steps.span().start, steps.items().iter().filter_map(id).collect())
    }

    /// Walks over a list of steps within what it is in.
    pub(super) fn steps(&mut self, steps: &Node) {
        self.blocks.push(Self::block(steps));
        self.each_step(steps);
        self.blocks.pop();
    }

    /// Walks over the steps of the innermost list.
    pub(super) fn each_step(&mut self, steps: &Node) {
        steps.items().iter().for_each(|step| self.a_step(step));
    }

    fn a_step(&mut self, step: &Node) {
        let vars = step.get("vars");
        if let Some(vars) = vars {
            let names = vars.entries().iter().map(|entry| Arc::clone(&entry.key.text)).collect();
            self.vars.push((vars.span().start, names));
        }
        step.entries().iter().for_each(|entry| self.step_member(entry, step));
        if vars.is_some() {
            self.vars.pop();
        }
    }

    fn step_member(&mut self, entry: &Entry, step: &Node) {
        let value = &entry.value;
        match &*entry.key.text {
            "id" => {
                if let Kind::String(id) = value.kind() {
                    let block = self.blocks.last().map(|(start, _)| *start);
                    self.define_scalar(value, Symbol::Step(block, Arc::clone(id)), step.span());
                }
            }
            "for_each" => match value.kind() {
                Kind::String(id) if is_name(id) => {
                    let symbol = self.step_named(id);
                    let span = self.inner(value.span(), id);
                    self.uses(span, symbol);
                }
                _ => self.data(value),
            },
            "read" | "call" => one_or_many(value).iter().for_each(|one| self.exchange(one)),
            "write" => self.sink_use(value),
            "map" | "extract" => match value.kind() {
                Kind::String(name) if is_name(name) => {
                    let span = self.inner(value.span(), name);
                    self.uses(span, Symbol::Mapping(Arc::clone(name)));
                }
                _ => self.mapping(value),
            },
            "vars" => {
                for var in value.entries() {
                    let symbol = Symbol::Var(Some(value.span().start), Arc::clone(&var.key.text));
                    self.define(&var.key, symbol, &var.value);
                    self.data(&var.value);
                }
            }
            "steps" | "switch" => self.steps(value),
            "parallel" => value.items().iter().for_each(|branch| self.steps(branch)),
            "on_error" => {
                for member in value.entries() {
                    if &*member.key.text == "steps" { self.steps(&member.value) } else { self.settings(&member.value) }
                }
            }
            "flow" => self.flow(value),
            _ => self.setting(entry),
        }
    }

    /// Takes what a step reads or calls.
    fn exchange(&mut self, node: &Node) {
        let Kind::Map(entries) = node.kind() else { return self.endpoint_name(node) };
        let endpoint = node.get("endpoint").and_then(Node::as_str).and_then(|text| text.split_once('.'));
        for entry in entries {
            match (&*entry.key.text, endpoint) {
                ("endpoint", _) => self.endpoint_name(&entry.value),
                ("sink", _) => self.sink_use(&entry.value),
                ("params", Some((api, endpoint))) => {
                    for param in entry.value.entries() {
                        let symbol = Symbol::Param(api.into(), endpoint.into(), Arc::clone(&param.key.text));
                        self.uses_key(&param.key, symbol);
                        self.data(&param.value);
                    }
                }
                ("query" | "headers" | "body" | "params", _) => self.data(&entry.value),
                _ => self.setting(entry),
            }
        }
    }

    fn sink_use(&mut self, node: &Node) {
        match node.kind() {
            Kind::String(name) => {
                let span = self.inner(node.span(), name);
                self.uses(span, Symbol::Sink(Arc::clone(name)));
            }
            _ => {
                for entry in node.entries() {
                    if &*entry.key.text == "sink" { self.sink_use(&entry.value) } else { self.data(&entry.value) }
                }
            }
        }
    }

    fn flow(&mut self, node: &Node) {
        let Some(Kind::String(file)) = node.get("spec").map(Node::kind) else { return self.settings(node) };
        for entry in node.entries() {
            match &*entry.key.text {
                "spec" => {
                    let span = self.inner(entry.value.span(), file);
                    self.uses(span, Symbol::File(Arc::clone(file)));
                }
                "inputs" => {
                    for input in entry.value.entries() {
                        let symbol = Symbol::ForeignInput(Arc::clone(file), Arc::clone(&input.key.text));
                        self.uses_key(&input.key, symbol);
                        self.data(&input.value);
                    }
                }
                _ => self.settings(&entry.value),
            }
        }
    }

    /// Walks over a mapping, or the long form of a field.
    pub(super) fn mapping(&mut self, node: &Node) {
        let is_long = ["from", "value", "each"].iter().any(|sign| node.get(sign).is_some());
        for entry in node.entries() {
            match &*entry.key.text {
                "when" if is_long => self.condition(&entry.value),
                "lookup" if is_long => self.lookup(&entry.value),
                _ => self.mapping(&entry.value),
            }
        }
        if !matches!(node.kind(), Kind::Map(_)) {
            self.data(node);
        }
    }

    fn lookup(&mut self, node: &Node) {
        for entry in node.entries() {
            match entry.value.kind() {
                Kind::String(text) if &*entry.key.text == "in" && text.starts_with("steps.") => {
                    let id = text.trim_start_matches("steps.");
                    let symbol = self.step_named(id);
                    let span = self.sources.within(entry.value.span(), text.len() - id.len()..text.len());
                    self.uses(span, symbol);
                }
                _ => self.data(&entry.value),
            }
        }
    }

    /// Returns the step that an id means here.
    pub(super) fn step_named(&self, id: &str) -> Symbol {
        let holds = |(_, ids): &&Block| ids.iter().any(|known| **known == *id);
        Symbol::Step(self.blocks.iter().rev().find(holds).map(|(start, _)| *start), id.into())
    }

    /// Returns the var that a name means here.
    pub(super) fn var_named(&self, name: &str) -> Symbol {
        let holds = |(_, names): &&Block| names.iter().any(|known| **known == *name);
        Symbol::Var(self.vars.iter().rev().find(holds).map(|(start, _)| *start), name.into())
    }
}
