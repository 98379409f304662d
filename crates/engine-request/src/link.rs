//! The `Link` header (RFC 8288).

/// A link of an answer to somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Where it leads, as it is written.
    pub(crate) target: String,
    params: Vec<(String, String)>,
}

impl Link {
    /// Returns whether it has a relation, of which it may have several; capitals do not matter.
    pub(crate) fn has_rel(&self, rel: &str) -> bool {
        self.param("rel").is_some_and(|rels| rels.split_ascii_whitespace().any(|one| one.eq_ignore_ascii_case(rel)))
    }

    /// Returns what it starts from, if that is not the answer itself.
    pub(crate) fn anchor(&self) -> Option<&str> {
        self.param("anchor")
    }

    /// Only the first of several params of one name counts (RFC 8288 §3.3).
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a `Link` header as RFC 8288, appendix B.2, says; what is no link ends the reading.
pub(crate) fn links(header: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut rest = header.trim_start_matches(is_between);
    while let Some((target, after)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        let mut params = Vec::new();
        rest = after.trim_start();
        while let Some(after) = rest.strip_prefix(';') {
            let (name, after) = token(after.trim_start());
            let (value, after) = match after.trim_start().strip_prefix('=') {
                Some(after) => value(after.trim_start()),
                None => (String::new(), after),
            };
            if !name.is_empty() {
                params.push((name.to_ascii_lowercase(), value));
            }
            rest = after.trim_start();
        }
        links.push(Link { target: target.trim().to_owned(), params });
        rest = rest.trim_start_matches(is_between);
    }
    links
}

fn is_between(char: char) -> bool {
    char == ',' || char.is_whitespace()
}

/// Reads up to a separator.
fn token(text: &str) -> (&str, &str) {
    let end = text.find(|char: char| char.is_whitespace() || matches!(char, ';' | ',' | '=')).unwrap_or(text.len());
    text.split_at(end)
}

/// Reads a token or a quoted string.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = token(text);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, char)| char)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::proptest;

    use super::links;

    fn check(header: &str, rel: &str, expected: Option<&str>) {
        let found = links(header);
        let found = found.iter().find(|link| link.has_rel(rel)).map(|link| link.target.as_str());
        assert_eq!(found, expected, "{header}");
    }

    #[test]
    fn finds_the_link_of_a_relation() {
        check(
            "<https://api.test/a?page=2>; rel=\"next\", <https://api.test/a?page=9>; rel=\"last\"",
            "next",
            Some("https://api.test/a?page=2"),
        );
        check(
            "<https://api.test/a?page=2>; rel=\"next\", <https://api.test/a?page=9>; rel=\"last\"",
            "last",
            Some("https://api.test/a?page=9"),
        );
        check("</a,b;c?x=1>;rel=next", "next", Some("/a,b;c?x=1"));
        check("<a>; REL=\"prev NEXT\"", "next", Some("a"));
        check("<a>; title=\"x, <b>; rel=\\\"next\\\"\"; rel=prev, <c>; rel=next", "next", Some("c"));
        check("<a> ; rel = next ", "next", Some("a"));
        check("<a>; rel=prev; rel=next", "next", None);
        check("<a>; rel=\"next", "next", Some("a"));
        check(", ,<a>; crossorigin; rel=next", "next", Some("a"));
    }

    proptest! {
        #[test]
        fn every_header_is_read(header in "[<>;,=\"a \\\\é]{0,40}") {
            _ = links(&header);
        }
    }

    #[test]
    fn finds_nothing_where_there_is_none() {
        for header in ["", "a", "<a", "<a>", "<a>; rel", "<a>; rel=nextt", "rel=next", "<>;"] {
            check(header, "next", None);
        }
    }
}
