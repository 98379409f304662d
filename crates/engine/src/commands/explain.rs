//! `engine explain`: why a finding is one.

use engine_plan::{RULES, Rule};
use engine_source::similar;

use crate::arguments::Explain;
use crate::failure::Failure;
use crate::render::page;
use crate::status::Status;
use crate::terminal::{Look, Style, Terminal, print};

/// Prints the page of a code, or all codes with what they mean.
pub(super) fn execute(arguments: &Explain, terminal: &Terminal) -> Result<Status, Failure> {
    let text = match &arguments.code {
        None => list(terminal.stdout),
        Some(code) => page::render(find(code)?.page, terminal.stdout),
    };
    print(text)?;
    Ok(Status::Done)
}

fn find(code: &str) -> Result<&'static Rule, Failure> {
    // What stands in an output may be copied with what is around it: `error[unknown-field]:`.
    let bare = code.trim_start_matches("error[").trim_start_matches("warning[").trim_end_matches([']', ':']);
    engine_plan::explain(bare).ok_or_else(|| {
        let help = match similar(bare, RULES.iter().map(|rule| rule.code)) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "list all codes by `engine explain`".to_owned(),
        };
        Failure::usage(format!("no finding has the code `{code}`")).help(help)
    })
}

fn list(look: Look) -> String {
    let width = RULES.iter().map(|rule| rule.code.len()).max().unwrap_or_default();
    let lines = RULES.iter().map(|rule| {
        let gap = " ".repeat(width - rule.code.len() + 2);
        format!("{}{gap}{}\n", look.paint(Style::Cyan, rule.code), rule.summary)
    });
    lines.collect()
}
