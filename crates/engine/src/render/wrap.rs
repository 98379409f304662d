//! Breaks texts into lines for the terminal.

use unicode_width::UnicodeWidthStr;

/// Breaks lines between words so that they fit beside an indentation; without a width they stay as they are.
///
/// A text between backticks stays whole.
pub(super) fn wrap(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width.map(|width| width.saturating_sub(indent).max(20)) else { return text.to_owned() };
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in words(paragraph) {
            if !line.is_empty() && line.width() + word.trim_end().width() > width {
                lines.push(line.trim_end().to_owned());
                line.clear();
            }
            line.push_str(word);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

/// Returns the pieces between which a line may be broken, each with the blank after it.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut in_code = false;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        in_code ^= character == '`';
        if character == ' ' && !in_code {
            words.extend(text.get(start..=at));
            start = at + 1;
        }
    }
    words.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_lines_between_words_but_not_within_code() {
        let check = |text, width, expected| assert_eq!(wrap(text, Some(width), 0), expected);
        check("write `a: {b: c, d: e}` or leave it out", 30, "write `a: {b: c, d: e}` or\nleave it out");
        check("one of `alpha beta`, `gamma delta`", 24, "one of `alpha beta`,\n`gamma delta`");
        check("お客様の名前 お客様の名前", 20, "お客様の名前\nお客様の名前");
        assert_eq!(wrap("as it is", None, 4), "as it is");
    }
}
