//! A request as a command of `curl`, for a POSIX shell.

use std::fmt::Write as _;

use engine_runtime::Recipe;

/// Writes the command, and as comments what it needs.
pub(super) fn render(recipe: &Recipe) -> String {
    let mut text = String::new();
    for (name, what) in &recipe.variables {
        _ = writeln!(text, "# ${name}: {what}");
    }
    for note in &recipe.notes {
        _ = writeln!(text, "# {note}");
    }
    let request = &recipe.request;
    let mut words = vec!["curl".to_owned()];
    match request.method.as_str() {
        "GET" => {}
        "HEAD" => words.push("--head".to_owned()),
        method => words.push(format!("--request {method}")),
    }
    words.push(quoted(&request.url));
    for (name, value) in &recipe.options {
        words.push(if value.is_empty() { name.clone() } else { format!("{name} {}", quoted(value)) });
    }
    for (name, value) in &request.headers {
        words.push(format!("--header {}", quoted(&format!("{name}: {value}"))));
    }
    if !request.body.is_empty() {
        let option = if request.body.starts_with('@') { "--data-binary" } else { "--data-raw" };
        words.push(format!("{option} {}", quoted(&request.body)));
    }
    text.push_str(&words.join(" \\\n  "));
    text.push('\n');
    text
}

/// Writes a word of the shell in which variables are filled in, and nothing else.
fn quoted(text: &str) -> String {
    if !text.contains('$') {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let mut word = "\"".to_owned();
    for (index, part) in text.split('$').enumerate() {
        let is_variable = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if index > 0 {
            word.push_str(if is_variable { "$" } else { "\\$" });
        }
        for character in part.chars() {
            if matches!(character, '"' | '\\' | '`') {
                word.push('\\');
            }
            word.push(character);
        }
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quotes_for_the_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("Bearer $TOKEN"), "\"Bearer $TOKEN\"");
        assert_eq!(quoted("{\"a\": \"`$KEY`\"}"), "\"{\\\"a\\\": \\\"\\`$KEY\\`\\\"}\"");
    }
}
