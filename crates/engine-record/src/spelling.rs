//! How a JSON text is spelled: its spaces, its lines, its escapes. A record that is handed on as it came keeps them.

use std::fmt::Write as _;

use engine_expr::{Value, write_string};

/// How a JSON text is spelled. The default is the shortest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spelling {
    /// By how much lines are indented; nothing where all is on one line.
    indent: Option<usize>,
    after_comma: bool,
    after_colon: bool,
    /// Whether all letters beyond ASCII are escaped.
    is_ascii: bool,
    /// Whether `/` is escaped.
    escapes_slash: bool,
    ends_line: bool,
}

impl Spelling {
    /// Finds out how a value is spelled in a text; one that is spelled now this way, now that way, has the shortest or what is nearest.
    pub(crate) fn of(text: &str) -> Self {
        let trimmed = text.trim_start();
        let first = trimmed.get(1..).unwrap_or_default();
        let lines = first.strip_prefix("\r\n").or_else(|| first.strip_prefix('\n'));
        let indent = lines.map(|rest| rest.len() - rest.trim_start_matches(' ').len());
        Self {
            indent,
            after_comma: followed_by_blank(text, b','),
            after_colon: followed_by_blank(text, b':'),
            is_ascii: text.is_ascii() && text.contains("\\u"),
            escapes_slash: text.contains("\\/"),
            ends_line: text.ends_with('\n'),
        }
    }

    /// Writes a value.
    pub(crate) fn write(self, value: &Value) -> String {
        let mut out = String::new();
        self.value(value, 0, &mut out);
        if self.ends_line {
            out.push('\n');
        }
        out
    }

    fn value(self, value: &Value, depth: usize, out: &mut String) {
        match value {
            Value::List(list) if !list.items().is_empty() => {
                out.push('[');
                for (at, item) in list.items().iter().enumerate() {
                    self.before(at, depth + 1, out);
                    self.value(item, depth + 1, out);
                }
                self.line(depth, out);
                out.push(']');
            }
            Value::Object(members) if !members.is_empty() => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    self.before(at, depth + 1, out);
                    self.text(name, out);
                    out.push_str(if self.after_colon { ": " } else { ":" });
                    self.value(value, depth + 1, out);
                }
                self.line(depth, out);
                out.push('}');
            }
            Value::String(text) => self.text(text, out),
            other => out.push_str(&other.to_json()),
        }
    }

    fn before(self, at: usize, depth: usize, out: &mut String) {
        if at > 0 {
            out.push(',');
            if self.indent.is_none() && self.after_comma {
                out.push(' ');
            }
        }
        self.line(depth, out);
    }

    fn line(self, depth: usize, out: &mut String) {
        let Some(indent) = self.indent else { return };
        out.push('\n');
        (0..indent * depth).for_each(|_| out.push(' '));
    }

    fn text(self, text: &str, out: &mut String) {
        let mut json = Vec::new();
        write_string(text, &mut json);
        for char in String::from_utf8_lossy(&json).chars() {
            if self.is_ascii && !char.is_ascii() {
                let mut units = [0; 2];
                for unit in char.encode_utf16(&mut units) {
                    _ = write!(out, "\\u{unit:04x}");
                }
            } else {
                out.push_str(if self.escapes_slash && char == '/' { "\\" } else { "" });
                out.push(char);
            }
        }
    }

    /// Writes it for YAML; nothing for the default.
    pub(crate) fn to_value(self) -> Option<Value> {
        let flags = [
            ("after_comma", self.after_comma && self.indent.is_none()),
            ("after_colon", self.after_colon),
            ("ascii", self.is_ascii),
            ("escaped_slashes", self.escapes_slash),
            ("last_line", self.ends_line),
        ];
        let indent = self.indent.map(|indent| ("indent", Value::from(indent)));
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| (name, Value::from(true)));
        let members: Vec<_> = indent.into_iter().chain(flags).collect();
        (!members.is_empty()).then(|| Value::object(members))
    }

    /// Reads what [`to_value`](Self::to_value) wrote.
    pub(crate) fn from_value(value: Option<&Value>) -> Self {
        let member = |name: &str| value.and_then(|value| value.get(name));
        let flag = |name: &str| member(name).and_then(Value::as_bool).unwrap_or_default();
        Self {
            indent: member("indent")
                .and_then(Value::as_i64)
                .and_then(|it| usize::try_from(it).ok())
                .filter(|it| *it <= 16),
            after_comma: flag("after_comma"),
            after_colon: flag("after_colon"),
            is_ascii: flag("ascii"),
            escapes_slash: flag("escaped_slashes"),
            ends_line: flag("last_line"),
        }
    }
}

/// Tells whether the first of these signs outside of texts is followed by a blank.
fn followed_by_blank(text: &str, sign: u8) -> bool {
    let (mut is_text, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if byte == sign && !is_text => return text.as_bytes().get(at + 1) == Some(&b' '),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn spells_as_others_do() {
        for text in [
            r#"{"a":[1,{"b":"é/"}],"c":{}}"#,
            r#"{"a": [1, {"b": "\u00e9\ud83d\ude00"}], "c": []}"#,
            r#"{"a":"x\/y","b":"\u00e9"}"#,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"é\"\n    }\n  ],\n  \"c\": {}\n}\n",
            "[\n1,\n2\n]",
        ] {
            let spelling = Spelling::of(text);
            let value = Value::from_json(text).unwrap();
            assert_eq!(spelling.write(&value), text);
            assert_eq!(Spelling::from_value(spelling.to_value().as_ref()).write(&value), text);
        }
    }
}
