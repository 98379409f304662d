//! Reads a spec with all that it imports into one tree.
//!
//! Imports bring some sections only; what a file says itself lies over what it imports, deep. Each file is read once, however
//! often it is imported. Knows nothing of what the sections mean.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use engine_source::{Entry, Finding, Findings, Kind, Node, Sources, Span, Style, Tree, similar};
use engine_spec::Text;
use serde::Deserialize;

use crate::files::Files;

/// The sections that an import brings.
const BROUGHT: &[&str] = &["inputs", "secrets", "vars", "apis", "mappings", "sinks"];

/// The sections that stay where they are; others than these and those that are brought are mistakes.
const OWN: &[&str] =
    &["version", "name", "description", "imports", "triggers", "steps", "on_failure", "finally", "tests"];

/// A spec with all that it imports.
pub(crate) struct Loaded {
    /// What is wrong with the text of its files and with the imports.
    pub(crate) findings: Findings,
    /// The spec's own text laid over all that it imports; none if it cannot be read.
    pub(crate) root: Option<Node>,
    /// Whether something that is imported could not be brought, so that names may be missing.
    pub(crate) is_partial: bool,
}

/// Returns a path without `.` and `..` where that needs no look at the disk.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// Returns the path of a file that another file names.
pub fn beside(file: &Path, name: &str) -> PathBuf {
    normal(&file.parent().unwrap_or(Path::new("")).join(name))
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Finding {
    let shown = path.display();
    let (why, help) = match error.kind() {
        ErrorKind::NotFound => (format!("there is no file `{shown}`"), "check the path"),
        ErrorKind::IsADirectory => (format!("`{shown}` is a folder"), "name a file in it"),
        ErrorKind::PermissionDenied => (format!("`{shown}` may not be read"), "check its permissions"),
        ErrorKind::InvalidData => (format!("`{shown}` is not text in UTF-8"), "save it in UTF-8"),
        _ => (format!("`{shown}` cannot be read: {error}"), "check the file"),
    };
    Finding::error("unreadable-file", why).help(help)
}

/// Reads specs; what several import is read once.
pub(crate) struct Loader<'a> {
    files: &'a dyn Files,
    /// The files that were read.
    pub(crate) sources: Sources,
    findings: Findings,
    /// What is known about files that were imported, by their paths, and whether something is missing that they import.
    read: HashMap<PathBuf, (Option<Node>, bool)>,
    /// The files that are being read, each of which imports the next one.
    chain: Vec<PathBuf>,
    is_partial: bool,
}

/// What is looked at in a file that is imported, beside what it brings.
#[derive(Deserialize)]
#[serde(rename = "a spec")]
struct Head {
    #[serde(rename = "version")]
    _version: engine_spec::Version,
    #[serde(default, rename = "imports", deserialize_with = "engine_request::nullable")]
    _imports: Vec<Text>,
}

/// A named part of a section, and the import that brought it.
struct Part {
    entry: Entry,
}

impl<'a> Loader<'a> {
    /// Begins with no file.
    pub(crate) fn new(files: &'a dyn Files) -> Self {
        Self {
            files,
            sources: Sources::new(),
            findings: Findings::new(),
            read: HashMap::new(),
            chain: Vec::new(),
            is_partial: false,
        }
    }

    /// Reads a spec.
    pub(crate) fn load(&mut self, path: &Path) -> Loaded {
        self.is_partial = false;
        let root = match self.files.read(path) {
            Ok(text) => self.file(path, text),
            Err(error) => {
                let id = self.sources.add(path.display().to_string(), "");
                self.findings.push(unreadable(path, &error).label(Span::new(id, 0..0), ""));
                None
            }
        };
        Loaded { findings: std::mem::take(&mut self.findings), root, is_partial: self.is_partial }
    }

    /// Reads a file that is no spec.
    pub(crate) fn document(&mut self, path: &Path) -> (Option<Node>, Findings) {
        let mut findings = Findings::new();
        let node = match self.files.read(path) {
            Ok(text) => {
                let id = self.sources.add(path.display().to_string(), text);
                Tree::parse(&self.sources, id, &mut findings).map(|tree| tree.root)
            }
            Err(error) => {
                let id = self.sources.add(path.display().to_string(), "");
                findings.push(unreadable(path, &error).label(Span::new(id, 0..0), ""));
                None
            }
        };
        (node, findings)
    }

    /// Returns the files that were read.
    pub(crate) fn into_sources(self) -> Sources {
        self.sources
    }

    /// Reads the text of a file and all that it imports.
    fn file(&mut self, path: &Path, text: String) -> Option<Node> {
        let id = self.sources.add(path.display().to_string(), text);
        let own = Tree::parse(&self.sources, id, &mut self.findings)?.root;
        self.chain.push(normal(path));
        let mut sections: Vec<(Entry, Vec<Part>)> = Vec::new();
        for import in own.get("imports").map(Node::items).unwrap_or_default() {
            let Some(name) = import.as_str() else { continue };
            match self.import(path, name, import.span()) {
                Some(brought) => self.add(&mut sections, &brought, name, import.span()),
                None => self.is_partial = true,
            }
        }
        self.chain.pop();
        if sections.is_empty() {
            return Some(own);
        }
        let entries = sections.into_iter().map(|(section, parts)| {
            let value = match section.value.kind() {
                Kind::Map(_) => {
                    let entries = parts.into_iter().map(|part| part.entry).collect();
                    Node::new(section.value.span(), Kind::Map(entries), section.value.style())
                }
                _ => section.value,
            };
            Entry { key: section.key, value }
        });
        let base = Node::new(own.span(), Kind::Map(entries.collect()), Style::Block);
        Some(Node::merge(&base, &own))
    }

