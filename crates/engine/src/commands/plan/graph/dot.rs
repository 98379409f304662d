//! A graph for Graphviz.

use std::fmt::Write as _;

use super::{Graph, Kind, short};

/// Writes a directed graph in the DOT language.
pub(super) fn draw(graph: &Graph, name: &str) -> String {
    let mut text = format!("digraph \"{}\" {{\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n", quoted(name));
    for (index, node) in graph.nodes.iter().enumerate() {
        let shape = match node.kind {
            Kind::Endpoint => "ellipse",
            Kind::Step => "box",
            Kind::Sink => "cylinder",
            Kind::Output => "note",
        };
        let note = if node.note.is_empty() { String::new() } else { format!("\\n{}", quoted(&node.note)) };
        _ = writeln!(text, "  n{index} [shape={shape}, label=\"{}{note}\"];", quoted(&node.title));
    }
    for edge in &graph.edges {
        let style = if edge.is_wait { ", style=dashed" } else { "" };
        let label = quoted(&short(&edge.label, 40));
        _ = writeln!(text, "  n{} -> n{} [label=\"{label}\"{style}];", edge.from, edge.to);
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
