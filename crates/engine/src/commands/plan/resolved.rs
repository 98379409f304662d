//! A spec with all that it imports in one text, each value with the place where it is written.

use std::fmt::Write as _;

use engine_plan::Merged;
use engine_source::{Kind, Node, Style as Written};

use super::secret::is_literal_secret;
use crate::terminal::{Look, Style};

/// The sections in the order in which people read them; what is imported would come first otherwise.
const SECTIONS: [&str; 13] = [
    "version",
    "name",
    "description",
    "inputs",
    "secrets",
    "vars",
    "apis",
    "mappings",
    "sinks",
    "triggers",
    "steps",
    "on_failure",
    "finally",
];

/// In which column the places stand.
const COLUMN: usize = 64;

/// Writes the merged spec as YAML.
pub(super) fn render(merged: &Merged, look: Look) -> String {
    let mut writer = Writer { merged, look, text: String::new(), path: Vec::new() };
    let mut entries: Vec<_> = merged.root.entries().iter().filter(|entry| &*entry.key.text != "imports").collect();
    let place = |name: &str| SECTIONS.iter().position(|section| *section == name).unwrap_or(SECTIONS.len());
    entries.sort_by_key(|entry| place(&entry.key.text));
    for entry in entries {
        writer.entry(&entry.key.text, &entry.value, 0);
    }
    writer.text
}

/// YAML that is being written.
struct Writer<'m> {
    merged: &'m Merged,
    look: Look,
    text: String,
    /// The names above.
    path: Vec<String>,
}

impl Writer<'_> {
    fn entry(&mut self, key: &str, value: &Node, depth: usize) {
        self.path.push(key.to_owned());
        let head = format!("{:1$}{key}:", "", depth * 2, key = scalar(key));
        self.value(&head, value, depth + 1);
        self.path.pop();
    }

    /// Writes a value after what leads to it.
    fn value(&mut self, head: &str, value: &Node, depth: usize) {
        match value.kind() {
            Kind::Map(entries) if entries.is_empty() => self.line(&format!("{head} {{}}"), value),
            Kind::Seq(items) if items.is_empty() => self.line(&format!("{head} []"), value),
            Kind::Map(entries) => {
                self.plain(head);
                for entry in entries {
                    self.entry(&entry.key.text, &entry.value, depth);
                }
            }
            Kind::Seq(items) if items.iter().all(|item| !matches!(item.kind(), Kind::Map(_) | Kind::Seq(_))) => {
                let items: Vec<String> = items.iter().map(|item| self.leaf(item)).collect();
                self.line(&format!("{head} [{}]", items.join(", ")), value);
            }
            Kind::Seq(items) => {
                self.plain(head);
                for item in items {
                    self.item(item, depth);
                }
            }
            Kind::String(text) if text.contains('\n') && !self.is_hidden(value) => {
                self.line(&format!("{head} |{}", chomping(text)), value);
                for line in text.trim_end_matches('\n').split('\n') {
                    let line = format!("{:1$}{line}", "", depth * 2);
                    self.plain(line.trim_end());
                }
            }
            _ => {
                let leaf = self.leaf(value);
                self.line(&format!("{head} {leaf}"), value);
            }
        }
    }

    /// Writes an item of a list: its first member stands beside the dash.
    fn item(&mut self, item: &Node, depth: usize) {
        let dash = format!("{:1$}-", "", depth * 2);
        match item.kind() {
            Kind::Map(entries) if !entries.is_empty() => {
                for (index, entry) in entries.iter().enumerate() {
                    self.path.push(entry.key.text.to_string());
                    let lead = if index == 0 { dash.clone() } else { format!("{:1$} ", "", depth * 2) };
                    let head = format!("{lead} {}:", scalar(&entry.key.text));
                    self.value(&head, &entry.value, depth + 2);
                    self.path.pop();
                }
            }
            _ => self.value(&dash, item, depth + 1),
        }
    }

    fn plain(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Writes a line with the place of its value.
    fn line(&mut self, text: &str, value: &Node) {
        let Some(place) = self.merged.place(value.span()) else { return self.plain(text) };
        let gap = COLUMN.saturating_sub(text.chars().count()).max(2);
        let place = self.look.paint(Style::Dim, &format!("# {place}"));
        _ = writeln!(self.text, "{text}{:gap$}{place}", "");
    }

    fn leaf(&self, value: &Node) -> String {
        if self.is_hidden(value) {
            return "\"***\"".to_owned();
        }
        match value.kind() {
            Kind::String(text) if value.style() == Written::Plain => scalar(text),
            Kind::String(text) => quoted(text),
            _ => value.scalar_text().map(|text| text.to_string()).unwrap_or_default(),
        }
    }

    /// Tells whether a value is a secret that is written out.
    fn is_hidden(&self, value: &Node) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        value.as_str().is_some_and(|text| is_literal_secret(&path, text))
    }
}

/// Says how the end of a text of several lines is kept.
fn chomping(text: &str) -> &'static str {
    match (text.ends_with('\n'), text.ends_with("\n\n")) {
        (false, _) => "-",
        (true, false) => "",
        (true, true) => "+",
    }
}

/// Writes a text without quotes where YAML reads the same again.
fn scalar(text: &str) -> String {
    let is_word = !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || "_-./$@ ".contains(c))
        && text.starts_with(|c: char| c.is_alphanumeric() || "_$/.".contains(c))
        && !text.ends_with(' ')
        && !matches!(text, "null" | "true" | "false" | "~" | "yes" | "no" | "on" | "off")
        && !text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if is_word { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
