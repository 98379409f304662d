//! Texts for people.

use serde_json::Value;

use crate::name::snake;

/// How long a description may be.
const LENGTH: usize = 240;

/// Makes the name of an API of the title of its document.
pub(crate) fn api_name(title: &str) -> String {
    let name = snake(title);
    let is_noise = |word: &&str| {
        let is_version =
            |word: &str| word.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        !matches!(*word, "api" | "the" | "rest" | "openapi" | "swagger" | "specification" | "public" | "for")
            && !is_version(word)
    };
    let words: Vec<&str> = name.split('_').filter(is_noise).take(4).collect();
    if words.is_empty() { "api".to_owned() } else { snake(&words.join("_")) }
}

/// Takes the summary of something, or the first sentences of its description.
pub(super) fn description(of: &Value, instead: &str) -> Option<String> {
    let text = |name: &str| of.get(name).and_then(Value::as_str).map(plain).filter(|text| !text.is_empty());
    let found = text("summary").or_else(|| text("description"));
    found.or_else(|| Some(instead.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Takes the marks out of a text of Markdown or HTML, and leaves its first paragraph.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut in_tag = false;
    let paragraph = text
        .trim()
        .split("\n\n")
        .map(str::trim)
        .find(|it| !it.is_empty() && !it.starts_with(['#', '|', '!']))
        .unwrap_or_default();
    let mut characters = paragraph.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '<' if characters.peek().is_some_and(|next| next.is_ascii_alphabetic() || *next == '/') => in_tag = true,
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            '*' | '`' => {}
            other if other.is_whitespace() || other.is_control() => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
            }
            other => out.push(other),
        }
    }
    shorten(&unlinked(&out))
}

/// Leaves the text of `[text](link)`.
fn unlinked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        match after.split_once("](").and_then(|(label, after)| Some((label, after.split_once(')')?.1))) {
            Some((label, after)) if !label.contains('[') => {
                out.push_str(label);
                rest = after;
            }
            _ => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.trim().to_owned()
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= LENGTH {
        return text.to_owned();
    }
    let cut: String = text.chars().take(LENGTH).collect();
    match cut.rfind(". ") {
        Some(end) if end > 40 => cut.chars().take(cut.get(..=end).map_or(0, |it| it.chars().count())).collect(),
        _ => {
            let words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
            format!("{}…", words.trim_end_matches([',', ';', ':', ' ']))
        }
    }
}