    /// Reads an import, once.
    fn import(&mut self, from: &Path, name: &str, span: Span) -> Option<Node> {
        if name.contains("://") {
            self.findings.push(
                Finding::error("import-not-allowed", format!("an import is a file, not an address: `{name}`"))
                    .label(span, "not a file")
                    .help("copy the file, and import the copy"),
            );
            return None;
        }
        let path = beside(from, name);
        if let Some(start) = self.chain.iter().position(|above| *above == path) {
            self.cycle(start, &path, span);
            return None;
        }
        if let Some((known, is_partial)) = self.read.get(&path) {
            self.is_partial |= is_partial;
            return known.clone();
        }
        let before = std::mem::take(&mut self.is_partial);
        let node = match self.files.read(&path) {
            Ok(text) => self.file(&path, text),
            Err(error) => {
                self.missing(&path, name, span, &error);
                None
            }
        };
        let node = node.map(|node| self.brought(&node));
        self.read.insert(path, (node.clone(), self.is_partial));
        self.is_partial |= before;
        node
    }

    /// Checks what a file that is imported says for itself, and returns the rest.
    fn brought(&mut self, node: &Node) -> Node {
        let Kind::Map(entries) = node.kind() else {
            _ = node.deserialize::<Head>(&self.sources, &mut self.findings);
            return node.clone();
        };
        let (head, rest): (Vec<Entry>, Vec<Entry>) = entries
            .iter()
            .cloned()
            .partition(|entry| OWN.contains(&&*entry.key.text) || entry.key.text.starts_with("x-"));
        let head = head.into_iter().filter(|entry| matches!(&*entry.key.text, "version" | "imports")).collect();
        let head = Node::new(node.span(), Kind::Map(head), node.style());
        _ = head.deserialize::<Head>(&self.sources, &mut self.findings);
        Node::new(node.span(), Kind::Map(rest), node.style())
    }

    /// Adds what an import brings to what those before it brought.
    fn add(&mut self, sections: &mut Vec<(Entry, Vec<Part>)>, brought: &Node, name: &str, span: Span) {
        for section in brought.entries() {
            let known = sections.iter().position(|(known, _)| known.key.text == section.key.text);
            let index = known.unwrap_or_else(|| {
                sections.push((section.clone(), Vec::new()));
                sections.len() - 1
            });
            if !BROUGHT.contains(&&*section.key.text) {
                continue;
            }
            let Some((first, parts)) = sections.get_mut(index) else { continue };
            if !matches!(first.value.kind(), Kind::Map(_)) {
                first.value = section.value.clone();
            }
            for entry in section.value.entries() {
                let known = parts.iter().find(|part| part.entry.key.text == entry.key.text);
                match known {
                    None => parts.push(Part { entry: entry.clone() }),
                    Some(known) if same(&known.entry.value, &entry.value) => {}
                    Some(known) => {
                        let what = format!("{}.{}", section.key.text, entry.key.text);
                        let first = self.sources.place(known.entry.key.span);
                        let second = self.sources.place(entry.key.span);
                        self.findings.push(
                            Finding::error("import-clash", format!("two imports define `{what}` differently"))
                                .label(span, "the second one")
                                .help(format!(
                                    "rename one of them, or leave out `{name}`: defined at {first} and at {second}"
                                )),
                        );
                    }
                }
            }
        }
    }

    fn cycle(&mut self, start: usize, path: &Path, span: Span) {
        let ring = self.chain.iter().skip(start).map(PathBuf::as_path).chain([path]);
        let ring: Vec<String> = ring.map(|path| format!("`{}`", path.display())).collect();
        let message = match ring.len() {
            2 => format!("the file imports itself: {}", ring.join(" → ")),
            _ => format!("these files import each other: {}", ring.join(" → ")),
        };
        self.findings.push(
            Finding::error("import-cycle", message)
                .label(span, "leads back")
                .help("put what both need into a file of its own, and import that"),
        );
    }

    fn missing(&mut self, path: &Path, name: &str, span: Span, error: &std::io::Error) {
        if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory) {
            self.findings.push(unreadable(path, error).label(span, "cannot be read"));
            return;
        }
        if error.kind() == ErrorKind::IsADirectory {
            self.findings.push(
                Finding::error("import-missing", format!("`{name}` is a folder, not a file"))
                    .label(span, "a folder")
                    .help("import the files in it one by one"),
            );
            return;
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let names = self.files.names(folder);
        let wanted = path.file_name().and_then(|it| it.to_str()).unwrap_or(name);
        let help = match similar(wanted, names.iter().map(String::as_str)) {
            Some(close) => {
                let close = match name.rsplit_once('/') {
                    Some((before, _)) => format!("{before}/{close}"),
                    None => close.to_owned(),
                };
                format!("did you mean `{close}`?")
            }
            None => format!("the path is relative to this file: `{}`", path.display()),
        };
        self.findings.push(
            Finding::error("import-missing", format!("there is no file `{name}` to import"))
                .label(span, "not found")
                .help(help),
        );
    }
}

/// Returns whether two values are the same, wherever they stand.
fn same(left: &Node, right: &Node) -> bool {
    if left.span() == right.span() && !left.span().is_none() {
        return true;
    }
    match (left.kind(), right.kind()) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool(left), Kind::Bool(right)) => left == right,
        (Kind::Number(left), Kind::Number(right)) | (Kind::String(left), Kind::String(right)) => left == right,
        (Kind::Seq(left), Kind::Seq(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Kind::Map(left), Kind::Map(other)) => {
            left.len() == other.len()
                && left.iter().all(|entry| right.get(&entry.key.text).is_some_and(|other| same(&entry.value, other)))
        }
        _ => false,
    }
}
