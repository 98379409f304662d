//! The faults as a table for the documentation.

use std::fmt::Write;

use super::Group;
use super::case::{Case, Ends};

/// Writes the table of all groups.
pub fn table(groups: &[Group]) -> String {
    let mut text = String::new();
    for group in groups {
        write!(text, "\n### {}\n\n| fault | what the engine does | code |\n|---|---|---|\n", group.name)
            .expect("a text takes all");
        for case in &group.cases {
            writeln!(text, "{}", row(case)).expect("a text takes all");
        }
    }
    text
}

fn row(case: &Case) -> String {
    let fault = cell(&case.fault);
    let gap = case.gap.map(|gap| format!(" **Not yet:** {}", cell(gap))).unwrap_or_default();
    match case.ends {
        Ends::Complete(how) => format!("| {fault} | {}{gap} | |", cell(how)),
        Ends::Fails { code, says } => {
            let place = match case.flow {
                super::case::Flow::Read(_) => "page",
                super::case::Flow::Write { .. } => "item",
            };
            format!("| {fault} | fails at {place} {}: {}{gap} | `{code}` |", case.page, cell(says))
        }
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
