//! The differences of two specs, value by value. Steps are known by their ids, whatever their order.

use engine_plan::Merged;
use engine_source::{Kind, Node};

use super::super::secret::is_literal_secret;

/// Something that is written differently.
pub(super) struct Change {
    /// The path of the value: `apis.shop.endpoints.list_orders.query.limit`.
    pub(super) path: String,
    /// What it was; nothing if it is new.
    pub(super) old: Option<String>,
    /// What it is; nothing if it is gone.
    pub(super) new: Option<String>,
    /// Where it is written, in the new spec, or in the old one.
    pub(super) at: Option<String>,
}

/// The sections that say nothing of what a run does.
const LEFT_OUT: [&str; 3] = ["imports", "tests", "version"];

/// How long a value may be in one line.
const LONGEST: usize = 120;

impl Change {
    /// Returns the section that it is in, by which changes are told together.
    pub(super) fn section(&self) -> &str {
        self.split().0
    }

    /// Returns its path in its section.
    pub(super) fn path_within(&self) -> &str {
        match self.split() {
            (section, "") => section,
            (_, rest) => rest,
        }
    }

    /// Takes the path apart: what is told together, and the rest.
    fn split(&self) -> (&str, &str) {
        let parts = match self.path.split('.').next() {
            Some("apis") if self.path.split('.').nth(2) == Some("endpoints") => 4,
            Some("apis" | "steps" | "on_failure" | "finally" | "mappings" | "sinks") => 2,
            _ => 1,
        };
        match self.path.match_indices('.').nth(parts - 1) {
            Some((at, _)) => (self.path.get(..at).unwrap_or_default(), self.path.get(at + 1..).unwrap_or_default()),
            None => (&self.path, ""),
        }
    }
}

/// Finds what two specs write differently.
pub(super) fn changes(old: &Merged, new: &Merged) -> Vec<Change> {
    let mut finder = Finder { old, new, path: Vec::new(), found: Vec::new() };
    finder.members(&old.root, &new.root);
    finder.found
}

/// Looks for differences.
struct Finder<'m> {
    old: &'m Merged,
    new: &'m Merged,
    path: Vec<String>,
    found: Vec<Change>,
}

impl Finder<'_> {
    fn members(&mut self, old: &Node, new: &Node) {
        for entry in old.entries() {
            self.at(&entry.key.text, Some(&entry.value), new.get(&entry.key.text));
        }
        for entry in new.entries().iter().filter(|entry| old.get(&entry.key.text).is_none()) {
            self.at(&entry.key.text, None, Some(&entry.value));
        }
    }

    fn at(&mut self, name: &str, old: Option<&Node>, new: Option<&Node>) {
        if self.path.is_empty() && LEFT_OUT.contains(&name) {
            return;
        }
        self.path.push(name.to_owned());
        self.compare(old, new);
        self.path.pop();
    }

    fn compare(&mut self, old: Option<&Node>, new: Option<&Node>) {
        match (old, new) {
            (Some(old), Some(new)) => match (old.kind(), new.kind()) {
                (Kind::Map(_), Kind::Map(_)) => self.members(old, new),
                (Kind::Seq(before), Kind::Seq(after)) if is_named(before) && is_named(after) => {
                    for item in before {
                        let name = id(item).unwrap_or_default();
                        let same = after.iter().find(|item| id(item) == Some(name));
                        self.at(name, Some(item), same);
                    }
                    for item in after.iter().filter(|item| !before.iter().any(|known| id(known) == id(item))) {
                        self.at(id(item).unwrap_or_default(), None, Some(item));
                    }
                    self.order(before, after, new);
                }
                (Kind::Seq(before), Kind::Seq(after))
                    if before.iter().chain(after).any(|item| !item.entries().is_empty()) =>
                {
                    for index in 0..before.len().max(after.len()) {
                        self.at(&format!("{}", index + 1), before.get(index), after.get(index));
                    }
                }
                _ if self.text(old) != self.text(new) || is_other_secret(old, new) => {
                    self.push(Some(old), Some(new));
                }
                _ => {}
            },
            (None, None) => {}
            // What has names is told by them.
            (old, new) => {
                let entries = old.or(new).map(Node::entries).unwrap_or_default();
                if self.path.len() == 1 && !entries.is_empty() {
                    for entry in entries {
                        self.at(&entry.key.text, old.map(|_| &entry.value), new.map(|_| &entry.value));
                    }
                } else {
                    self.push(old, new);
                }
            }
        }
    }

    /// Tells where steps that both have come in another order.
    fn order(&mut self, before: &[Node], after: &[Node], place: &Node) {
        let ids = |items: &[Node], others: &[Node]| -> Vec<String> {
            let both = items.iter().filter_map(id).filter(|name| others.iter().any(|item| id(item) == Some(*name)));
            both.map(str::to_owned).collect()
        };
        let (was, is) = (ids(before, after), ids(after, before));
        if was != is {
            self.found.push(Change {
                path: format!("{}.order", self.path.join(".")),
                old: Some(was.join(", ")),
                new: Some(is.join(", ")),
                at: self.new.place(place.label_span()),
            });
        }
    }

    fn push(&mut self, old: Option<&Node>, new: Option<&Node>) {
        let at = match (old, new) {
            (_, Some(new)) => self.new.place(new.label_span()),
            (Some(old), None) => self.old.place(old.label_span()),
            (None, None) => None,
        };
        let shown = |node: &Node| cut(&self.text(node));
        let change = Change { path: self.path.join("."), old: old.map(shown), new: new.map(shown), at };
        self.found.push(change);
    }

    fn text(&self, node: &Node) -> String {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        flow(node, &path)
    }
}

/// Tells whether two secrets that are written out, and look the same, are not.
fn is_other_secret(old: &Node, new: &Node) -> bool {
    matches!((old.as_str(), new.as_str()), (Some(old), Some(new)) if old != new)
}

/// Writes a value in one line.
fn flow(node: &Node, path: &[&str]) -> String {
    match node.kind() {
        Kind::Map(entries) => {
            let members: Vec<String> = entries
                .iter()
                .map(|entry| {
                    let path: Vec<&str> = path.iter().copied().chain([&*entry.key.text]).collect();
                    format!("{}: {}", entry.key.text, flow(&entry.value, &path))
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Kind::Seq(items) => {
            let items: Vec<String> = items.iter().map(|item| flow(item, path)).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::String(text) if is_literal_secret(path, text) => "***".to_owned(),
        Kind::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        _ => node.scalar_text().map(|text| text.to_string()).unwrap_or_default(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Tells whether all items of a list have names of their own.
fn is_named(items: &[Node]) -> bool {
    !items.is_empty() && items.iter().all(|item| id(item).is_some())
}

fn id(item: &Node) -> Option<&str> {
    item.get("id").or_else(|| item.get("name"))?.as_str()
}
