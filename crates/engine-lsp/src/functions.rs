//! What functions, filters and tests do, as the page of the documentation says.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The page, whose examples a test runs.
const PAGE: &str = include_str!("../../../docs/functions.md");

/// The entries of the page by their names.
static ENTRIES: LazyLock<HashMap<String, String>> = LazyLock::new(|| entries(PAGE));

/// Returns what a function, a filter or a test does, in Markdown.
pub(crate) fn describe(name: &str) -> Option<&'static str> {
    ENTRIES.get(name).map(String::as_str)
}

/// Returns the signature of a function or a filter.
pub(crate) fn signature(name: &str) -> Option<&'static str> {
    // "- **`name`** `signature`: what it does".
    let rest = describe(name)?.split_once("**")?.1.split_once("** `")?.1;
    rest.split('`').next()
}

/// Takes the page apart: an entry begins with a dash and its name in bold, and goes on in lines that are indented.
fn entries(page: &str) -> HashMap<String, String> {
    let mut entries = HashMap::new();
    let mut name: Option<String> = None;
    let mut text = String::new();
    for line in page.lines() {
        let begins = line.strip_prefix("- **`").and_then(|rest| rest.split_once("`**"));
        if let Some((next, _)) = begins {
            if let Some(name) = name.replace(next.to_owned()) {
                entries.insert(name, std::mem::take(&mut text));
            }
            line.trim_start_matches("- ").clone_into(&mut text);
        } else if line.starts_with("  ") && name.is_some() {
            text.push('\n');
            text.push_str(line.strip_prefix("  ").unwrap_or(line));
        } else if let Some(name) = name.take() {
            entries.insert(name, std::mem::take(&mut text));
        }
    }
    if let Some(name) = name {
        entries.insert(name, text);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_are_described() {
        let without: Vec<&&str> = engine_expr::FILTERS.iter().filter(|name| describe(name).is_none()).collect();
        assert!(without.len() < engine_expr::FILTERS.len() / 4, "{without:?}");
        assert!(describe("decimal").is_some_and(|text| text.contains("{{ '19.90' | decimal }}")));
        assert_eq!(signature("decimal"), Some("decimal(value, places)"));
    }
}
