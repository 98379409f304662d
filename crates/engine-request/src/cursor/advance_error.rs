//! Why a read can't go on from its cursor.

use engine_expr::EvalError;
use engine_source::Span;

/// Why a read can't go on from its cursor.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct AdvanceError {
    /// The code of the finding.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The place in the spec.
    pub span: Span,
    /// The bytes within the text there, where they are known.
    pub range: Option<std::ops::Range<usize>>,
    /// What to do.
    pub help: Option<String>,
}

impl AdvanceError {
    /// Says that values of the cursor are not what they should be.
    pub(super) fn value(message: impl Into<String>, span: Span) -> Self {
        Self { code: "unexpected-shape", message: message.into(), span, range: None, help: None }
    }

    /// Says that beginning anew leads nowhere.
    pub(super) fn stuck(message: impl Into<String>, span: Span) -> Self {
        Self { code: "pagination-loop", ..Self::value(message, span) }
    }

    /// Says that what was saved is no value of the cursor.
    pub(super) fn saved(why: &str, span: Span) -> Self {
        Self::value(format!("the read can't go on from the cursor that was saved: {why}"), span).help(
            "where the spec means another cursor now, `--full-refresh` reads all anew, and `engine state reset` forgets the old one",
        )
    }

    /// Says that the start is no value of the cursor.
    pub(super) fn start(why: &str, span: Span) -> Self {
        Self::value(format!("the cursor can't begin there: {why}"), span)
            .help("give a time, or say what the cursor is by `format: integer` or `format: string`")
    }

    /// Adds what to do.
    #[must_use]
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl From<EvalError> for AdvanceError {
    fn from(error: EvalError) -> Self {
        Self { code: "template-failed", message: error.message, span: error.span, range: error.range, help: error.help }
    }
}
