//! The outline of a file: its sections, and what is named in them.

use engine_source::{Entry, Node, Span};
use gen_lsp_types::{DocumentSymbol, SymbolKind};

use crate::file::File;
use crate::position::Encoding;

/// Returns the outline of a file.
pub(crate) fn outline(file: &File, encoding: Encoding) -> Vec<DocumentSymbol> {
    let outliner = Outliner { file, encoding };
    file.root.entries().iter().filter_map(|entry| outliner.section(entry)).collect()
}

struct Outliner<'f> {
    file: &'f File,
    encoding: Encoding,
}

impl Outliner<'_> {
    fn section(&self, entry: &Entry) -> Option<DocumentSymbol> {
        let value = &entry.value;
        let (kind, children) = match &*entry.key.text {
            "inputs" | "vars" => (SymbolKind::Namespace, self.members(value, SymbolKind::Variable, "type")),
            "secrets" => (SymbolKind::Namespace, self.members(value, SymbolKind::Constant, "env")),
            "sinks" => (SymbolKind::Namespace, self.members(value, SymbolKind::Object, "type")),
            "mappings" => (SymbolKind::Namespace, self.members(value, SymbolKind::Struct, "")),
            "apis" => (SymbolKind::Namespace, value.entries().iter().map(|api| self.api(api)).collect()),
            "steps" | "on_failure" | "finally" => (SymbolKind::Namespace, self.steps(value)),
            "triggers" => (SymbolKind::Namespace, self.items(value, "type", SymbolKind::Event)),
            "tests" => (SymbolKind::Namespace, self.items(value, "name", SymbolKind::Method)),
            "name" => (SymbolKind::String, Vec::new()),
            _ => return None,
        };
        let detail = value.as_str().map(str::to_owned);
        Some(self.symbol(&entry.key.text, detail, kind, entry.key.span.to(value.span()), entry.key.span, children))
    }

    fn api(&self, entry: &Entry) -> DocumentSymbol {
        let endpoints = entry.value.get("endpoints");
        let children = endpoints.map(|endpoints| self.members(endpoints, SymbolKind::Method, "request"));
        let detail = entry.value.get("base_url").and_then(Node::as_str).map(str::to_owned);
        let whole = entry.key.span.to(entry.value.span());
        self.symbol(&entry.key.text, detail, SymbolKind::Module, whole, entry.key.span, children.unwrap_or_default())
    }

    fn members(&self, node: &Node, kind: SymbolKind, detail: &str) -> Vec<DocumentSymbol> {
        let member = |entry: &Entry| {
            let detail = entry.value.get(detail).and_then(Node::as_str).map(str::to_owned);
            let whole = entry.key.span.to(entry.value.span());
            self.symbol(&entry.key.text, detail, kind, whole, entry.key.span, Vec::new())
        };
        node.entries().iter().map(member).collect()
    }

    fn items(&self, node: &Node, name: &str, kind: SymbolKind) -> Vec<DocumentSymbol> {
        let item = |item: &Node| {
            let named = item.get(name)?;
            Some(self.symbol(named.as_str()?, None, kind, item.span(), named.span(), Vec::new()))
        };
        node.items().iter().filter_map(item).collect()
    }

    fn steps(&self, steps: &Node) -> Vec<DocumentSymbol> {
        steps.items().iter().enumerate().map(|(index, step)| self.step(step, index)).collect()
    }

    fn step(&self, step: &Node, index: usize) -> DocumentSymbol {
        let id = step.get("id");
        let name = id.and_then(Node::as_str).map_or_else(|| format!("step {}", index + 1), str::to_owned);
        let does = ["read", "call", "write", "flow", "wait", "switch", "steps", "parallel", "log", "fail"];
        let target = does.into_iter().find_map(|key| {
            let value = step.get(key)?;
            let named = value.as_str().or_else(|| value.get("endpoint").or_else(|| value.get("sink"))?.as_str());
            Some(named.map_or_else(|| key.to_owned(), |named| format!("{key} {named}")))
        });
        let mut children = Vec::new();
        for key in ["steps", "switch"] {
            children.extend(step.get(key).map(|steps| self.steps(steps)).unwrap_or_default());
        }
        for branch in step.get("parallel").map(Node::items).unwrap_or_default() {
            children.extend(self.steps(branch));
        }
        let label = id.map_or_else(|| step.label_span(), Node::span);
        self.symbol(&name, target, SymbolKind::Event, step.span(), label, children)
    }

    fn symbol(
        &self,
        name: &str,
        detail: Option<String>,
        kind: SymbolKind,
        whole: Span,
        label: Span,
        children: Vec<DocumentSymbol>,
    ) -> DocumentSymbol {
        // What an alias brings is elsewhere; an outline wants the name within the whole.
        let whole = if whole.start <= label.start && label.end <= whole.end { whole } else { label };
        let name = if name.trim().is_empty() { "?" } else { name };
        DocumentSymbol::new(
            name.to_owned(),
            detail,
            kind,
            None,
            None,
            self.file.range(whole, self.encoding),
            self.file.range(label, self.encoding),
            (!children.is_empty()).then_some(children),
        )
    }
}
