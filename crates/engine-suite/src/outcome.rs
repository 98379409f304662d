//! What became of a test.

use engine_source::{Finding, Span};

use crate::coverage::Coverage;

/// What became of a test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// The place of its name.
    pub place: Span,
    /// What is not as it should be; nothing where all is well.
    pub findings: Vec<Finding>,
    /// What it reached.
    pub coverage: Coverage,
}

impl Outcome {
    /// Tells whether all is as it should be.
    pub fn is_ok(&self) -> bool {
        self.findings.is_empty()
    }
}
