//! How a text is put into quotes.

/// Returns a text as a quoted YAML scalar, in the quotes that need no escape where possible.
pub fn quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        let mut out = String::from("\"");
        for letter in text.chars() {
            match letter {
                '"' | '\\' => out.extend(['\\', letter]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                _ if letter.is_control() => out.extend(format!("\\u{:04x}", u32::from(letter)).chars()),
                _ => out.push(letter),
            }
        }
        out.push('"');
        return out;
    }
    if !text.contains(['"', '\\']) {
        return format!("\"{text}\"");
    }
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_quotes_that_need_no_escape() {
        assert_eq!(quoted("{{ x }}"), r#""{{ x }}""#);
        assert_eq!(quoted("'x' in item.tags"), r#""'x' in item.tags""#);
        assert_eq!(quoted(r#""x" in y"#), r#"'"x" in y'"#);
        assert_eq!(quoted(r#""x" in 'y'"#), r#"'"x" in ''y'''"#);
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
    }
}
