//! What became of the tests of all specs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine_source::{Sources, Span};
use engine_suite::{Coverage, Disturbed};

use crate::report::Report;
use crate::status::Status;

/// What became of the tests of all specs.
pub(super) struct Results {
    pub(super) suites: Vec<Suite>,
    /// What they met, where they were disturbed.
    pub(super) troubles: Option<Disturbed>,
}

/// The tests of one file.
pub(super) struct Suite {
    /// The file.
    pub(super) path: PathBuf,
    /// What it is made of.
    pub(super) sources: Arc<Sources>,
    /// What keeps it from being tested.
    pub(super) errors: Report,
    /// The tests that ran.
    pub(super) cases: Vec<Case>,
    /// Whether it has tests at all.
    pub(super) is_tested: bool,
    /// What they reached.
    pub(super) coverage: Coverage,
}

/// A test that ran.
pub(super) struct Case {
    pub(super) name: String,
    /// The place of its name.
    pub(super) place: Span,
    /// What is not as it should be.
    pub(super) findings: Report,
    /// How long it took for real.
    pub(super) took: Duration,
}

impl Results {
    /// Returns all tests that ran.
    pub(super) fn cases(&self) -> impl Iterator<Item = &Case> {
        self.suites.iter().flat_map(|suite| &suite.cases)
    }

    /// Counts the specs that are wrong.
    pub(super) fn errors(&self) -> usize {
        self.suites.iter().filter(|suite| suite.is_wrong()).count()
    }

    /// Returns how the program ends.
    pub(super) fn status(&self) -> Status {
        match () {
            () if self.errors() > 0 => Status::Wrong,
            () if self.cases().any(|case| !case.is_ok()) => Status::Failed,
            () => Status::Done,
        }
    }

    /// Returns what all tests reach.
    pub(super) fn coverage(&self) -> Coverage {
        let mut all = Coverage::default();
        for suite in &self.suites {
            all.join(suite.coverage.clone());
        }
        all
    }

    /// Returns all files that were read.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let files =
            self.suites.iter().flat_map(|suite| suite.sources.iter().map(|(_, file)| PathBuf::from(file.name())));
        let mut files: Vec<PathBuf> = files.collect();
        files.sort();
        files.dedup();
        files
    }
}

impl Suite {
    /// Begins with a file of which nothing is known.
    pub(super) fn new(path: PathBuf, sources: Arc<Sources>) -> Self {
        let (errors, cases, coverage) = (Report::default(), Vec::new(), Coverage::default());
        Self { path, sources, errors, cases, is_tested: false, coverage }
    }

    /// Tells whether the spec itself is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        self.errors.iter().next().is_some()
    }

    /// Counts the tests that failed.
    pub(super) fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.is_ok()).count()
    }
}

impl Case {
    /// Tells whether all is as it should be.
    pub(super) fn is_ok(&self) -> bool {
        self.findings.iter().next().is_none()
    }
}
