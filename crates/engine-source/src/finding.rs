//! One thing that is said about a file.

use crate::fix::Fix;
use crate::span::Span;

/// How bad a finding is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The spec cannot run.
    Error,
    /// The spec runs, but hardly as it was meant.
    Warning,
}

impl Severity {
    /// Returns its name as it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in a file and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// At most six words; may be empty.
    pub text: String,
}

/// A mistake, or what is likely one, with its places and a way out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// Its stable name, in kebab-case.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in the author's words.
    pub message: String,
    /// Where; the first label is the smallest text that must change.
    pub labels: Vec<Label>,
    /// One action or question.
    pub help: Option<String>,
    /// The one change that mends it, where there is exactly one that is safe.
    pub fix: Option<Box<Fix>>,
}

impl Finding {
    /// Makes an error.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), labels: Vec::new(), help: None, fix: None }
    }

    /// Makes a warning.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a place; the first one is the primary one.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Sets the help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Sets the help where there is one.
    #[must_use]
    pub fn help_if(mut self, text: Option<impl Into<String>>) -> Self {
        self.help = text.map(Into::into).or(self.help);
        self
    }

    /// Sets the change that mends it, where there is one.
    #[must_use]
    pub fn fix_if(mut self, fix: Option<Fix>) -> Self {
        self.fix = fix.map(Box::new).or(self.fix);
        self
    }

    /// Sets the text that was certainly meant at a place, where that is known.
    #[must_use]
    pub fn meant(self, span: Span, text: Option<impl Into<String>>) -> Self {
        let there = !span.is_none() && !span.is_empty();
        self.fix_if(text.filter(|_| there).map(|text| Fix::write(span, text)))
    }

    /// Returns the primary place.
    pub fn span(&self) -> Span {
        self.labels.first().map(|label| label.span).unwrap_or_default()
    }

    /// Returns whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
