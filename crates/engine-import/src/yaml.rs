//! Writes values as YAML the way a person would: short objects on one line, quotes only where they are needed, long texts folded.

use std::fmt::Write;

use serde_json::{Map, Value};

/// How long a line may be.
const WIDTH: usize = 120;

/// How long an object on one line may be, without what stands before it.
const SHORT: usize = 100;

/// Writes the members of an object, each on its own line, at an indentation.
pub(crate) fn members(out: &mut String, object: &Map<String, Value>, indent: usize) {
    for (name, value) in object {
        member(out, name, value, indent);
    }
}

/// Writes one member of an object at an indentation.
pub(crate) fn member(out: &mut String, name: &str, value: &Value, indent: usize) {
    _ = write!(out, "{:indent$}{}:", "", key(name));
    after_colon(out, name, value, indent);
}

fn after_colon(out: &mut String, name: &str, value: &Value, indent: usize) {
    let column = out.len() - out.rfind('\n').map_or(0, |at| at + 1);
    if let Value::String(text) = value
        && let Some(block) = block(text, indent + 2, column)
    {
        out.push_str(&block);
        return;
    }
    // What is declared stands below each other, one or many.
    let is_list_of_declared = matches!(name, "params" | "inputs" | "secrets") && !is_scalar(value);
    match one_line(value).filter(|_| !is_list_of_declared) {
        Some(line) if is_scalar(value) || line.len() <= SHORT.min(WIDTH.saturating_sub(column + 1)) => {
            _ = writeln!(out, " {line}");
        }
        _ => match value {
            Value::Object(object) => {
                out.push('\n');
                members(out, object, indent + 2);
            }
            Value::Array(items) => {
                out.push('\n');
                self::items(out, items, indent + 2);
            }
            scalar => _ = writeln!(out, " {}", self::scalar(scalar)),
        },
    }
}

