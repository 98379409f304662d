//! Findings and pages as texts. Knows no command, and writes nothing itself.

pub(crate) mod concise;
mod excerpt;
pub(crate) mod github;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod page;
mod plain;
pub(crate) mod sarif;
mod wrap;

use clap::ValueEnum;

use crate::report::Report;
use crate::terminal::Look;

/// How findings are written.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the lines of the file, to stderr
    #[default]
    Human,
    /// One line each, to stderr
    Concise,
    /// A JSON array, to stdout
    Json,
    /// SARIF 2.1.0, for code scanning, to stdout
    Sarif,
    /// Commands of a GitHub workflow, to stdout
    Github,
}

impl Format {
    /// Returns whether the text is for a program, which reads stdout.
    pub(crate) fn is_for_programs(self) -> bool {
        matches!(self, Self::Json | Self::Sarif | Self::Github)
    }

    /// Writes all findings of a report.
    pub(crate) fn render(self, report: &Report, look: Look) -> String {
        match self {
            Self::Human => report.iter().map(|reported| human::render(reported, look)).collect(),
            Self::Concise => report.iter().map(|reported| concise::render(reported, look)).collect(),
            Self::Json => json::render(report),
            Self::Sarif => sarif::render(report),
            Self::Github => report.iter().map(github::render).collect(),
        }
    }
}
