//! Names of a spec, made of those of others.

use std::collections::HashSet;

/// Makes a name of a text: `Repos/list for-user` and `reposListForUser` become `repos_list_for_user`.
pub(crate) fn snake(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_ascii_alphanumeric() {
            let begins_word = character.is_ascii_uppercase()
                && (before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || before.is_ascii_uppercase() && characters.peek().is_some_and(char::is_ascii_lowercase));
            if begins_word && !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            out.push(character.to_ascii_lowercase());
        } else if character != '\'' && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        before = character;
    }
    let out = out.trim_end_matches('_');
    match out.chars().next() {
        None => "it".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{out}"),
        Some(_) => out.to_owned(),
    }
}

/// Names that are given once each.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// Returns the name, or that with a number where it is taken.
    pub(crate) fn take(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}

/// Makes the name of an environment variable.
pub(crate) fn variable(api: &str, what: &str) -> String {
    format!("{api}_{what}").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_names() {
        for (text, name) in [
            ("repos/list-for-user", "repos_list_for_user"),
            ("listHTTPServers2", "list_http_servers2"),
            ("GetV1Customers", "get_v1_customers"),
            ("filter[created_at]", "filter_created_at"),
            ("X-Request-ID", "x_request_id"),
            ("2fa", "_2fa"),
            ("Übersicht", "bersicht"),
            ("!", "it"),
        ] {
            assert_eq!(snake(text), name, "{text}");
        }
    }
}
