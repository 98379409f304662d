//! Findings of one line each, as compilers write them and editors read them.

use engine_source::Severity;

use super::plain::plain;
use crate::report::Reported;
use crate::terminal::{Look, Style};

/// Returns `path:line:column: error[code]: message`.
pub(crate) fn render(reported: &Reported, look: Look) -> String {
    let finding = &reported.finding;
    let place = match reported.start() {
        Some((line, column)) => format!("{}:{line}:{column}", reported.path),
        None => reported.path.clone(),
    };
    let style = match finding.severity {
        Severity::Error => Style::Red,
        Severity::Warning => Style::Yellow,
    };
    let kind = look.paint(style, &format!("{}[{}]", finding.severity.name(), finding.code));
    let message = plain(&finding.message);
    format!("{place}: {kind}: {}\n", message.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use engine_source::{Finding, Sources, Span};

    use super::*;

    #[test]
    fn says_all_on_one_line() {
        let mut sources = Sources::new();
        let id = sources.add("specs/x.yaml", "a: 1\nb: 2\n");
        let sources = Arc::new(sources);
        let check = |finding, expected: &str| {
            assert_eq!(render(&Reported::new(Path::new("specs/x.yaml"), finding, &sources), Look::PLAIN), expected);
        };
        let finding = Finding::warning("unknown-field", "unknown field `b`\nand more").label(Span::new(id, 5..6), "");
        check(finding, "specs/x.yaml:2:1: warning[unknown-field]: unknown field `b`\n");
        check(Finding::error("too-large", "too large"), "specs/x.yaml: error[too-large]: too large\n");
    }
}
