//! One thing that was looked at, what was found, and what to do.

use engine_source::Finding;
use serde_json::{Value, json};

use crate::terminal::{Look, Style};

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What it belongs to: `given`, `state`, `sink audit`, `API shop`.
    pub(super) section: String,
    /// What was looked at.
    pub(super) what: String,
    /// Whether that is well.
    pub(super) judgement: Judgement,
    /// What was found.
    pub(super) found: String,
    /// What to do.
    pub(super) help: Option<String>,
}

/// Whether something is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is.
    Ok,
    /// It is, but hardly as it was meant.
    Warn,
    /// It is not.
    Failed,
}

impl Judgement {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Failed => "failed",
        }
    }
}

impl Line {
    fn new(judgement: Judgement, section: &str, what: &str, found: &str) -> Self {
        let one_line = found.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { section: section.to_owned(), what: what.to_owned(), judgement, found: one_line, help: None }
    }

    /// Says that something is well.
    pub(super) fn ok(section: &str, what: &str, found: &str) -> Self {
        Self::new(Judgement::Ok, section, what, found)
    }

    /// Says that something is odd.
    pub(super) fn warn(section: &str, what: &str, found: &str) -> Self {
        Self::new(Judgement::Warn, section, what, found)
    }

    /// Says that something is not well.
    pub(super) fn failed(section: &str, what: &str, found: &str) -> Self {
        Self::new(Judgement::Failed, section, what, found)
    }

    /// Says that something is not well, as a finding has it.
    pub(super) fn found(section: &str, what: &str, finding: &Finding) -> Self {
        Self { help: finding.help.clone(), ..Self::failed(section, what, &finding.message) }
    }

    /// Says what to do.
    #[must_use]
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Writes it for people, under the name of its section where that is another than the one before.
    pub(super) fn render(&self, before: &str, look: Look) -> String {
        let title = if self.section == before {
            String::new()
        } else {
            let gap = if before.is_empty() { "" } else { "\n" };
            format!("{gap}{}\n", look.paint(Style::Bold, &self.section))
        };
        let style = match self.judgement {
            Judgement::Ok => Style::Green,
            Judgement::Warn => Style::Yellow,
            Judgement::Failed => Style::Red,
        };
        let name = self.judgement.name();
        let mark = format!("{}{}", look.paint(style, name), " ".repeat(6 - name.len()));
        let help = self.help.as_ref().map(|help| format!("          {} {help}\n", look.paint(Style::Cyan, "help:")));
        format!("{title}  {mark}  {}: {}\n{}", self.what, self.found, help.unwrap_or_default())
    }

    /// Returns it for programs.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "section": self.section,
            "check": self.what,
            "result": self.judgement.name(),
            "found": self.found,
            "help": self.help,
        })
    }
}
