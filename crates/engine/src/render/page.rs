//! Pages of Markdown for the terminal: headings, paragraphs, lists, code.

use super::wrap::wrap;
use crate::terminal::{Look, Style};

/// How long a line is at most, even where there is room for more.
const LINE: usize = 100;

/// Returns a page as it is read in a terminal; what is not understood stays as it is written.
pub(crate) fn render(markdown: &str, look: Look) -> String {
    let mut page = Page { look, text: String::new(), paragraph: String::new() };
    let mut in_code = false;
    for line in markdown.trim_end().lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") {
            page.end_paragraph();
            in_code = !in_code;
        } else if in_code {
            page.code(line);
        } else if let Some(heading) = heading(line) {
            page.end_paragraph();
            page.line(&look.paint(Style::Bold, heading));
        } else if trimmed.is_empty() {
            page.end_paragraph();
            page.line("");
        } else {
            // A list item or a row begins a new line, anything else goes on.
            if trimmed.starts_with(['-', '*', '|']) {
                page.end_paragraph();
            }
            page.more(trimmed);
        }
    }
    page.end_paragraph();
    page.text
}

/// Returns the text of a heading.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then(|| text.strip_prefix(' ')).flatten()
}

/// A page as far as it is written.
struct Page {
    look: Look,
    text: String,
    /// The lines of the paragraph that is not ended yet, in one.
    paragraph: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn more(&mut self, text: &str) {
        if !self.paragraph.is_empty() {
            self.paragraph.push(' ');
        }
        self.paragraph.push_str(text);
    }

    fn end_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        if paragraph.is_empty() {
            return;
        }
        let width = self.look.width.map_or(LINE, |width| width.min(LINE));
        let wrapped = if paragraph.starts_with('|') { paragraph } else { wrap(&paragraph, Some(width), 0) };
        self.line(&inline(&wrapped, self.look));
    }

    /// Writes a line of code, set off from the text.
    fn code(&mut self, line: &str) {
        let line = match line.split_once(" #") {
            _ if line.is_empty() => String::new(),
            Some((code, comment)) => format!("    {code} {}", self.look.paint(Style::Dim, &format!("#{comment}"))),
            None => format!("    {line}"),
        };
        self.line(&line);
    }
}

/// Returns a text with its code coloured; without colours it keeps its backticks.
fn inline(text: &str, look: Look) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // An even number of parts is an odd one of backticks, which are then no code.
    if !look.color || parts.len().is_multiple_of(2) {
        return text.to_owned();
    }
    parts
        .iter()
        .enumerate()
        .map(|(at, part)| if at % 2 == 1 { look.paint(Style::Cyan, part) } else { (*part).to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# unknown-field\n\nA key that `engine`\ndoes not know.\n\n- one\n- two\n\n```yaml\na: 1  # wrong\n\nb: 2\n```\n";

    #[test]
    fn sets_code_off_from_the_text() {
        assert_eq!(
            render(PAGE, Look::PLAIN),
            "unknown-field\n\nA key that `engine` does not know.\n\n- one\n- two\n\n    a: 1  # wrong\n\n    b: 2\n"
        );
    }

    #[test]
    fn fits_the_terminal() {
        let text = render(PAGE, Look { width: Some(22), ..Look::PLAIN });
        assert!(text.contains("A key that `engine`\ndoes not know.\n"), "{text}");
    }

    #[test]
    fn colours_headings_and_code() {
        let text = render(PAGE, Look { color: true, ..Look::PLAIN });
        assert!(
            text.starts_with("\u{1b}[1munknown-field\u{1b}[0m\n\nA key that \u{1b}[36mengine\u{1b}[0m does"),
            "{text}"
        );
    }
}
