//! A plan as a graph: who takes from whom. One graph, drawn in several ways.

mod dot;
mod layers;
mod mermaid;
mod svg;

use std::collections::HashMap;

use engine_plan::{Description, StepDescription};

use crate::arguments::GraphFormat;

/// Draws a plan.
pub(super) fn draw(description: &Description, format: GraphFormat) -> String {
    let graph = Graph::of(description);
    match format {
        GraphFormat::Mermaid => mermaid::draw(&graph),
        GraphFormat::Dot => dot::draw(&graph, &description.flow),
        GraphFormat::Svg => svg::draw(&graph, &description.flow),
    }
}

/// Who takes from whom.
struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    ids: HashMap<String, usize>,
}

/// Something that records come from, go through or end in.
struct Node {
    kind: Kind,
    /// What it is called.
    title: String,
    /// What it does, in one line.
    note: String,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// An endpoint.
    Endpoint,
    /// A step.
    Step,
    /// A sink.
    Sink,
    /// The output of the program.
    Output,
}

/// Records, or a wait, from one node to another.
struct Edge {
    from: usize,
    to: usize,
    label: String,
    /// Whether nothing goes along it: one waits for the end of the other.
    is_wait: bool,
}

impl Graph {
    fn of(description: &Description) -> Self {
        let mut graph = Self { nodes: Vec::new(), edges: Vec::new(), ids: HashMap::new() };
        let blocks = [&description.steps, &description.on_failure, &description.finally];
        for steps in blocks {
            graph.block(steps, None);
        }
        graph
    }

    fn node(&mut self, kind: Kind, id: &str, title: &str, note: &str) -> usize {
        let key = format!("{kind:?} {id}");
        if let Some(known) = self.ids.get(&key) {
            return *known;
        }
        self.nodes.push(Node { kind, title: title.to_owned(), note: note.to_owned() });
        self.ids.insert(key, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    fn edge(&mut self, from: usize, to: usize, label: &str, is_wait: bool) {
        if !self.edges.iter().any(|edge| edge.from == from && edge.to == to && edge.label == label) {
            self.edges.push(Edge { from, to, label: label.to_owned(), is_wait });
        }
    }

    fn block(&mut self, steps: &[StepDescription], above: Option<(usize, &str)>) {
        for step in steps {
            let node = self.step(step, &step.path, &step.id);
            let has_source = step.for_each.as_ref().is_some_and(|id| steps.iter().any(|step| step.id == *id));
            if let Some((above, label)) = above.filter(|_| !has_source && step.reads.is_empty()) {
                self.edge(above, node, label, false);
            } else if let Some((above, label)) = above.filter(|_| !has_source) {
                self.edge(above, node, label, true);
            }
        }
        for step in steps {
            let Some(&node) = self.ids.get(&format!("Step {}", step.path)) else { continue };
            for other in steps.iter().filter(|other| other.for_each.as_deref() == Some(&step.id)) {
                if let Some(&to) = self.ids.get(&format!("Step {}", other.path)) {
                    self.edge(node, to, "", false);
                }
            }
            for other in steps.iter().filter(|other| step.waits_for.contains(&other.id)) {
                if let Some(&from) = self.ids.get(&format!("Step {}", other.path)) {
                    self.edge(from, node, "after", true);
                }
            }
        }
    }

    fn step(&mut self, step: &StepDescription, path: &str, title: &str) -> usize {
        let node = self.node(Kind::Step, path, title, &note(step));
        for read in &step.reads {
            let from = self.node(Kind::Endpoint, &read.endpoint, &read.endpoint, "");
            let label = if read.pagination.is_some() { "pages" } else { "read" };
            self.edge(from, node, label, false);
        }
        if let Some(sink) = &step.reads_sink {
            let name = sink.split(',').next().unwrap_or(sink);
            let from = self.node(Kind::Sink, name, name, "");
            self.edge(from, node, "read", false);
        }
        if let Some(target) = &step.target {
            if let Some(endpoint) = &target.endpoint {
                let to = self.node(Kind::Endpoint, endpoint, endpoint, "");
                self.edge(node, to, "call", false);
            }
            if let Some(sink) = &target.sink {
                let to = self.node(Kind::Sink, sink, sink, "");
                self.edge(node, to, "write", false);
            }
        }
        if step.printed {
            let to = self.node(Kind::Output, "stdout", "stdout", "");
            self.edge(node, to, "", false);
        }
        for case in &step.cases {
            let title = case.case.as_deref().unwrap_or("else");
            let to = self.step(&case.step, &case.step.path, &case.step.id);
            self.edge(node, to, title, false);
        }
        for block in &step.blocks {
            let label = if block.title == "steps" { "each" } else { &block.title };
            self.block(&block.steps, Some((node, label)));
        }
        node
    }
}

/// Says in one line what a step does to its items.
fn note(step: &StepDescription) -> String {
    let parts = [
        step.filter.as_ref().map(|_| "where"),
        step.explode.as_ref().map(|_| "explode"),
        (!step.map.is_empty()).then_some("map"),
        step.validate.as_ref().map(|_| "validate"),
        step.batch.as_ref().map(|_| "batch"),
        step.target.as_ref().map(|target| target.kind),
        (!step.extract.is_empty()).then_some("extract"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Cuts a text that is too long for a picture.
fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
