//! A graph as a picture.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::layers::Layers;
use super::{Graph, Kind, Node, short};

/// How wide a character is drawn, about.
const CHARACTER: f64 = 7.4;
/// How high a node is.
const HEIGHT: f64 = 46.0;
/// How much room is between two nodes of a column.
const ROW: f64 = 24.0;
/// How much room is between two columns, beside that of the longest label.
const GAP: f64 = 64.0;
/// How much room is around the whole.
const MARGIN: f64 = 24.0;
/// How much room the name of the flow has.
const TITLE: f64 = 36.0;
/// How long a text in a node may be.
const LONGEST: usize = 34;
/// How long a label may be.
const LABEL: usize = 24;

const STYLE: &str = "\
  text { font: 13px ui-sans-serif, system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2430; }
  .title { font-size: 16px; font-weight: 600; }
  .name { font-weight: 600; }
  .note, .label { font-size: 11px; fill: #5b6472; }
  .step { fill: #eef3ff; stroke: #4a6fd1; }
  .endpoint { fill: #eefaf2; stroke: #2f9d60; }
  .sink { fill: #fff6e6; stroke: #c98a1b; }
  .output { fill: #f4f4f6; stroke: #8a91a0; }
  .line { fill: none; stroke: #7b8496; stroke-width: 1.4; }
  .wait { stroke-dasharray: 5 4; }
  .halo { fill: #ffffff; opacity: 0.92; }
";

/// Where a node stands.
#[derive(Clone, Copy, Default)]
struct Place {
    left: f64,
    top: f64,
    width: f64,
    /// How much room is before it.
    gap: f64,
}

/// Draws a graph.
pub(super) fn draw(graph: &Graph, name: &str) -> String {
    let layers = Layers::of(graph);
    let (places, width, height) = places(graph, &layers);
    let mut text = String::new();
    _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">"
    );
    _ = writeln!(text, "<title>{}</title>\n<style>\n{STYLE}</style>", escaped(name));
    text.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L10 5 L0 10 z\" fill=\"#7b8496\"/></marker></defs>\n",
    );
    _ = writeln!(text, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>");
    _ = writeln!(text, "<text class=\"title\" x=\"{MARGIN}\" y=\"{:.0}\">{}</text>", MARGIN + 8.0, escaped(name));
    let mut labels = String::new();
    for edge in &graph.edges {
        let (Some(from), Some(to)) = (places.get(edge.from), places.get(edge.to)) else { continue };
        line(&mut text, &mut labels, *from, *to, &edge.label, edge.is_wait);
    }
    for (node, place) in graph.nodes.iter().zip(&places) {
        draw_node(&mut text, node, *place);
    }
    text.push_str(&labels);
    text.push_str("</svg>\n");
    text
}

/// Returns where each node stands, and how large the whole is.
fn places(graph: &Graph, layers: &Layers) -> (Vec<Place>, f64, f64) {
    let mut places = vec![Place::default(); graph.nodes.len()];
    let column_height = |count: usize| {
        let count = u32::try_from(count).map_or(0.0, f64::from);
        count * HEIGHT + (count - 1.0).max(0.0) * ROW
    };
    let highest = layers.0.iter().map(|column| column_height(column.len())).fold(0.0, f64::max);
    let mut left = MARGIN;
    let mut gap = 0.0;
    for column in &layers.0 {
        if left > MARGIN {
            let into = graph.edges.iter().filter(|edge| column.contains(&edge.to));
            gap = GAP + into.map(|edge| label_width(&edge.label)).fold(24.0, f64::max);
            left += gap;
        }
        let width = column.iter().filter_map(|node| graph.nodes.get(*node)).map(node_width).fold(0.0, f64::max);
        let mut top = MARGIN + TITLE + (highest - column_height(column.len())) / 2.0;
        for node in column {
            if let Some(place) = places.get_mut(*node) {
                *place = Place { left, top, width, gap };
            }
            top += HEIGHT + ROW;
        }
        left += width;
    }
    (places, (left + MARGIN).max(2.0 * MARGIN + 200.0), highest + 2.0 * MARGIN + TITLE)
}

fn label_width(label: &str) -> f64 {
    u32::try_from(short(label, LABEL).width()).map_or(0.0, f64::from) * 6.2 + 8.0
}

fn node_width(node: &Node) -> f64 {
    let width = |text: &str| u32::try_from(short(text, LONGEST).width()).map_or(0.0, f64::from);
    (width(&node.title) * CHARACTER).max(width(&node.note) * CHARACTER * 0.86) + 34.0
}

fn draw_node(text: &mut String, node: &Node, place: Place) {
    let Place { left, top, width, gap: _ } = place;
    let (right, bottom) = (left + width, top + HEIGHT);
    match node.kind {
        Kind::Step => {
            _ = writeln!(
                text,
                "<rect class=\"step\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"6\"/>"
            );
        }
        Kind::Endpoint => {
            let round = HEIGHT / 2.0;
            _ = writeln!(
                text,
                "<rect class=\"endpoint\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"{round}\"/>"
            );
        }
        Kind::Sink => {
            let half = width / 2.0;
            _ = writeln!(
                text,
                "<path class=\"sink\" d=\"M{left:.1} {:.1} a{half:.1} 6 0 0 1 {width:.1} 0 V{:.1} a{half:.1} 6 0 0 1 -{width:.1} 0 Z\"/><path class=\"sink\" fill-opacity=\"0\" d=\"M{left:.1} {:.1} a{half:.1} 6 0 0 0 {width:.1} 0\"/>",
                top + 6.0,
                bottom - 6.0,
                top + 6.0,
            );
        }
        Kind::Output => {
            _ = writeln!(
                text,
                "<path class=\"output\" d=\"M{left:.1} {top:.1} H{:.1} L{right:.1} {:.1} V{bottom:.1} H{left:.1} Z\"/>",
                right - 10.0,
                top + 10.0
            );
        }
    }
    let middle = left + width / 2.0;
    let drop = if node.kind == Kind::Sink { 4.0 } else { 0.0 };
    let (title_at, note_at) =
        if node.note.is_empty() { (top + HEIGHT / 2.0 + 4.5 + drop, None) } else { (top + 20.0, Some(top + 36.0)) };
    _ = writeln!(
        text,
        "<text class=\"name\" x=\"{middle:.1}\" y=\"{title_at:.1}\" text-anchor=\"middle\">{}</text>",
        escaped(&short(&node.title, LONGEST))
    );
    if let Some(y) = note_at {
        _ = writeln!(
            text,
            "<text class=\"note\" x=\"{middle:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>",
            escaped(&short(&node.note, LONGEST))
        );
    }
}

fn line(text: &mut String, labels: &mut String, from: Place, to: Place, label: &str, is_wait: bool) {
    let class = if is_wait { "line wait" } else { "line" };
    let is_forward = to.left > from.left;
    let (x1, y1, x2, y2) = if is_forward {
        (from.left + from.width, from.top + HEIGHT / 2.0, to.left, to.top + HEIGHT / 2.0)
    } else {
        // Within a column, or back: out and in at the left, around what is between.
        (from.left, from.top + HEIGHT / 2.0, to.left, to.top + HEIGHT / 2.0)
    };
    let reach = if is_forward { ((x2 - x1) / 2.0).max(30.0) } else { -60.0 };
    let second = if is_forward { x2 - reach } else { x2 + reach };
    _ = writeln!(
        text,
        "<path class=\"{class}\" d=\"M{x1:.1} {y1:.1} C{:.1} {y1:.1} {second:.1} {y2:.1} {x2:.1} {y2:.1}\" marker-end=\"url(#tip)\"/>",
        x1 + reach
    );
    if label.is_empty() {
        return;
    }
    let label = short(label, LABEL);
    // Near the end that it belongs to, so that labels of lines from one node do not lie on each other.
    let (x, y) = if is_forward {
        (x2 - to.gap / 2.0, y1 + (y2 - y1) * if x2 - x1 > to.gap + 1.0 { 0.9 } else { 0.5 })
    } else {
        (x1 - 44.0, f64::midpoint(y1, y2))
    };
    let width = label_width(&label);
    _ = writeln!(
        labels,
        "<rect class=\"halo\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"15\" rx=\"3\"/><text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        x - width / 2.0,
        y - 8.0,
        y + 3.5,
        escaped(&label)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
