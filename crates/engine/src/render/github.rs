//! Findings as commands of a GitHub workflow, which shows them beside the lines of a change.

use crate::report::Reported;

/// Returns `::error file=…,line=…,col=…,title=…::message`.
pub(crate) fn render(reported: &Reported) -> String {
    let finding = &reported.finding;
    let mut properties = vec![format!("file={}", property(&reported.path.replace('\\', "/")))];
    if let (Some(start), Some(end)) = (reported.start(), reported.end()) {
        properties.push(format!("line={}", start.0));
        properties.push(format!("endLine={}", end.0));
        // Columns have a meaning only within one line.
        if start.0 == end.0 {
            properties.push(format!("col={}", start.1));
            properties.push(format!("endColumn={}", end.1));
        }
    }
    properties.push(format!("title={}", property(finding.code)));
    let mut message = finding.message.clone();
    if let Some(help) = &finding.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    format!("::{} {}::{}\n", finding.severity.name(), properties.join(","), data(&message))
}

/// Escapes a message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use engine_source::{Finding, Sources, Span};

    use super::*;

    #[test]
    fn escapes_what_would_end_a_command() {
        let mut sources = Sources::new();
        let id = sources.add("specs/a,b:c.yaml", "a: 1\nb: 2\n");
        let finding = Finding::warning("odd", "100 % odd: a, b\nor").label(Span::new(id, 3..4), "").help("try");
        let text = render(&Reported::new(Path::new("x"), finding, &Arc::new(sources)));
        assert_eq!(
            text,
            "::warning file=specs/a%2Cb%3Ac.yaml,line=1,endLine=1,col=4,endColumn=5,title=odd::100 %25 odd: a, b%0Aor%0Ahelp: try\n"
        );
    }

    #[test]
    fn leaves_columns_out_of_a_place_of_several_lines() {
        let mut sources = Sources::new();
        let id = sources.add("x.yaml", "a: 1\nb: 2\n");
        let finding = Finding::error("odd", "odd").label(Span::new(id, 0..7), "");
        let text = render(&Reported::new(Path::new("x"), finding, &Arc::new(sources)));
        assert_eq!(text, "::error file=x.yaml,line=1,endLine=2,title=odd::odd\n");
    }
}
