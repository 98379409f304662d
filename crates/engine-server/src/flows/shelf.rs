//! The specs on disk, and the flows that came of them. Looks whether they have changed, and never at the network or the time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_plan::Plan;
use engine_source::{Finding, Findings};

use super::clash::{self, Clash};
use super::{Broken, Flow, FlowSet, Ground, Loaded, Outcome, Specs, Stamp};

/// The specs on disk, and the flows that came of them.
pub struct Shelf {
    specs: Box<dyn Specs>,
    ground: Ground,
    files: BTreeMap<PathBuf, File>,
    /// Files that are not as they were, as they were seen last: they are read once they stay so.
    moving: BTreeMap<PathBuf, Vec<Stamp>>,
    /// What kept the files from being found last.
    trouble: Option<String>,
}

/// A file that was read.
struct File {
    /// What came of it depends on these, as they were.
    seen: Vec<(PathBuf, Stamp)>,
    /// What is served of it.
    flow: Option<Arc<Flow>>,
    /// Whether it got in the way of another: it may do so no more when another has changed.
    clashes: bool,
}

/// Why nothing is served.
#[derive(Clone, Debug)]
pub enum OpenError {
    /// The files cannot be found.
    Lost(String),
    /// Something is wrong with them.
    Broken(Vec<Broken>),
    /// An input is given that no flow has.
    UnknownInput(String),
}

/// What has changed on disk.
#[derive(Debug, Default)]
pub struct Changes {
    /// The flows that are served from now on, if they are others than before.
    pub set: Option<FlowSet>,
    /// Flows that are new, or of which there is a new version.
    pub loaded: Vec<Arc<Flow>>,
    /// Flows whose files are gone, or have become something else.
    pub removed: Vec<Arc<Flow>>,
    /// Files that cannot be served as they are, and whether an older version of them is.
    pub refused: Vec<(Broken, bool)>,
    /// What keeps the files from being found, told once.
    pub trouble: Option<String>,
}

/// What is to become of a file.
enum Next {
    Flow(Arc<Flow>),
    Library,
    Refused(Broken),
}

impl Shelf {
    /// Reads all specs.
    ///
    /// # Errors
    ///
    /// Gives all that is wrong with all of them: then nothing is served.
    pub fn open(specs: Box<dyn Specs>, ground: Ground) -> Result<(Self, FlowSet), OpenError> {
        let files = specs.files().map_err(OpenError::Lost)?;
        let mut shelf = Self { specs, ground, files: BTreeMap::new(), moving: BTreeMap::new(), trouble: None };
        let mut broken = Vec::new();
        let mut plans = Vec::new();
        for loaded in shelf.specs.load(&files) {
            let Loaded { file, seen, outcome } = loaded;
            if let Outcome::Flow(candidate) = &outcome {
                plans.push((file.clone(), Arc::clone(&candidate.plan)));
            }
            let flow = match shelf.next(&file, outcome) {
                Next::Flow(flow) => Some(flow),
                Next::Library => None,
                Next::Refused(why) => {
                    broken.push(why);
                    None
                }
            };
            shelf.files.insert(file, File { seen, flow, clashes: false });
        }
        // One that lacks a secret is in the way of others as well: all is told at once.
        for Clash { file, finding, .. } in clash::find(plans.iter().map(|(file, plan)| (file.as_path(), &**plan))) {
            if let Some(known) = broken.iter_mut().find(|known| known.file == file) {
                known.findings.push(finding);
            } else if let Some((_, plan)) = plans.iter().find(|(known, _)| *known == file) {
                broken.push(refused(&file, plan, [finding]));
            }
        }
        broken.sort_by(|left, right| left.file.cmp(&right.file));
        if !broken.is_empty() {
            return Err(OpenError::Broken(broken));
        }
        let taken = |name: &String| shelf.flows().any(|flow| flow.inputs.contains_key(name));
        if let Some(name) = shelf.ground.inputs.keys().find(|name| !taken(name)) {
            return Err(OpenError::UnknownInput(name.clone()));
        }
        let set = FlowSet::new(shelf.flows().cloned());
        Ok((shelf, set))
    }

