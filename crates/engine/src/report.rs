//! All findings of one call, in the order in which they are shown.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use engine_source::{Counts, Finding, Findings, Severity, Sources};

/// A finding with the texts that its places are in.
#[derive(Clone, Debug)]
pub(crate) struct Reported {
    /// The file that it is about.
    pub(crate) path: String,
    /// What is said.
    pub(crate) finding: Finding,
    /// The files.
    pub(crate) sources: Arc<Sources>,
}

impl Reported {
    /// Makes a finding about a spec; one without a place is about the spec as a whole.
    pub(crate) fn new(spec: &Path, finding: Finding, sources: &Arc<Sources>) -> Self {
        let span = finding.span();
        let path = if span.is_none() {
            spec.to_string_lossy().into_owned()
        } else {
            sources.get(span.source).name().to_owned()
        };
        Self { path, finding, sources: Arc::clone(sources) }
    }

    /// Returns the line and the column, both from 1, of the primary place.
    pub(crate) fn start(&self) -> Option<(usize, usize)> {
        let span = self.finding.span();
        (!span.is_none()).then(|| self.sources.get(span.source).line_column(span.start))
    }

    /// Returns the line and the column, both from 1, after the last character of the primary place.
    pub(crate) fn end(&self) -> Option<(usize, usize)> {
        let span = self.finding.span();
        (!span.is_none()).then(|| self.sources.get(span.source).line_column(span.end))
    }

    /// What two findings are compared by: the place, then what is said.
    fn order(&self) -> (&str, u32, u32, Severity, &str, &str) {
        let span = self.finding.span();
        (&self.path, span.start, span.end, self.finding.severity, self.finding.code, &self.finding.message)
    }
}

/// Findings of any number of specs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Reported>,
}

impl Report {
    /// Makes a report of the findings about one spec.
    pub(crate) fn of(spec: &Path, findings: Findings, sources: &Arc<Sources>) -> Self {
        findings.into_iter().map(|finding| Reported::new(spec, finding, sources)).collect()
    }

    /// Returns the findings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Reported> {
        self.findings.iter()
    }

    /// Counts the files about which there is something to say.
    pub(crate) fn files(&self) -> usize {
        self.findings.iter().map(|reported| reported.path.as_str()).collect::<BTreeSet<_>>().len()
    }

    /// Counts errors and warnings.
    pub(crate) fn counts(&self) -> Counts {
        let errors = self.findings.iter().filter(|reported| reported.finding.is_error()).count();
        Counts { errors, warnings: self.findings.len() - errors }
    }
}

/// Sorts by file and place, and drops what several specs that import one file say about it.
impl FromIterator<Reported> for Report {
    fn from_iter<I: IntoIterator<Item = Reported>>(findings: I) -> Self {
        let mut findings: Vec<Reported> = findings.into_iter().collect();
        findings.sort_by(|a, b| a.order().cmp(&b.order()));
        findings.dedup_by(|a, b| a.order() == b.order());
        Self { findings }
    }
}

impl IntoIterator for Report {
    type Item = Reported;
    type IntoIter = std::vec::IntoIter<Reported>;

    fn into_iter(self) -> Self::IntoIter {
        self.findings.into_iter()
    }
}

/// Returns a number with its noun: `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns the last line of a validation: what was found in how many files.
pub(crate) fn summary(counts: Counts, files: usize) -> String {
    let found: Vec<String> = [(counts.errors, "error"), (counts.warnings, "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(count, noun))
        .collect();
    match (found.is_empty(), files) {
        (true, 1) => "1 spec is valid".to_owned(),
        (true, _) => format!("{files} specs are valid"),
        (false, _) => format!("{} in {}", found.join(", "), counted(files, "file")),
    }
}

#[cfg(test)]
mod tests {
    use engine_source::Span;

    use super::*;

    fn finding(sources: &mut Sources, name: &str, message: &str) -> Finding {
        let id = sources.add(name, "version: 1\n");
        Finding::error("unknown-field", message).label(Span::new(id, 0..7), "")
    }

    #[test]
    fn sorts_by_file_and_says_once_what_two_importers_say() {
        let mut first = Sources::new();
        let mut second = Sources::new();
        let one: Findings =
            [finding(&mut first, "specs/b.yaml", "x"), finding(&mut first, "shared.yaml", "y")].into_iter().collect();
        let two: Findings =
            [finding(&mut second, "shared.yaml", "y"), finding(&mut second, "specs/a.yaml", "z")].into_iter().collect();
        let report: Report = Report::of(Path::new("specs/b.yaml"), one, &Arc::new(first))
            .into_iter()
            .chain(Report::of(Path::new("specs/a.yaml"), two, &Arc::new(second)))
            .collect();
        let shown: Vec<&str> = report.iter().map(|reported| reported.path.as_str()).collect();
        assert_eq!(shown, ["shared.yaml", "specs/a.yaml", "specs/b.yaml"]);
    }

    #[test]
    fn sums_up_in_words() {
        let counts = |errors, warnings| Counts { errors, warnings };
        assert_eq!(summary(counts(3, 1), 12), "3 errors, 1 warning in 12 files");
        assert_eq!(summary(counts(0, 2), 1), "2 warnings in 1 file");
        assert_eq!(summary(counts(0, 0), 1), "1 spec is valid");
        assert_eq!(summary(counts(0, 0), 7), "7 specs are valid");
    }
}
