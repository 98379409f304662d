//! A graph for Markdown that draws it.

use std::fmt::Write as _;

use super::{Graph, Kind, short};

/// Writes a flowchart of Mermaid.
pub(super) fn draw(graph: &Graph) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (index, node) in graph.nodes.iter().enumerate() {
        let note = if node.note.is_empty() { String::new() } else { format!("<br/>{}", quoted(&node.note)) };
        let label = format!("\"{}{note}\"", quoted(&node.title));
        let shape = match node.kind {
            Kind::Endpoint => format!("([{label}])"),
            Kind::Step => format!("[{label}]"),
            Kind::Sink => format!("[({label})]"),
            Kind::Output => format!(">{label}]"),
        };
        _ = writeln!(text, "  n{index}{shape}");
    }
    for edge in &graph.edges {
        let arrow = if edge.is_wait { "-.->" } else { "-->" };
        let label = match edge.label.as_str() {
            "" => String::new(),
            label => format!("|\"{}\"|", quoted(&short(label, 40))),
        };
        _ = writeln!(text, "  n{} {arrow}{label} n{}", edge.from, edge.to);
    }
    text
}

fn quoted(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
