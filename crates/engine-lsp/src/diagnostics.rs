//! What is wrong with files, as editors show it, and the changes that mend it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine_plan::normal;
use engine_source::{Finding, Node, Severity, SourceFile, Sources, Span};
use engine_spec::test::TestFile;
use gen_lsp_types::{
    Code, CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location,
    Message, Range, TextEdit, Uri,
};
use serde::{Deserialize, Serialize};

use crate::file::File;
use crate::pages::Pages;
use crate::position::{Encoding, Lines};
use crate::texts::{Texts, uri_of};

/// The sections by which a YAML file is known to be a spec.
const SECTIONS: &[&str] =
    &["imports", "inputs", "secrets", "vars", "apis", "mappings", "sinks", "triggers", "steps", "on_failure", "tests"];

/// A finding with its places as the editor counts.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// As it is shown.
    pub(crate) diagnostic: Diagnostic,
    /// What mends it.
    pub(crate) fix: Option<Change>,
}

/// A change that mends a finding.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Change {
    /// What it does.
    pub(crate) title: String,
    /// The file that it changes.
    pub(crate) uri: Uri,
    /// The texts that it writes.
    pub(crate) edits: Vec<TextEdit>,
}

/// Returns whether a file is a spec, or a file of tests: there is other YAML, too.
pub(crate) fn is_ours(file: &File) -> bool {
    if TestFile::is_named(&file.path) {
        return file.root.get("spec").is_some() || file.root.get("tests").is_some();
    }
    let has = |name: &&str| file.root.get(name).is_some();
    let is_first = file.root.get("version").and_then(Node::scalar_text).is_some_and(|version| *version == *"1");
    let is_meant = file.text().lines().take(40).any(|line| line.starts_with('#') && line.contains("spec.json"));
    is_first && (SECTIONS.iter().any(has) || file.root.entries().len() == 1) || is_meant
}

/// Checks files, and returns what is found in each of those that are touched.
pub(crate) fn check(
    roots: &[PathBuf],
    texts: &Texts,
    pages: &Pages,
    encoding: Encoding,
) -> BTreeMap<PathBuf, Vec<Told>> {
    let mut found: BTreeMap<PathBuf, Vec<Told>> = BTreeMap::new();
    for root in roots {
        // A file about which nothing is left to say is told so.
        found.entry(root.clone()).or_default();
        let compiled = engine_plan::compile(root, texts);
        let teller = Teller::new(&compiled.sources, pages, encoding);
        for finding in &compiled.findings {
            let path = teller.path(finding.span()).unwrap_or_else(|| root.clone());
            let told = teller.tell(finding);
            let all = found.entry(path).or_default();
            // Two files that import one say the same about it.
            if !all.iter().any(|known| known.diagnostic == told.diagnostic) {
                all.push(told);
            }
        }
    }
    found
}

/// Turns findings into what editors show.
struct Teller<'s> {
    sources: &'s Sources,
    lines: Vec<Lines>,
    pages: &'s Pages,
    encoding: Encoding,
}

impl<'s> Teller<'s> {
    fn new(sources: &'s Sources, pages: &'s Pages, encoding: Encoding) -> Self {
        let lines = sources.iter().map(|(_, file)| Lines::new(file.text())).collect();
        Self { sources, lines, pages, encoding }
    }

    fn tell(&self, finding: &Finding) -> Told {
        let mut message = finding.message.clone();
        if let Some(help) = &finding.help {
            message.push_str("\nhelp: ");
            message.push_str(help);
        }
        let mut labels = finding.labels.iter().filter(|label| !label.span.is_none());
        let range = labels.next().and_then(|label| self.place(label.span)).map(|(_, range)| range).unwrap_or_default();
        let related = finding.labels.iter().skip(1).filter(|label| !label.span.is_none()).filter_map(|label| {
            let (uri, range) = self.place(label.span)?;
            Some(DiagnosticRelatedInformation { location: Location { uri, range }, message: label.text.clone() })
        });
        let related: Vec<DiagnosticRelatedInformation> = related.collect();
        let fix = finding.fix.as_deref().and_then(|fix| {
            let mut uri = None;
            let mut edits = Vec::new();
            for (span, new_text) in &fix.edits {
                let (place, range) = self.place(*span)?;
                uri.get_or_insert(place);
                edits.push(TextEdit { range, new_text: new_text.clone() });
            }
            Some(Change { title: fix.title.clone(), uri: uri?, edits })
        });
        let is_unused = finding.code.starts_with("unused-") || finding.code == "unreachable-case";
        let diagnostic = Diagnostic {
            range,
            severity: Some(match finding.severity {
                Severity::Error => DiagnosticSeverity::Error,
                Severity::Warning => DiagnosticSeverity::Warning,
            }),
            code: Some(Code::String(finding.code.to_owned())),
            code_description: self.pages.of(finding.code).map(|href| CodeDescription { href }),
            source: Some("engine".to_owned()),
            message: Message::String(message),
            tags: is_unused.then(|| vec![DiagnosticTag::Unnecessary]),
            related_information: (!related.is_empty()).then_some(related),
            data: None,
        };
        Told { diagnostic, fix }
    }

    fn path(&self, span: Span) -> Option<PathBuf> {
        let file: &SourceFile = self.sources.get(span.source);
        (!span.is_none()).then(|| normal(Path::new(file.name())))
    }

    fn place(&self, span: Span) -> Option<(Uri, Range)> {
        let path = self.path(span)?;
        let index = self.sources.iter().position(|(id, _)| id == span.source)?;
        let range = self.lines.get(index)?.range(self.sources.get(span.source).text(), span.range(), self.encoding);
        Some((Uri(uri_of(&path)), range))
    }
}
