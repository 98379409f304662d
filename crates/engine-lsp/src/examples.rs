//! What records look like, by the examples of endpoints: for paths and members that are being written.

use std::path::Path;
use std::rc::Rc;

use engine_plan::beside;
use engine_source::{Kind, Node};

use crate::file::{File, Part, step};
use crate::world::World;

/// How many steps back are followed to where records come from.
const BACK: usize = 8;

/// A member of a record, with an example of its value.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Its path: `customer.id`.
    pub(crate) path: String,
    /// Its value.
    pub(crate) value: Node,
}

impl World {
    /// Returns the example of an endpoint's answer.
    pub(crate) fn example(&self, path: &Path, api: &str, endpoint: &str) -> Option<Node> {
        let (file, node) = self.endpoint(path, api, endpoint)?;
        let example = node.get("example")?;
        match example.as_str() {
            // JSON is YAML, too.
            Some(name) => self.file(&beside(&file.path, name)).map(|file| file.root.clone()),
            None => Some(example.clone()),
        }
    }

    /// Returns an endpoint, and the file that it is in.
    pub(crate) fn endpoint(&self, path: &Path, api: &str, endpoint: &str) -> Option<(Rc<File>, Node)> {
        self.closure(path).into_iter().find_map(|file| {
            let node = file.root.get("apis")?.get(api)?.get("endpoints")?.get(endpoint)?.clone();
            Some((file, node))
        })
    }

    /// Returns an example of a record of an endpoint.
    pub(crate) fn record(&self, path: &Path, api: &str, endpoint: &str) -> Option<Node> {
        let (file, node) = self.endpoint(path, api, endpoint)?;
        let body = self.example(path, api, endpoint)?;
        let records = node.get("records").or_else(|| file.root.get("apis")?.get(api)?.get("records"));
        let records = records.and_then(|records| records.as_str().or_else(|| records.get("from")?.as_str()));
        let found = follow(&body, records.unwrap_or("$"))?;
        Some(found.items().first().cloned().unwrap_or(found))
    }

    /// Returns an example of the item of a step, as its source gives it.
    pub(crate) fn item(&self, path: &Path, root: &Node, way: &[Part]) -> Option<Node> {
        // The innermost step around the place: what is an item of a list and has a source.
        let mut node = root;
        let mut blocks: Vec<&Node> = Vec::new();
        let mut steps: Vec<&Node> = Vec::new();
        for part in way {
            if matches!(part, Part::Item(_)) {
                blocks.push(node);
            }
            node = step(node, part)?;
            if matches!(part, Part::Item(_)) && ["read", "for_each"].iter().any(|source| node.get(source).is_some()) {
                steps.push(node);
            }
        }
        let mut current = *steps.last()?;
        for _ in 0..BACK {
            if let Some(read) = current.get("read") {
                let name = read.as_str().or_else(|| read.get("endpoint")?.as_str())?;
                let (api, endpoint) = name.split_once('.')?;
                return self.record(path, api, endpoint);
            }
            let id = current.get("for_each").and_then(Node::as_str)?;
            let is_it = |one: &&Node| one.get("id").and_then(Node::as_str) == Some(id);
            current = blocks.iter().rev().find_map(|block| block.items().iter().find(is_it))?;
            if let Some(shaped) = current.get("map").filter(|map| matches!(map.kind(), Kind::Map(_))) {
                return Some(shaped.clone());
            }
        }
        None
    }
}

/// Follows a path that goes by names alone, and by numbers and `[*]`, which stand for the first item.
pub(crate) fn follow(body: &Node, path: &str) -> Option<Node> {
    let mut node = body.clone();
    let rest = path.strip_prefix('$')?;
    for part in rest.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty()) {
        let next = match part.trim_matches(['\'', '"']) {
            "*" => node.items().first().cloned(),
            name => node.get(name).cloned().or_else(|| node.items().get(name.parse::<usize>().ok()?).cloned()),
        };
        node = next?;
    }
    Some(node)
}

/// Lists the members of an object and of those within it, up to a depth.
pub(crate) fn members(node: &Node, depth: usize) -> Vec<Sample> {
    let mut samples = Vec::new();
    collect(node, "", depth, &mut samples);
    samples
}

fn collect(node: &Node, above: &str, depth: usize, samples: &mut Vec<Sample>) {
    for entry in node.entries() {
        let name = &*entry.key.text;
        let is_plain = crate::names::is_name(name);
        let path = match (above, is_plain) {
            ("", true) => name.to_owned(),
            (above, true) => format!("{above}.{name}"),
            (above, false) => format!("{above}['{name}']"),
        };
        samples.push(Sample { path: path.clone(), value: entry.value.clone() });
        if depth > 1 && samples.len() < 200 {
            collect(&entry.value, &path, depth - 1, samples);
        }
    }
}

/// Returns a value as it is shown beside its name: short, and in one line.
pub(crate) fn shown(node: &Node) -> String {
    match node.kind() {
        Kind::Map(_) => "{…}".to_owned(),
        Kind::Seq(_) => "[…]".to_owned(),
        _ => {
            let text = node.scalar_text().unwrap_or_default();
            let mut short: String =
                text.chars().take(40).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
            if text.chars().count() > 40 {
                short.push('…');
            }
            short
        }
    }
}
