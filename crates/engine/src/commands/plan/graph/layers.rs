//! Where the nodes of a graph stand: in columns, each after all that it takes from, in rows so that few lines cross.

use super::Graph;

/// How often rows are sorted anew; more changes hardly anything.
const SWEEPS: usize = 8;

/// The columns of a graph, each with its nodes from top to bottom.
pub(super) struct Layers(pub(super) Vec<Vec<usize>>);

impl Layers {
    /// Places all nodes.
    pub(super) fn of(graph: &Graph) -> Self {
        let ranks = ranks(graph);
        let count = ranks.iter().max().map_or(0, |last| last + 1);
        let mut columns = vec![Vec::new(); count];
        for (node, rank) in ranks.iter().enumerate() {
            if let Some(column) = columns.get_mut(*rank) {
                column.push(node);
            }
        }
        let mut layers = Self(columns);
        for sweep in 0..SWEEPS {
            layers.sort(graph, sweep % 2 == 0);
        }
        layers
    }

    /// Sorts each column by where the neighbours of its nodes stand, from the left or from the right.
    fn sort(&mut self, graph: &Graph, forward: bool) {
        let count = self.0.len();
        let order: Vec<usize> = if forward { (0..count).collect() } else { (0..count).rev().collect() };
        for column in order {
            let mut places = vec![0.0_f64; graph.nodes.len()];
            for nodes in &self.0 {
                for (row, node) in nodes.iter().enumerate() {
                    if let Some(place) = places.get_mut(*node) {
                        #[expect(clippy::cast_precision_loss, reason = "there are few rows")]
                        let middle = row as f64 - nodes.len() as f64 / 2.0;
                        *place = middle;
                    }
                }
            }
            let place = |node: usize| places.get(node).copied().unwrap_or_default();
            let weight = |node: &usize| {
                let neighbours: Vec<f64> = graph
                    .edges
                    .iter()
                    .filter_map(|edge| match (edge.from == *node, edge.to == *node) {
                        (true, false) if !forward => Some(place(edge.to)),
                        (false, true) if forward => Some(place(edge.from)),
                        _ => None,
                    })
                    .collect();
                #[expect(clippy::cast_precision_loss, reason = "there are few neighbours")]
                let middle = neighbours.iter().sum::<f64>() / neighbours.len().max(1) as f64;
                if neighbours.is_empty() { place(*node) } else { middle }
            };
            if let Some(nodes) = self.0.get_mut(column) {
                nodes.sort_by(|left, right| weight(left).total_cmp(&weight(right)));
            }
        }
    }
}

/// Returns the column of each node: one after the last of those that it takes from. What leads back is left out.
fn ranks(graph: &Graph) -> Vec<usize> {
    let count = graph.nodes.len();
    let mut ranks = vec![0_usize; count];
    // Each round moves something on by one column; where there is a ring, only so many rounds count.
    for _ in 0..count {
        let mut moved = false;
        for edge in &graph.edges {
            let (Some(from), Some(to)) = (ranks.get(edge.from).copied(), ranks.get(edge.to).copied()) else { continue };
            let is_back = leads_to(graph, edge.to, edge.from);
            if !is_back && to <= from {
                if let Some(rank) = ranks.get_mut(edge.to) {
                    *rank = from + 1;
                }
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    // An endpoint that is only read stands beside its reader, not at the far left.
    for node in 0..count {
        if graph.edges.iter().any(|edge| edge.to == node) {
            continue;
        }
        let nearest = graph.edges.iter().filter(|edge| edge.from == node).filter_map(|edge| ranks.get(edge.to)).min();
        let nearest = nearest.map(|rank| rank.saturating_sub(1));
        if let (Some(nearest), Some(rank)) = (nearest, ranks.get_mut(node)) {
            *rank = nearest;
        }
    }
    ranks
}

/// Tells whether records may come from one node to another.
fn leads_to(graph: &Graph, from: usize, to: usize) -> bool {
    let mut seen = vec![false; graph.nodes.len()];
    let mut next = vec![from];
    while let Some(node) = next.pop() {
        if node == to {
            return true;
        }
        if seen.get(node).copied().unwrap_or(true) {
            continue;
        }
        if let Some(seen) = seen.get_mut(node) {
            *seen = true;
        }
        next.extend(graph.edges.iter().filter(|edge| edge.from == node).map(|edge| edge.to));
    }
    false
}
