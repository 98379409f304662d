//! Files and what they bring in: where a name is defined, and where it is used, across files.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use engine_plan::{Files, beside, normal};
use engine_source::Node;

use crate::file::File;
use crate::index::{Occurrence, Symbol};
use crate::texts::Texts;

/// How many files of a folder are looked at for uses of a name.
const MANY: usize = 2000;

/// How deep folders are looked into.
const DEEP: usize = 8;

/// The files that are known.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Their texts.
    pub(crate) texts: Texts,
    /// The folders that the editor has open.
    pub(crate) folders: Vec<PathBuf>,
    read: RefCell<HashMap<PathBuf, Rc<File>>>,
}

/// A place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: Rc<File>,
    /// What stands there.
    pub(crate) occurrence: Occurrence,
}

impl World {
    /// Makes one of the folders that the editor has open.
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, ..Self::default() }
    }

    /// Returns a file as it is now.
    pub(crate) fn file(&self, path: &Path) -> Option<Rc<File>> {
        let path = normal(path);
        let text: Arc<str> = match self.texts.open(&path) {
            Some(text) => Arc::clone(text),
            None => self.texts.read(&path).ok()?.into(),
        };
        if let Some(known) = self.read.borrow().get(&path)
            && known.text() == &*text
        {
            return Some(Rc::clone(known));
        }
        let file = Rc::new(File::new(&path, text));
        self.read.borrow_mut().insert(path, Rc::clone(&file));
        Some(file)
    }

    /// Returns a file with all that it brings in: itself first, then what it imports, or the spec that it tests.
    pub(crate) fn closure(&self, path: &Path) -> Vec<Rc<File>> {
        let mut seen = HashSet::new();
        let mut files = Vec::new();
        self.reach(&normal(path), &mut seen, &mut files);
        files
    }

    fn reach(&self, path: &Path, seen: &mut HashSet<PathBuf>, files: &mut Vec<Rc<File>>) {
        if !seen.insert(path.to_owned()) {
            return;
        }
        let Some(file) = self.file(path) else { return };
        files.push(Rc::clone(&file));
        for name in file.index.imports.iter().chain(&file.index.tested) {
            self.reach(&beside(path, name), seen, files);
        }
    }

    /// Returns where a name that is used in a file is defined, that file's own first.
    pub(crate) fn definitions(&self, path: &Path, symbol: &Symbol) -> Vec<Place> {
        if let Symbol::ForeignInput(file, name) = symbol {
            return self.definitions(&beside(path, file), &Symbol::Input(Arc::clone(name)));
        }
        let files = self.closure(path);
        let tested = files.first().is_some_and(|file| file.index.tested.is_some());
        let mut found = Vec::new();
        for (index, file) in files.iter().enumerate() {
            // Steps and vars of steps are not brought in; a test sees those of its spec.
            if index > 0 && (symbol.is_local() || matches!(symbol, Symbol::Step(..)) && !(tested && index == 1)) {
                continue;
            }
            for one in file.index.definitions().filter(|one| is_same(&one.symbol, symbol)) {
                found.push(Place { file: Rc::clone(file), occurrence: one.clone() });
            }
        }
        found
    }

    /// Returns all places of a name that stands in a file, in all files that can be known to name it.
    ///
    /// What is anchored stands for several things at one place, which have their name together.
    pub(crate) fn occurrences(&self, path: &Path, symbol: &Symbol) -> Vec<Place> {
        let (home, symbol) = match symbol {
            Symbol::ForeignInput(file, name) => (beside(path, file), Symbol::Input(Arc::clone(name))),
            other => (normal(path), other.clone()),
        };
        let files = self.all(&home, symbol.name());
        let mut found: Vec<Place> = Vec::new();
        let mut seen = HashSet::from([(home.clone(), symbol.clone())]);
        let mut open = vec![(home, symbol)];
        while let Some((home, symbol)) = open.pop() {
            for place in self.places(&files, &home, &symbol) {
                let file = &place.file;
                for other in file.index.occurrences.iter().filter(|other| other.span == place.occurrence.span) {
                    let next = (file.path.clone(), other.symbol.clone());
                    if other.symbol.name() == symbol.name()
                        && !is_same(&other.symbol, &symbol)
                        && seen.insert(next.clone())
                    {
                        open.push(next);
                    }
                }
                let is_known =
                    |known: &Place| known.file.path == file.path && known.occurrence.span == place.occurrence.span;
                if !found.iter().any(is_known) {
                    found.push(place);
                }
            }
        }
        found
    }

    /// Returns the places of one thing in files.
    fn places(&self, files: &[Rc<File>], home: &Path, symbol: &Symbol) -> Vec<Place> {
        let mut homes: HashSet<PathBuf> =
            self.definitions(home, symbol).iter().map(|place| place.file.path.clone()).collect();
        if homes.is_empty() {
            homes.insert(home.to_owned());
        }
        let mut found = Vec::new();
        for file in files {
            let sees = match symbol {
                _ if symbol.is_local() => file.path == home,
                Symbol::Step(..) => {
                    homes.contains(&file.path)
                        || file.index.tested.as_ref().is_some_and(|spec| homes.contains(&beside(&file.path, spec)))
                }
                _ => self.closure(&file.path).iter().any(|one| homes.contains(&one.path)),
            };
            for one in &file.index.occurrences {
                let is_it = match &one.symbol {
                    Symbol::ForeignInput(other, name) => {
                        *name == *symbol.name()
                            && matches!(symbol, Symbol::Input(_))
                            && self.closure(&beside(&file.path, other)).iter().any(|one| homes.contains(&one.path))
                    }
                    other => sees && is_same(other, symbol),
                };
                if is_it {
                    found.push(Place { file: Rc::clone(file), occurrence: one.clone() });
                }
            }
        }
        found
    }

    /// Returns the value of a definition in a file.
    pub(crate) fn value<'f>(file: &'f File, occurrence: &Occurrence) -> Option<&'f Node> {
        let path: Vec<&str> = match &occurrence.symbol {
            Symbol::Input(name) => vec!["inputs", name],
            Symbol::Secret(name) => vec!["secrets", name],
            Symbol::Var(None, name) => vec!["vars", name],
            Symbol::Mapping(name) => vec!["mappings", name],
            Symbol::Sink(name) => vec!["sinks", name],
            Symbol::Api(name) => vec!["apis", name],
            Symbol::Endpoint(api, name) => vec!["apis", api, "endpoints", name],
            Symbol::Param(api, endpoint, name) => vec!["apis", api, "endpoints", endpoint, "params", name],
            Symbol::Var(Some(_), _) | Symbol::Step(..) | Symbol::ForeignInput(..) | Symbol::File(_) => return None,
        };
        path.into_iter().try_fold(&file.root, |node, name| node.get(name))
    }

    /// Returns all files that may have a name: the one where it stands and what that brings in, the open ones and what they bring in, and
    /// those of the folders.
    fn all(&self, home: &Path, name: &str) -> Vec<Rc<File>> {
        let mut seen = HashSet::new();
        let mut files = Vec::new();
        let mut roots = vec![home.to_owned()];
        roots.extend(self.texts.paths());
        let mut others = Vec::new();
        for folder in &self.folders {
            below(folder, DEEP, &mut others);
        }
        // Most files of a folder have nothing to do with it, and need not be read as YAML to know that.
        others.retain(|path| self.texts.read(path).is_ok_and(|text| text.contains(name)));
        roots.append(&mut others);
        for root in roots {
            self.reach(&root, &mut seen, &mut files);
        }
        files
    }
}

/// Returns whether two names are of one thing; a step of another file is known by its id alone.
fn is_same(one: &Symbol, other: &Symbol) -> bool {
    match (one, other) {
        (Symbol::Step(None, left), Symbol::Step(_, right)) | (Symbol::Step(_, left), Symbol::Step(None, right)) => {
            left == right
        }
        _ => one == other,
    }
}

/// Returns whether a file is YAML, by its name.
pub(crate) fn is_yaml(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Lists the YAML files in a folder and below, hidden ones left out.
pub(crate) fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(kind) = entry.file_type() else { continue };
        if name.starts_with('.') || matches!(&*name, "node_modules" | "target") || found.len() >= MANY {
            continue;
        }
        if kind.is_dir() && depth > 0 {
            below(&entry.path(), depth - 1, found);
        } else if kind.is_file() && is_yaml(&name) {
            found.push(normal(&entry.path()));
        }
    }
}
