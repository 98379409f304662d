//! What kind of operations a GraphQL document has. Knows no schema.

/// Tells whether a document only asks: none of its operations is a mutation or a subscription (GraphQL §2.3).
///
/// What cannot be told is taken for a change.
pub(crate) fn only_asks(document: &str) -> bool {
    let mut depth = 0_u32;
    let mut rest = document;
    while let Some(char) = rest.chars().next() {
        let after = rest.get(char.len_utf8()..).unwrap_or_default();
        rest = match char {
            '#' => after.find(['\n', '\r']).and_then(|end| after.get(end..)).unwrap_or_default(),
            '"' => match skip_text(rest) {
                Some(rest) => rest,
                None => return false,
            },
            '{' | '(' | '[' => {
                depth += 1;
                after
            }
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                after
            }
            char if char.is_alphanumeric() || char == '_' => {
                let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                if depth == 0 && matches!(word, "mutation" | "subscription") {
                    return false;
                }
                after
            }
            _ => after,
        };
    }
    true
}

/// Returns what follows a text in quotes.
fn skip_text(rest: &str) -> Option<&str> {
    if let Some(mut block) = rest.strip_prefix(r#"""""#) {
        loop {
            let end = block.find(r#"""""#)?;
            let is_escaped = block.get(..end)?.ends_with('\\');
            block = block.get(end + 3..)?;
            if !is_escaped {
                return Some(block);
            }
        }
    }
    let mut is_escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            '"' if !is_escaped => return rest.get(at + 1..),
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::only_asks;

    #[test]
    fn tells_queries_from_mutations() {
        for query in [
            "{ shop { name } }",
            "query A($mutation: ID!) { mutation(id: $mutation) { a } } fragment F on X { subscription }",
            "# mutation\nquery { a }",
            r#"query { a(b: "} mutation {\" x") { c } }"#,
            r#"query { a(b: """ } mutation \""" " """) { c } }"#,
        ] {
            assert!(only_asks(query), "{query}");
        }
        for change in [
            "mutation { a }",
            "query A { a }\nmutation B { b }",
            "query A { a } subscription { b }",
            "query { a(b: \"x) }",
            "query A { a }mutation{ b }",
        ] {
            assert!(!only_asks(change), "{change}");
        }
    }
}