    /// Looks whether something has changed: files that did not change since it was looked last, or all where `at_once`.
    pub fn look(&mut self, at_once: bool) -> Changes {
        let mut changes = Changes::default();
        let known: Vec<PathBuf> = self.files.keys().cloned().collect();
        let files = match self.specs.files() {
            Ok(files) => {
                self.trouble = None;
                files
            }
            // What is served is served on.
            Err(message) => {
                changes.trouble = Some(message.clone()).filter(|_| self.trouble.as_ref() != Some(&message));
                self.trouble = Some(message);
                known.clone()
            }
        };
        let gone: Vec<PathBuf> = known.into_iter().filter(|file| files.binary_search(file).is_err()).collect();
        let gone: Vec<PathBuf> = gone.into_iter().filter(|file| self.stays(file, &[], at_once)).collect();
        let mut wanted = Vec::new();
        for file in files {
            let (now, is_same) = match self.files.get(&file) {
                Some(known) => {
                    let now: Vec<Stamp> = known.seen.iter().map(|(path, _)| Stamp::of(path)).collect();
                    let is_same = known.seen.iter().map(|(_, stamp)| stamp).eq(&now);
                    (now, is_same)
                }
                None => (vec![Stamp::of(&file)], false),
            };
            if is_same && !at_once {
                self.moving.remove(&file);
            } else if self.stays(&file, &now, at_once) {
                wanted.push(file);
            }
        }
        if !gone.is_empty() || !wanted.is_empty() {
            let clashing = self.files.iter().filter(|(file, known)| known.clashes && !gone.contains(file));
            wanted.extend(clashing.map(|(file, _)| file.clone()));
            wanted.sort();
            wanted.dedup();
            self.change(&gone, &wanted, &mut changes);
        }
        changes
    }

    /// Tells whether a file that has changed was seen like this before: who writes it may not be done.
    fn stays(&mut self, file: &PathBuf, now: &[Stamp], at_once: bool) -> bool {
        if at_once || self.moving.get(file).is_some_and(|before| before == now) {
            self.moving.remove(file);
            return true;
        }
        self.moving.insert(file.clone(), now.to_vec());
        false
    }

    fn change(&mut self, gone: &[PathBuf], wanted: &[PathBuf], changes: &mut Changes) {
        let mut before: BTreeMap<PathBuf, Arc<Flow>> = BTreeMap::new();
        for file in gone {
            if let Some(flow) = self.files.remove(file).and_then(|file| file.flow) {
                changes.removed.push(flow);
            }
        }
        for Loaded { file, seen, outcome } in self.specs.load(wanted) {
            let next = self.next(&file, outcome);
            let known = self.files.remove(&file).and_then(|file| file.flow);
            let flow = match next {
                Next::Flow(flow) => {
                    changes.removed.extend(known.clone().filter(|known| known.name() != flow.name()));
                    changes.loaded.push(Arc::clone(&flow));
                    Some(flow)
                }
                Next::Library => {
                    changes.removed.extend(known.clone());
                    None
                }
                Next::Refused(broken) => {
                    changes.refused.push((broken, known.is_some()));
                    known.clone()
                }
            };
            before.extend(known.map(|flow| (file.clone(), flow)));
            self.files.insert(file, File { seen, flow, clashes: false });
        }
        self.part(&before, changes);
        if !changes.loaded.is_empty() || !changes.removed.is_empty() {
            changes.set = Some(FlowSet::new(self.flows().cloned()));
        }
    }

    /// Takes back what gets in the way of others: those that were there before stay, and all of them went together.
    fn part(&mut self, before: &BTreeMap<PathBuf, Arc<Flow>>, changes: &mut Changes) {
        let clash =
            |shelf: &Self| clash::find(shelf.flows().map(|flow| (flow.file.as_path(), &*flow.plan))).into_iter().next();
        while let Some(Clash { file: second, other: first, finding }) = clash(self) {
            let index = |file: &PathBuf| changes.loaded.iter().position(|flow| flow.file == *file);
            // What was served before comes before what is new.
            let mut files = [second, first];
            files.sort_by_key(|file| before.contains_key(file));
            let found = files.into_iter().find_map(|file| index(&file).map(|at| (file, at)));
            let Some((file, index)) = found else { return };
            let flow = changes.loaded.remove(index);
            let old = before.get(&file).cloned();
            // What it would have replaced is there still.
            changes.removed.retain(|removed| removed.file != file);
            changes.refused.push((refused(&flow.file, &flow.plan, [finding]), old.is_some()));
            if let Some(known) = self.files.get_mut(&file) {
                known.flow = old;
                known.clashes = true;
            }
        }
    }

    fn next(&self, file: &Path, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Library => Next::Library,
            Outcome::Broken(broken) => Next::Refused(broken),
            Outcome::Flow(candidate) => match Flow::new(file.to_owned(), candidate, &self.ground) {
                Ok(flow) => Next::Flow(Arc::new(flow)),
                Err(broken) => Next::Refused(broken),
            },
        }
    }

    fn flows(&self) -> impl Iterator<Item = &Arc<Flow>> {
        self.files.values().filter_map(|file| file.flow.as_ref())
    }
}

fn refused(file: &Path, plan: &Plan, findings: impl IntoIterator<Item = Finding>) -> Broken {
    let findings = Findings::from_iter(findings);
    Broken { file: file.to_owned(), findings, sources: Arc::clone(&plan.sources) }
}
