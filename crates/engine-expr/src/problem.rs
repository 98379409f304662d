//! What is wrong inside a string: found when it is read, told when its place is known.

use std::ops::Range;

use engine_source::{Finding, Sources, Span};

/// A mistake inside a template, condition or path, with its place in the decoded text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The code of the finding that it becomes.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// The bytes of the decoded text that must change.
    pub range: Range<usize>,
    /// What stands at these bytes, in at most six words.
    pub label: String,
    /// A second place nearby, and what it has to do with it.
    pub second: Option<(Range<usize>, String)>,
    /// What to do.
    pub help: Option<String>,
    /// What is certainly meant in place of [`range`](Self::range).
    pub meant: Option<String>,
}

impl Problem {
    /// Makes a problem without a help.
    pub fn new(code: &'static str, message: impl Into<String>, range: Range<usize>, label: impl Into<String>) -> Self {
        Self { code, message: message.into(), range, label: label.into(), second: None, help: None, meant: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what is certainly meant, where that is known.
    #[must_use]
    pub fn meant(mut self, text: Option<impl Into<String>>) -> Self {
        self.meant = text.map(Into::into);
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn second(mut self, range: Range<usize>, label: impl Into<String>) -> Self {
        self.second = Some((range, label.into()));
        self
    }

    /// Turns the problem into a finding about the scalar at `span`.
    pub fn finding(&self, sources: &Sources, span: Span) -> Finding {
        let mut finding = Finding::error(self.code, self.message.clone())
            .label(sources.within(span, self.range.clone()), self.label.clone())
            .meant(sources.within(span, self.range.clone()), self.meant.clone());
        if let Some((range, label)) = &self.second {
            finding = finding.label(sources.within(span, range.clone()), label.clone());
        }
        match &self.help {
            Some(help) => finding.help(help.clone()),
            None => finding,
        }
    }
}

/// Why a template, condition or path could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What went wrong.
    pub message: String,
    /// The scalar of the spec in which it did.
    pub span: Span,
    /// The bytes of the scalar's decoded text, where they are known.
    pub range: Option<Range<usize>>,
    /// What to do.
    pub help: Option<String>,
    /// Whether it failed because a member is not there, which `default` would take.
    pub missing: bool,
}

impl EvalError {
    /// Makes an error about a whole scalar.
    pub fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, range: None, help: None, missing: false }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the bytes of the source to point at.
    pub fn place(&self, sources: &Sources) -> Span {
        match &self.range {
            Some(range) => sources.within(self.span, range.clone()),
            None => self.span,
        }
    }
}
