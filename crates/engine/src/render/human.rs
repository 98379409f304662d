//! Findings for people: what is wrong, the lines of the file, what to do.

use std::fmt;

use engine_source::{Finding, Severity};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode, ThemeCharacters, ThemeStyles,
};

use super::excerpt::Excerpt;
use super::plain::plain;
use super::wrap::wrap;
use crate::report::Reported;
use crate::terminal::{Look, Style};

/// Returns a finding with an empty line after it.
///
/// Whatever of the message is on further lines, such as the exchange that failed, stands below the lines of the file.
pub(crate) fn render(reported: &Reported, look: Look) -> String {
    let finding = &reported.finding;
    let message = plain(&finding.message);
    let (headline, details) = message.split_once('\n').unwrap_or((&message, ""));
    let excerpt = Excerpt::of(finding, &reported.sources, look.width, if look.unicode { '…' } else { '~' });
    let notes = excerpt.as_ref().map(|excerpt| excerpt.notes.clone()).unwrap_or_default();
    let shown = Shown { finding, headline: wrap(headline, look.width, 4), excerpt };
    let mut text = String::new();
    // Writing into a string cannot fail, and every place is in the excerpt's text.
    _ = handler(look).render_report(&mut text, &shown);
    for line in details.lines() {
        text.extend(["  ", line, "\n"]);
    }
    for note in notes {
        paragraph("note", &note, look, &mut text);
    }
    if let Some(help) = &finding.help {
        paragraph("help", &plain(help), look, &mut text);
    }
    text.push('\n');
    text
}

/// Writes a text after its title, further lines below the first.
fn paragraph(title: &str, content: &str, look: Look, text: &mut String) {
    let indent = title.len() + 4;
    for (at, line) in wrap(content, look.width, indent).lines().enumerate() {
        match at {
            0 => text.extend(["  ", &look.paint(Style::Cyan, &format!("{title}: ")), line, "\n"]),
            _ => text.extend([&" ".repeat(indent), line, "\n"]),
        }
    }
}

