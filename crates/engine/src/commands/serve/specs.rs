//! The specs of a server: found and compiled as `engine validate` does.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use engine_plan::{Disk, Files, Plan};
use engine_runtime::{HttpTransport, Transport};
use engine_server::{Broken, Candidate, Loaded, Outcome, Specs, Stamp};
use engine_source::{Finding, Findings, Sources};

use crate::environment::Variables;
use crate::failure::Failure;
use crate::report::{Report, Reported};
use crate::spec_files;

/// A spec may be deep, and checking goes down with it.
const STACK: usize = 16 * 1024 * 1024;

/// What surrounds the specs of a folder, and the files that it was read from.
type Known = (Vec<(PathBuf, Stamp)>, Surroundings);

/// The files that a command line means, whatever they are at a time.
pub(super) struct DiskSpecs {
    paths: Vec<PathBuf>,
    /// What surrounds the specs of a folder, and the files that it was read from.
    surroundings: Mutex<HashMap<PathBuf, Known>>,
    warnings: Arc<Mutex<Vec<Reported>>>,
}

/// What the specs of one folder share: variables, and what they say of proxies.
#[derive(Clone)]
struct Surroundings {
    variables: Arc<Variables>,
    transport: Arc<dyn Transport>,
}

/// The files of this machine, with note of which were asked for.
#[derive(Default)]
struct Seen(Mutex<BTreeMap<PathBuf, Stamp>>);

impl DiskSpecs {
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, surroundings: Mutex::default(), warnings: Arc::default() }
    }

    /// Returns where warnings about specs are put, until somebody takes them.
    pub(super) fn warnings(&self) -> Arc<Mutex<Vec<Reported>>> {
        Arc::clone(&self.warnings)
    }

    fn load_one(&self, file: &Path) -> Loaded {
        let seen = Seen::default();
        let surroundings = self.surroundings(file, &seen);
        let compiled = engine_plan::compile(file, &seen);
        let seen = seen.0.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
        let broken = |findings, sources| Outcome::Broken(Broken { file: file.to_owned(), findings, sources });
        let outcome = match (compiled.plan, surroundings) {
            (None, _) => broken(compiled.findings, compiled.sources),
            (Some(plan), _) if is_library(&plan) => Outcome::Library,
            (Some(_), Err(failure)) => {
                let (message, help) = match failure {
                    Failure::Plain { message, help, .. } => (message, help),
                    other @ Failure::Findings(_) => (other.to_string(), None),
                };
                let finding = Finding::error("unreadable-file", message).help_if(help);
                broken(Findings::from_iter([finding]), Arc::new(Sources::new()))
            }
            (Some(plan), Ok(Surroundings { variables, transport })) => {
                let report = Report::of(file, compiled.findings, &compiled.sources);
                let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
                warnings.extend(report.iter().cloned());
                Outcome::Flow(Candidate { plan, environment: variables, transport })
            }
        };
        Loaded { file: file.to_owned(), seen, outcome }
    }

    /// Reads the variables for a spec, once for all of its folder.
    fn surroundings(&self, file: &Path, seen: &Seen) -> Result<Surroundings, Failure> {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let files = [folder.join(".env"), PathBuf::from(".env")];
        let stamps: Vec<_> = files.iter().map(|file| (file.clone(), seen.see(file))).collect();
        let mut known = self.surroundings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, surroundings)) = known.get(&folder).filter(|(then, _)| *then == stamps) {
            return Ok(surroundings.clone());
        }
        let variables = Variables::load(file)?;
        let transport = HttpTransport::new(variables.proxies()?).map_err(|error| Failure::failed(error.to_string()))?;
        let surroundings = Surroundings { variables: Arc::new(variables), transport: Arc::new(transport) };
        known.insert(folder, (stamps, surroundings.clone()));
        Ok(surroundings)
    }
}

/// Tells whether a spec is there for others to import: nothing starts it, and it has no steps of its own.
fn is_library(plan: &Plan) -> bool {
    plan.triggers.is_empty() && plan.steps.iter().all(|step| step.is_implied)
}

impl Specs for DiskSpecs {
    fn files(&self) -> Result<Vec<PathBuf>, String> {
        spec_files::find(&self.paths).map_err(|failure| failure.to_string())
    }

    fn load(&self, files: &[PathBuf]) -> Vec<Loaded> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let cores = thread::available_parallelism().map_or(1, usize::from).min(files.len());
        let next = AtomicUsize::new(0);
        let work = || {
            let mut loaded = Vec::new();
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                loaded.push(self.load_one(file));
            }
            loaded
        };
        let mut loaded = thread::scope(|scope| {
            let workers: Vec<_> = (0..cores)
                .filter_map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok())
                .collect();
            let mut loaded: Vec<Loaded> =
                workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect();
            // What no thread has taken, since there is none.
            loaded.extend(work());
            loaded
        });
        loaded.sort_by(|left, right| left.file.cmp(&right.file));
        loaded
    }
}

impl Seen {
    /// Takes note of a file before it is read.
    fn see(&self, path: &Path) -> Stamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()).or_insert_with(|| Stamp::of(path))
    }
}

impl Files for Seen {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.see(path);
        Disk.read(path)
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        Disk.names(folder)
    }
}
