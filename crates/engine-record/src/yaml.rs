//! Values as YAML that people like to read: block style, texts without quotes where they need none, numbers with all their digits.

use std::fmt::Write as _;

use engine_expr::{Value, write_string};

/// Writes an object as a document.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => block(value, 0, &mut out),
        other => {
            inline(other, &mut out);
            out.push('\n');
        }
    }
    out
}

/// Tells whether a value comes back from YAML as it is: within the bounds of those who read it.
pub(crate) fn can_hold(value: &Value) -> bool {
    fn within(value: &Value, depth: usize) -> bool {
        /// What a reader takes of lists and objects within one another, less those around.
        const DEPTH: usize = 100;
        /// How long a name may be (YAML 1.2 §7.4.2 has 1024 characters, quotes and escapes with them).
        const NAME: usize = 120;
        match value {
            Value::List(list) => depth < DEPTH && list.items().iter().all(|item| within(item, depth + 1)),
            Value::Object(members) => {
                depth < DEPTH && members.iter().all(|(name, value)| name.len() <= NAME && within(value, depth + 1))
            }
            _ => true,
        }
    }
    within(value, 0)
}

/// Writes what stands on lines of its own.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(members) => {
            for (at, (name, value)) in members.iter().enumerate() {
                // The first member of an object in a list stands beside the dash.
                if at > 0 || !out.ends_with("- ") {
                    pad(indent, out);
                }
                scalar(name, out);
                out.push(':');
                after(value, indent, out);
            }
        }
        Value::List(list) => {
            for item in list.items() {
                pad(indent, out);
                out.push('-');
                match item {
                    Value::Object(members) if !members.is_empty() => {
                        out.push(' ');
                        block(item, indent + 2, out);
                    }
                    other => after(other, indent, out),
                }
            }
        }
        _ => {}
    }
}

/// Writes what follows a name or a dash.
fn after(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::List(list) if !list.items().is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::String(text) if is_literal(text) => {
            out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
                if !line.is_empty() {
                    pad(indent + 2, out);
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
        other => {
            out.push(' ');
            inline(other, out);
            out.push('\n');
        }
    }
}

fn inline(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => scalar(text, out),
        Value::Secret(_) => scalar(crate::cleaned::HIDDEN, out),
        Value::Object(_) => out.push_str("{}"),
        Value::List(_) => out.push_str("[]"),
        other => out.push_str(&other.to_json()),
    }
}

fn pad(indent: usize, out: &mut String) {
    (0..indent).for_each(|_| out.push(' '));
}

/// Writes a text on one line.
fn scalar(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    // A JSON text is one of YAML, but for characters that only YAML takes for control characters.
    let mut json = Vec::new();
    write_string(text, &mut json);
    for char in String::from_utf8_lossy(&json).chars() {
        if is_odd(char) {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(char);
        }
    }
}

/// Tells whether a text may stand without quotes, for readers of YAML 1.1 too.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '_' | '$'));
    let is_harmless = |char: char| {
        char.is_ascii_alphanumeric()
            || matches!(
                char,
                ' ' | '_'
                    | '.'
                    | '/'
                    | '-'
                    | '+'
                    | '='
                    | '?'
                    | '&'
                    | '%'
                    | '@'
                    | ','
                    | ';'
                    | '('
                    | ')'
                    | '\''
                    | '$'
                    | '*'
                    | ':'
            )
    };
    let word = text.to_ascii_lowercase();
    begins
        && text.chars().all(is_harmless)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&&*word)
}

/// Tells whether a text of several lines may stand as it is.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && text.lines().all(|line| !line.ends_with([' ', '\t']) && !line.starts_with('\t'))
        && text.chars().all(|char| char == '\n' || char == '\t' || !(char.is_control() || is_odd(char)))
}

/// Tells whether a character is none that YAML prints (§5.1), or ends a line for some readers.
fn is_odd(char: char) -> bool {
    matches!(char, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{d7ff}')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;

    use super::*;
    use crate::document;

    fn check(json: &str, yaml: &str) {
        let value = Value::from_json(json).unwrap();
        assert_eq!(write(&value), yaml);
        assert_eq!(document::parse("x.yaml", yaml).unwrap().to_json(), value.to_json());
    }

    #[test]
    fn writes_as_people_do() {
        check(
            r#"{"url": "https://a.example/b?c=1", "at": "2026-01-02", "n": 1.50, "big": 123456789012345678901234567890, "exp": 1e5, "none": null, "e": {}, "l": [], "yes": "no"}"#,
            "url: https://a.example/b?c=1\nat: \"2026-01-02\"\n\"n\": 1.50\nbig: 123456789012345678901234567890\nexp: 1e5\nnone: null\ne: {}\nl: []\n\"yes\": \"no\"\n",
        );
        check(
            r#"{"items": [{"id": 1, "tags": ["a", "b"]}, [1, [2]], {}], "text": "one\n two\n\nthree", "s": "***"}"#,
            "items:\n  - id: 1\n    tags:\n      - a\n      - b\n  -\n    - 1\n    -\n      - 2\n  - {}\ntext: |-\n  one\n   two\n\n  three\ns: \"***\"\n",
        );
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "\\PC{0,12}",
            "[a-z \n:#-]{0,20}",
            "(true|no|~|1e5|0x1f|<<|- a|a: b|a #b|\\{\\{ x \\}\\}|[|]|&a|\\*a|!t|%|@|`|'|\")",
            any::<String>(),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?"
                .prop_map(|text| Value::from_json(&text).unwrap()),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
                prop::collection::vec((text.clone(), inner), 0..5).prop_map(|members| {
                    let mut known = Vec::new();
                    Value::object(
                        members
                            .into_iter()
                            .filter(|(name, _)| {
                                let is_new = !known.contains(name);
                                known.push(name.clone());
                                is_new
                            })
                            .collect::<Vec<_>>(),
                    )
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(value in values()) {
            let value = Value::object([("value", value)]);
            prop_assume!(can_hold(&value));
            let yaml = write(&value);
            let read = document::parse("x.yaml", &yaml).map_err(|error| TestCaseError::fail(format!("{error}\n{yaml}")))?;
            prop_assert_eq!(read.to_json(), value.to_json(), "{}", yaml);
        }
    }
}