fn items(out: &mut String, items: &[Value], indent: usize) {
    for item in items {
        _ = write!(out, "{:indent$}-", "");
        match (one_line(item), item) {
            (Some(line), _) if is_scalar(item) || line.len() + indent + 2 <= WIDTH => _ = writeln!(out, " {line}"),
            (_, Value::Object(object)) => {
                let mut text = String::new();
                members(&mut text, object, indent + 2);
                out.push(' ');
                out.push_str(text.trim_start_matches(' '));
            }
            (_, Value::Array(inner)) => {
                out.push('\n');
                self::items(out, inner, indent + 2);
            }
            (_, other) => _ = writeln!(out, " {}", scalar(other)),
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Object(object) if !object.is_empty())
        && !matches!(value, Value::Array(list) if !list.is_empty())
}

/// Writes a value on one line, where that can still be read: scalars, lists of them, and objects of both.
fn one_line(value: &Value) -> Option<String> {
    match value {
        Value::Object(object) if object.is_empty() => Some("{}".to_owned()),
        Value::Array(items) if items.is_empty() => Some("[]".to_owned()),
        Value::Object(object) => {
            let inner: Option<Vec<String>> = object
                .iter()
                .map(|(name, value)| {
                    let is_flat = match value {
                        Value::Object(inner) => inner.values().all(is_scalar),
                        _ => true,
                    };
                    is_flat.then(|| Some(format!("{}: {}", key(name), flow(value)?))).flatten()
                })
                .collect();
            Some(format!("{{{}}}", inner?.join(", ")))
        }
        Value::Array(_) => flow(value),
        scalar => Some(self::scalar(scalar)),
    }
}

/// Writes a value within `{…}` or `[…]`.
fn flow(value: &Value) -> Option<String> {
    match value {
        Value::Object(_) => one_line(value),
        Value::Array(items) => {
            let inner: Option<Vec<String>> =
                items.iter().map(|item| is_scalar(item).then(|| flow(item)).flatten()).collect();
            Some(format!("[{}]", inner?.join(", ")))
        }
        Value::String(text) => Some(string(text, true)),
        scalar => Some(self::scalar(scalar)),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => string(text, false),
        other => other.to_string(),
    }
}

fn key(name: &str) -> String {
    string(name, true)
}

/// Writes a text, quoted where it would be read as something else.
fn string(text: &str, in_flow: bool) -> String {
    if is_plain(text, in_flow) {
        return text.to_owned();
    }
    // Every JSON text is one of YAML.
    let mut quoted = Value::from(text).to_string();
    // YAML takes these for line breaks, or not at all.
    for (character, escape) in
        [('\u{85}', "\\u0085"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029"), ('\u{feff}', "\\ufeff")]
    {
        if quoted.contains(character) {
            quoted = quoted.replace(character, escape);
        }
    }
    quoted.chars().fold(String::with_capacity(quoted.len()), |mut out, character| {
        match character {
            '\u{7f}'..='\u{9f}' => _ = write!(out, "\\u{:04x}", u32::from(character)),
            other => out.push(other),
        }
        out
    })
}

fn is_plain(text: &str, in_flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let last = text.chars().next_back().unwrap_or(first);
    if !(first.is_alphanumeric() || matches!(first, '/' | '_' | '.' | '$' | '(' | '<' | '+' | ';' | '^'))
        || last == ' '
        || last == ':'
    {
        return false;
    }
    if text.contains(": ") || text.contains(" #") || text.contains("{{") || text.contains("{%") {
        return false;
    }
    let is_odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '"' | '\\' | '\u{a0}');
    if text.chars().any(is_odd) || in_flow && text.contains([',', '[', ']', '{', '}']) {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    let is_word = matches!(
        lower.as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | "nan" | ".nan" | ".inf" | "inf"
    );
    // What begins like a number or a date is not for readers to guess.
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '.'))
        && !(text.contains(' ') && text.contains(|c: char| c.is_ascii_alphabetic()));
    !is_word && !is_number
}

/// Writes a long text, or one of several lines, as a block.
fn block(text: &str, indent: usize, column: usize) -> Option<String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let is_odd = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    let is_ragged = |line: &&str| line.ends_with([' ', '\t']);
    if text.is_empty() || text.starts_with([' ', '\n']) || text.chars().any(is_odd) || lines.iter().any(is_ragged) {
        return None;
    }
    let mut out = String::new();
    if lines.len() > 1 {
        let ending = text.len() - text.trim_end_matches('\n').len();
        let chomp = match ending {
            0 => "-",
            1 => "",
            _ => "+",
        };
        _ = writeln!(out, " |{chomp}");
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            if line.is_empty() {
                out.push('\n');
            } else {
                _ = writeln!(out, "{:indent$}{line}", "");
            }
        }
        return Some(out);
    }
    // A space at a fold is one space again only where there was one.
    if string(text, false).len() + column < WIDTH || text.contains("  ") {
        return None;
    }
    out.push_str(" >-\n");
    let mut at = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if at > 0 && indent + at + 1 + length > WIDTH {
            out.push('\n');
            at = 0;
        }
        if at == 0 {
            _ = write!(out, "{:indent$}", "");
        } else {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += length;
    }
    out.push('\n');
    Some(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    #[test]
    fn writes_what_a_person_would() {
        let value = json!({
            "request": "GET /orders/{id}",
            "params": {"id": {"type": "integer", "required": true, "description": "Its number, from 1 on: never 0"}},
            "query": {"status": "{{ params.status }}"},
            "long": {"a": {"b": {"c": [1, {"d": 2}]}}},
            "words": ["no", "1", "2025-01-01", "plain text", "a, b", ""],
            "text": "one\ntwo\n",
            "empty": {}, "none": [],
        });
        let mut out = String::new();
        members(&mut out, value.as_object().unwrap(), 0);
        assert_eq!(
            out,
            r#"request: GET /orders/{id}
params:
  id: {type: integer, required: true, description: "Its number, from 1 on: never 0"}
query: {status: "{{ params.status }}"}
long:
  a:
    b:
      c:
        - 1
        - {d: 2}
words: ["no", "1", "2025-01-01", plain text, "a, b", ""]
text: |
  one
  two
empty: {}
none: []
"#
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let odd = [
            "",
            " ",
            "a ",
            " a",
            "a: b",
            "a #b",
            "#",
            "- a",
            "?",
            "!x",
            "&a",
            "*a",
            "|",
            ">",
            "%",
            "@",
            "`",
            "'",
            "\"",
            "a\"b",
            "a\\b",
            "~",
            "null",
            "Yes",
            "1e3",
            "0x1F",
            "0o7",
            "1_000",
            "12:30",
            "2025-01-01",
            "2025-01-01T10:00:00Z",
            ".5",
            "+1",
            "-1",
            "a\tb",
            "a\r\nb",
            "a\n",
            "a\n\n",
            "\na",
            "a\n b",
            "a \nb",
            "\u{85}",
            "\u{2028}",
            "\u{feff}a",
            "\u{7f}",
            "{{ a }}",
            "{a",
            "[a",
            "a]",
            "a,b",
            "é",
            "漢字",
            "x".repeat(300).as_str(),
            &"word ".repeat(60),
            &"word, and: more #4 ".repeat(20),
            "---",
            "...",
            "a:",
            "=",
            "<<",
            "$.a[0]",
            "a\u{a0}b",
            "\0",
        ]
        .map(str::to_owned);
        for text in odd {
            let value = json!({"a": text, text.clone(): {"b": [text, {"c": text}]}, "d": [[text]], "e": {"f": {"g": {"h": text}}}});
            let mut out = String::new();
            members(&mut out, value.as_object().unwrap(), 0);
            let back: Value = serde_yaml::from_str(&out).unwrap_or_else(|error| panic!("{error}\n{out}"));
            assert_eq!(back, value, "{out}");
        }
    }
}
