//! I-Regexps (RFC 9485), as the functions `match` and `search` take them.

use regex::Regex;

/// Compiles a pattern; `None` if it is none, and then nothing matches.
pub(super) fn compile(pattern: &str, whole: bool) -> Option<Regex> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                out.push('\\');
                out.extend(chars.next());
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            // A dot is any character but the two line ends (RFC 9485 §5.3).
            '.' if !in_class => {
                out.push_str("[^\\n\\r]");
                continue;
            }
            _ => {}
        }
        out.push(char);
    }
    Regex::new(&if whole { format!(r"\A(?:{out})\z") } else { out }).ok()
}
