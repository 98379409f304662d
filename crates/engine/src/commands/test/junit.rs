//! Results of tests as `JUnit` XML, as CI servers read it.

use std::fmt::Write as _;
use std::time::Duration;

use super::results::{Case, Results, Suite};
use crate::render::human;
use crate::report::Report;
use crate::terminal::Look;

/// Writes a document with a suite for each spec.
pub(super) fn render(results: &Results) -> String {
    let tests = results.cases().count() + results.errors();
    let failed = results.cases().filter(|case| !case.is_ok()).count();
    let seconds = results.cases().map(|case| case.took).sum::<Duration>().as_secs_f64();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing into a string cannot fail.
    _ = writeln!(
        text,
        "<testsuites name=\"engine\" tests=\"{tests}\" failures=\"{failed}\" errors=\"{}\" time=\"{seconds:.3}\">",
        results.errors()
    );
    for one in results.suites.iter().filter(|suite| suite.is_wrong() || !suite.cases.is_empty()) {
        suite(one, &mut text);
    }
    text += "</testsuites>\n";
    text
}

fn suite(suite: &Suite, text: &mut String) {
    let path = escaped(&suite.path.display().to_string());
    let errors = usize::from(suite.is_wrong());
    let seconds = suite.cases.iter().map(|case| case.took).sum::<Duration>().as_secs_f64();
    _ = writeln!(
        text,
        "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" time=\"{seconds:.3}\">",
        suite.cases.len() + errors,
        suite.failed()
    );
    if suite.is_wrong() {
        _ = writeln!(text, "    <testcase classname=\"{path}\" name=\"the spec is valid\" time=\"0\">");
        problem("error", &suite.errors, text);
        *text += "    </testcase>\n";
    }
    for one in &suite.cases {
        case(&path, suite, one, text);
    }
    *text += "  </testsuite>\n";
}

fn case(path: &str, suite: &Suite, case: &Case, text: &mut String) {
    let line = suite.sources.get(case.place.source).line_column(case.place.start).0;
    let name = escaped(&case.name);
    let seconds = case.took.as_secs_f64();
    let head = format!(
        "    <testcase classname=\"{path}\" name=\"{name}\" file=\"{path}\" line=\"{line}\" time=\"{seconds:.3}\""
    );
    if case.is_ok() {
        _ = writeln!(text, "{head}/>");
        return;
    }
    _ = writeln!(text, "{head}>");
    problem("failure", &case.findings, text);
    *text += "    </testcase>\n";
}

fn problem(element: &str, report: &Report, text: &mut String) {
    let look = Look { color: false, unicode: true, width: None };
    let first = report.iter().next();
    let (code, message) = first.map_or(("", ""), |reported| {
        (reported.finding.code, reported.finding.message.lines().next().unwrap_or_default())
    });
    let shown: String = report.iter().map(|reported| human::render(reported, look)).collect();
    _ = writeln!(
        text,
        "      <{element} type=\"{code}\" message=\"{}\">{}</{element}>",
        escaped(message),
        escaped(shown.trim_end())
    );
}

/// Escapes a text for an element or an attribute; XML has no place for most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' | '\t' => out.push(character),
            control if control.is_control() => out.push('\u{FFFD}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_xml_has_a_meaning_for() {
        assert_eq!(escaped("a < \"b\" & \u{1b}[31m"), "a &lt; &quot;b&quot; &amp; \u{FFFD}[31m");
    }
}