fn handler(look: Look) -> GraphicalReportHandler {
    let theme = GraphicalTheme {
        characters: if look.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if look.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .without_cause_chain()
        .without_syntax_highlighting()
        .with_wrap_lines(false)
}

/// A finding as the drawing library wants it.
#[derive(Debug)]
struct Shown<'a> {
    finding: &'a Finding,
    headline: String,
    excerpt: Option<Excerpt>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.finding.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.excerpt.as_ref().map(|excerpt| Box::new(excerpt.labels()) as Box<dyn Iterator<Item = LabeledSpan> + '_>)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use engine_source::{Finding, Sources, Span};
    use insta::assert_snapshot;

    use super::*;

    /// Renders a finding about a text in which the places are between `«` and `»`.
    fn rendered(text: &str, finding: Finding, labels: &[&str], look: Look) -> String {
        let mut plain = String::new();
        let mut spans = Vec::new();
        for character in text.chars() {
            match character {
                '«' => spans.push(plain.len()..plain.len()),
                '»' => spans.iter_mut().filter(|span| span.start == span.end).for_each(|span| span.end = plain.len()),
                other => plain.push(other),
            }
        }
        let mut sources = Sources::new();
        let id = sources.add("specs/github.yaml", plain);
        // The primary place is the last one in the text.
        let finding = spans
            .into_iter()
            .rev()
            .zip(labels)
            .fold(finding, |finding, (span, label)| finding.label(Span::new(id, span), *label));
        render(&Reported::new(Path::new("specs/github.yaml"), finding, &Arc::new(sources)), look)
    }

    const FIELD: &str =
        "version: 1\napis:\n  github:\n    paginate:\n      type: link_header\n      «max_page»: 50\n    timeout: 5s\n";

    fn unknown_field() -> Finding {
        Finding::error("unknown-field", "unknown field `max_page` in link_header pagination")
            .help("did you mean `max_pages`?")
    }

    #[test]
    fn shows_the_place_between_the_lines_around_it() {
        assert_snapshot!(rendered(FIELD, unknown_field(), &["not a field of link_header pagination"], Look::PLAIN));
    }

    #[test]
    fn draws_with_ascii_where_there_is_nothing_else() {
        let look = Look { unicode: false, ..Look::PLAIN };
        assert_snapshot!(rendered(FIELD, unknown_field(), &["not a field of link_header pagination"], look));
    }

    #[test]
    fn draws_with_colours() {
        let look = Look { color: true, ..Look::PLAIN };
        assert_snapshot!(
            rendered(FIELD, unknown_field(), &["not a field of link_header pagination"], look).replace('\u{1b}', "^")
        );
    }

    #[test]
    fn shows_several_places_of_a_line() {
        let finding = Finding::error("invalid-jsonpath", "invalid JSONPath: the comparison has no right-hand side")
            .help("write `@.archived == true`, or `@.archived` to test that the field exists");
        assert_snapshot!(rendered(
            "records: \"$.items[?@.archived «==» «]»\"\n",
            finding,
            &["expected a value", "to compare with this operator"],
            Look::PLAIN,
        ));
    }

    #[test]
    fn names_a_place_that_is_far_away() {
        let text = format!("vars:\n  «total»: 1\n{}steps:\n  «total»: 2\n", "# more\n".repeat(20));
        let finding = Finding::warning("duplicate-key", "`total` is there twice");
        assert_snapshot!(rendered(&text, finding, &["again here", "first here"], Look::PLAIN));
    }

    #[test]
    fn cuts_long_lines_around_the_place() {
        let text = format!("short: 1\nquery: \"{} «inputs.orgid» {}\"\n", "before ".repeat(40), "after ".repeat(40));
        let finding = Finding::error("undefined-variable", "undefined variable `inputs.orgid`")
            .help("did you mean `inputs.org_id`, defined at 4:3?");
        assert_snapshot!(rendered(&text, finding, &["not defined"], Look { width: Some(90), ..Look::PLAIN }));
    }

    #[test]
    fn points_below_wide_characters() {
        let finding = Finding::error("undefined-variable", "undefined variable `größe`");
        assert_snapshot!(rendered("名前: \"お客様 {{ «größe» }} 様\"\n", finding, &["not defined"], Look::PLAIN));
    }

    #[test]
    fn points_at_the_end_of_a_file() {
        let finding = Finding::error("yaml-syntax", "the list is not closed").help("add `]`");
        assert_snapshot!(rendered("steps: [1, 2\n«»", finding, &["expected `]`"], Look::PLAIN));
    }

    #[test]
    fn shows_the_first_line_of_a_place_of_many() {
        let finding = Finding::error("missing-field", "a step without a target");
        assert_snapshot!(rendered(
            "steps:\n  - «id: a\n    where: x\n    map: y\n»\n",
            finding,
            &["lacks `read`"],
            Look::PLAIN
        ));
    }

    #[test]
    fn keeps_escape_sequences_from_the_terminal() {
        let finding = Finding::error("wrong-type", "`\u{1b}[31m` is no number");
        assert_snapshot!(rendered("limit: «\u{1b}[31mred\t»\u{202e}\n", finding, &["expected a number"], Look::PLAIN));
    }

    #[test]
    fn does_without_a_place() {
        let finding = Finding::error("missing-input", "input `since` is missing").help("give it by `--input since=…`");
        assert_snapshot!(rendered("", finding, &[], Look::PLAIN));
    }

    #[test]
    fn puts_the_exchange_below_the_lines() {
        let finding = Finding::error("http-status", "step `orders` failed: 500 Internal Server Error\nGET https://shop.example/orders?key=***\n{\"error\": \"boom\"}")
            .help("add a rule to `errors`");
        assert_snapshot!(rendered("steps:\n  - read: «shop.orders»\n", finding, &["page 3"], Look::PLAIN));
    }
}
