//! Why a read can't go on.

use engine_expr::EvalError;
use engine_source::{Finding, Sources, Span};

/// Why a read can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PagerError {
    /// A template or condition failed.
    #[error("{0}")]
    Eval(#[from] EvalError),
    /// A page has the records of the one before.
    #[error("page {page} has the very records of page {}", page - 1)]
    RepeatedPage {
        /// The number of the page in this read.
        page: u64,
        /// Where the spec says how it is asked for.
        span: Span,
        /// What to check.
        check: String,
    },
    /// A page names a next one that was asked for already.
    #[error("page {page} leads to a page that was already read")]
    RepeatedNext {
        /// The number of the page in this read.
        page: u64,
        /// Where the spec says how the next one is asked for.
        span: Span,
        /// What to check.
        check: String,
    },
    /// The guard was reached.
    #[error("the read is not at its end after {max} pages")]
    TooManyPages {
        /// The guard.
        max: u64,
        /// Where it is written.
        span: Span,
    },
    /// A page is empty before as many records came as there are in all.
    #[error("page {page} is empty after {received} of {total} records")]
    TotalNotReached {
        /// The number of the page in this read.
        page: u64,
        /// How many records came.
        received: u64,
        /// How many there are, as the API says.
        total: u64,
        /// Where the spec says where the total is.
        span: Span,
    },
    /// Pages are empty one after another, long before the last one.
    #[error("page {page} of {pages} is empty, and so are those before it")]
    EmptyPages {
        /// The number of the page in this read.
        page: u64,
        /// How many there are, as the API says.
        pages: u64,
        /// Where the spec says where that is.
        span: Span,
    },
    /// More records came than there are in all.
    #[error("with page {page} there are {received} records, {total} in all as `{place}` says")]
    TotalExceeded {
        /// The number of the page in this read.
        page: u64,
        /// How many records came.
        received: u64,
        /// How many there are, as the API says.
        total: u64,
        /// The place of the total.
        place: String,
        /// Where it is written.
        span: Span,
    },
    /// A place in the answer has something else than is needed.
    #[error("`{place}` gives {found} on page {page}, where {wanted} is needed")]
    Unfit {
        /// The number of the page in this read.
        page: u64,
        /// The place.
        place: String,
        /// What it has.
        found: &'static str,
        /// What is needed.
        wanted: &'static str,
        /// Where the place is written.
        span: Span,
    },
    /// The next URL is none.
    #[error("page {page} gives a next URL that is none")]
    NoUrl {
        /// The number of the page in this read.
        page: u64,
        /// Where the spec says where it is.
        span: Span,
    },
}

impl PagerError {
    /// Returns the code of the finding that it is.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Eval(_) => "template-failed",
            Self::RepeatedPage { .. } | Self::RepeatedNext { .. } => "pagination-loop",
            Self::TooManyPages { .. } => "too-many-pages",
            Self::TotalNotReached { .. }
            | Self::TotalExceeded { .. }
            | Self::EmptyPages { .. }
            | Self::Unfit { .. }
            | Self::NoUrl { .. } => "unexpected-shape",
        }
    }

    /// Returns the place in the spec; none where the spec does not write it.
    pub fn span(&self) -> Span {
        match self {
            Self::Eval(error) => error.span,
            Self::RepeatedPage { span, .. }
            | Self::RepeatedNext { span, .. }
            | Self::TooManyPages { span, .. }
            | Self::TotalNotReached { span, .. }
            | Self::TotalExceeded { span, .. }
            | Self::EmptyPages { span, .. }
            | Self::Unfit { span, .. }
            | Self::NoUrl { span, .. } => *span,
        }
    }

    /// Returns what to do.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Eval(error) => error.help.clone(),
            Self::RepeatedPage { check, .. } | Self::RepeatedNext { check, .. } => Some(format!(
                "{check}; if the data ends here, say so: `stop_when: page.count < 100`, or whatever the answer tells; `max_pages` only guards a read"
            )),
            Self::TooManyPages { .. } => Some(
                "raise `max_pages`, say where the data ends with `stop_when`, or read less with `limit`".to_owned(),
            ),
            Self::TotalNotReached { .. } => Some(
                "read again if records were deleted meanwhile; if the API counts what it does not give, leave the total out: the read then ends at an empty page"
                    .to_owned(),
            ),
            Self::EmptyPages { .. } => Some(
                "if the API counts pages that it does not give, leave `total_pages` out: the read then ends at an empty page"
                    .to_owned(),
            ),
            Self::TotalExceeded { .. } => Some(
                "it counts something else than the records that are read: leave it out, and the read ends at an empty page"
                    .to_owned(),
            ),
            Self::Unfit { .. } => Some("check the path against an answer of the API".to_owned()),
            Self::NoUrl { .. } => Some(
                "check the place against an answer of the API; a token instead of a URL is read by `type: cursor`"
                    .to_owned(),
            ),
        }
    }

    /// Makes the finding.
    pub fn finding(&self, sources: &Sources) -> Finding {
        let span = match self {
            Self::Eval(error) => error.place(sources),
            other => other.span(),
        };
        let label = match self {
            Self::Eval(_) => "",
            Self::RepeatedPage { .. } => "the next page is asked for here",
            Self::RepeatedNext { .. } => "it comes from here",
            Self::TooManyPages { .. } => "the guard",
            Self::TotalNotReached { .. } | Self::TotalExceeded { .. } => "the total",
            Self::EmptyPages { .. } => "the number of pages",
            Self::Unfit { wanted, .. } => wanted,
            Self::NoUrl { .. } => "a URL",
        };
        let finding = Finding::error(self.code(), self.to_string()).label(span, label);
        match self.help() {
            Some(help) => finding.help(help),
            None => finding,
        }
    }
}
