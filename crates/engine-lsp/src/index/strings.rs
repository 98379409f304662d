//! Finds the names inside strings: templates, conditions, request lines, places.

use std::ops::Range;
use std::sync::Arc;

use engine_expr::{Condition, NameUse, Template};
use engine_source::{Entry, Kind, Node, Span};

use super::Symbol;
use super::spec::Walk;

/// The keys whose value is a condition.
pub(crate) const CONDITIONS: &[&str] = &["when", "where", "case", "check", "stop_when", "until"];

impl Walk<'_> {
    /// Walks over values whose keys mean nothing to us.
    pub(super) fn data(&mut self, node: &Node) {
        match node.kind() {
            Kind::String(text) if Template::is_template(text) => self.template(text, node.span()),
            Kind::Seq(items) => items.iter().for_each(|item| self.data(item)),
            Kind::Map(entries) => entries.iter().for_each(|entry| self.data(&entry.value)),
            _ => {}
        }
    }

    /// Walks over values some of whose keys take conditions and places.
    pub(super) fn settings(&mut self, node: &Node) {
        match node.kind() {
            Kind::Map(entries) => entries.iter().for_each(|entry| self.setting(entry)),
            Kind::Seq(items) => items.iter().for_each(|item| self.settings(item)),
            _ => self.place_or_data(node),
        }
    }

    pub(super) fn setting(&mut self, entry: &Entry) {
        let key = &*entry.key.text;
        match entry.value.kind() {
            Kind::String(_) if CONDITIONS.contains(&key) => self.condition(&entry.value),
            Kind::Map(_) if matches!(key, "next" | "into") => {
                for place in entry.value.entries() {
                    self.place(&place.key.text, place.key.span);
                    self.data(&place.value);
                }
            }
            _ => self.settings(&entry.value),
        }
    }

    pub(super) fn condition(&mut self, node: &Node) {
        let Kind::String(text) = node.kind() else { return self.settings(node) };
        let condition = Condition::new(text, node.span());
        condition.names().iter().for_each(|one| self.name(one, text, node.span()));
    }

    fn template(&mut self, text: &str, span: Span) {
        let template = Template::new(text, span);
        template.names().iter().for_each(|one| self.name(one, text, span));
    }

    fn place_or_data(&mut self, node: &Node) {
        match node.kind() {
            Kind::String(text) if text.starts_with("params.") => self.place(text, node.span()),
            _ => self.data(node),
        }
    }

    /// Takes `params.NAME`.
    fn place(&mut self, text: &str, span: Span) {
        let Some(name) = text.strip_prefix("params.") else { return };
        if let Some(symbol) = self.param(name) {
            let start = text.len() - name.len();
            self.uses(self.sources.within(span, start..text.len()), symbol);
        }
    }

    fn param(&self, name: &str) -> Option<Symbol> {
        Some(Symbol::Param(Arc::clone(self.api.as_ref()?), Arc::clone(self.endpoint.as_ref()?), name.into()))
    }

    /// Takes one use of a name in a template or a condition.
    fn name(&mut self, one: &NameUse, text: &str, span: Span) {
        let Some(member) = one.path.get(1) else { return };
        let symbol = match one.root() {
            "inputs" => Symbol::Input(Arc::clone(member)),
            "secrets" => Symbol::Secret(Arc::clone(member)),
            "vars" => self.var_named(member),
            "steps" => self.step_named(member),
            "params" => match self.param(member) {
                Some(symbol) => symbol,
                None => return,
            },
            _ => return,
        };
        if let Some(range) = member_at(text, one.range_of(1).end..one.range_of(2).end, member) {
            self.uses(self.sources.within(span, range), symbol);
        }
    }

    /// Takes the params in the path of a request line: `{name}` and `{+name}`.
    pub(super) fn request(&mut self, node: &Node) {
        let Kind::String(text) = node.kind() else { return };
        self.data(node);
        let mut at = 0;
        while let Some(open) = text.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
            let rest = text.get(open + 1..).unwrap_or_default();
            if rest.starts_with(['{', '%']) {
                let close = if rest.starts_with('{') { "}}" } else { "%}" };
                at = rest.find(close).map_or(text.len(), |found| open + 1 + found + 2);
                continue;
            }
            let sign = usize::from(rest.starts_with('+'));
            let Some(length) = rest.find('}') else { return };
            let range = open + 1 + sign..open + 1 + length;
            if let Some(symbol) = text.get(range.clone()).and_then(|name| self.param(name)) {
                self.uses(self.sources.within(node.span(), range), symbol);
            }
            at = open + 1 + length;
        }
    }

    /// Takes a scalar that names an endpoint.
    pub(super) fn endpoint_name(&mut self, node: &Node) {
        if let Kind::String(text) = node.kind() {
            self.endpoint_text(text, node.span());
        }
    }

    /// Takes `API.ENDPOINT` or `API.*`.
    pub(super) fn endpoint_text(&mut self, text: &str, span: Span) {
        let (api, endpoint) = text.split_once('.').unwrap_or((text, ""));
        self.uses(self.sources.within(span, 0..api.len()), Symbol::Api(api.into()));
        if !matches!(endpoint, "" | "*") {
            let start = api.len() + 1;
            let place = self.sources.within(span, start..start + endpoint.len());
            self.uses(place, Symbol::Endpoint(api.into(), endpoint.into()));
        }
    }
}

/// Returns where a member stands in the text after the name that it is a member of, with a dot or in brackets.
fn member_at(text: &str, range: Range<usize>, member: &str) -> Option<Range<usize>> {
    let start = range.start + text.get(range)?.find(member)?;
    Some(start..start + member.len())
}
