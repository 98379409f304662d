//! All that is said about the files of one question.

use crate::finding::{Finding, Severity};

/// A list of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

/// How many findings there are of each severity.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The errors.
    pub errors: usize,
    /// The warnings.
    pub warnings: usize,
}

impl Findings {
    /// Makes an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Puts the findings in the order of their places and drops what is said twice.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            (a.span(), a.severity, a.code, &a.message).cmp(&(b.span(), b.severity, b.code, &b.message))
        });
        self.0.dedup_by(|later, kept| {
            // A word that was a boolean is not warned of where it is an error.
            later.span() == kept.span()
                && (later.code == kept.code && later.message == kept.message
                    || later.code == "yaml11-boolean" && kept.is_error())
        });
    }

    /// Returns whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Finding::is_error)
    }

    /// Counts errors and warnings.
    pub fn counts(&self) -> Counts {
        let errors = self.0.iter().filter(|finding| finding.severity == Severity::Error).count();
        Counts { errors, warnings: self.0.len() - errors }
    }

    /// Returns the findings one after another.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        self.0.extend(findings);
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        Self(findings.into_iter().collect())
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
