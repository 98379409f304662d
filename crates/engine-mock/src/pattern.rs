//! Paths of endpoints, matched against those of requests.

use std::collections::HashMap;

use engine_request::{Part, RequestLine};
use percent_encoding::percent_decode_str;

/// The path of an endpoint, with holes where its params are.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
    /// What the line says about the query.
    query: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    /// A param: everything up to a `/`.
    Param(String),
    /// A param that is put in as it is, or a template: anything.
    Rest(Option<String>),
}

impl Pattern {
    /// Makes the pattern of a request line below a prefix. Of a URL, only the path counts.
    pub(crate) fn new(prefix: &str, request: &RequestLine) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut query = String::new();
        let mut in_query = false;
        let mut in_host = matches!(request.parts().first(), Some(Part::Text(text)) if text.starts_with("http"));
        for part in request.parts() {
            let piece = match part {
                Part::Text(text) => {
                    let text = if in_host {
                        let rest = text.split_once("://").map_or(&**text, |(_, rest)| rest);
                        let Some(slash) = rest.find('/') else { continue };
                        in_host = false;
                        rest.get(slash..).unwrap_or_default()
                    } else {
                        text
                    };
                    if in_query {
                        query.push_str(text);
                        continue;
                    }
                    let (path, more) = text.split_once('?').map_or((text, None), |(path, more)| (path, Some(more)));
                    if let Some(more) = more {
                        in_query = true;
                        query.push_str(more);
                    }
                    Piece::Text(decoded(path))
                }
                // What a param makes of the query is not known.
                _ if in_query => {
                    query.push('\u{FFFD}');
                    continue;
                }
                _ if in_host => continue,
                Part::Param(param) if param.raw => Piece::Rest(Some(param.name.to_string())),
                Part::Param(param) => Piece::Param(param.name.to_string()),
                Part::Template(_) => Piece::Rest(None),
            };
            pieces.push(piece);
        }
        pieces.insert(0, Piece::Text(format!("/{prefix}")));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        Self { pieces, query: query.filter(|(_, value)| !value.contains('\u{FFFD}')).collect() }
    }

    /// Returns what the line says about the query.
    pub(crate) fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// Returns how many bytes of a path the pattern says literally: of two that match, the one that says more is meant.
    pub(crate) fn weight(&self) -> usize {
        self.pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 0 }).sum()
    }

    /// Returns the path without what only says how it is written: `.json`, or a slash at the end.
    pub(crate) fn plain(&self) -> String {
        let path = self.to_string();
        let path = path.trim_end_matches('/');
        [".json", ".xml"].iter().find_map(|extension| path.strip_suffix(extension)).unwrap_or(path).to_owned()
    }

    /// Reads the path as that of one record of a list: gives the path of the list, and the param that names the record.
    pub(crate) fn collection(&self) -> Option<(String, String)> {
        let at = self.pieces.iter().rposition(|piece| matches!(piece, Piece::Param(_)))?;
        let (before, [Piece::Param(param), after @ ..]) = self.pieces.split_at(at) else { return None };
        let nothing_follows = after.iter().all(|piece| matches!(piece, Piece::Text(text) if !text.contains('/')));
        let list = Self { pieces: before.to_vec(), query: Vec::new() }.to_string();
        nothing_follows.then(|| (list.trim_end_matches(['/', '(', '\'', '"']).to_owned(), param.clone()))
    }

    /// Matches the path of a request; gives the params in it.
    pub(crate) fn captures(&self, path: &str) -> Option<HashMap<String, String>> {
        let mut captured = HashMap::new();
        matches(&self.pieces, &decoded(path), &mut captured).then_some(captured)
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Param(name) => write!(f, "{{{name}}}"),
            Piece::Rest(Some(name)) => write!(f, "{{+{name}}}"),
            Piece::Rest(None) => f.write_str("…"),
        })
    }
}

/// Decodes a path, but for a slash that stands within a param.
fn decoded(path: &str) -> String {
    let kept = path.replace("%2F", "%252F").replace("%2f", "%252F");
    percent_decode_str(&kept).decode_utf8_lossy().into_owned()
}

fn matches(pieces: &[Piece], path: &str, captured: &mut HashMap<String, String>) -> bool {
    let Some((piece, rest)) = pieces.split_first() else { return path.is_empty() };
    let (name, stop) = match piece {
        Piece::Text(text) => return path.strip_prefix(text.as_str()).is_some_and(|path| matches(rest, path, captured)),
        Piece::Param(name) => (Some(name), path.find('/').unwrap_or(path.len())),
        Piece::Rest(name) => (name.as_ref(), path.len()),
    };
    // The longest match first; a param is never empty.
    let ends = path.char_indices().map(|(at, _)| at).chain([path.len()]).filter(|end| *end <= stop);
    let shortest = usize::from(matches!(piece, Piece::Param(_)));
    for end in ends.collect::<Vec<_>>().into_iter().rev().filter(|end| *end >= shortest) {
        let (value, after) = path.split_at(end);
        if matches(rest, after, captured) {
            if let Some(name) = name {
                captured.insert(name.clone(), value.replace("%2F", "/"));
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_source::Span;

    use super::*;

    fn check(line: &str, path: &str, expected: Option<&[(&str, &str)]>) {
        let pattern = Pattern::new("api", &RequestLine::parse(line, Span::default()).unwrap());
        let expected =
            expected.map(|pairs| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        assert_eq!(pattern.captures(path), expected, "{line} {path}");
    }

    #[test]
    fn matches_paths_and_takes_params_out() {
        check("GET /orders.json", "/api/orders.json", Some(&[]));
        check("GET /orders.json", "/orders.json", None);
        check("GET /orders/{id}.json", "/api/orders/a%2Fb%20c.json", Some(&[("id", "a/b c")]));
        check("GET /orders/{id}", "/api/orders/", None);
        check("GET /orders/{id}", "/api/orders/1/lines", None);
        check("GET /Books({id})", "/api/Books(7)", Some(&[("id", "7")]));
        check("GET {+url}", "/api/what/ever", Some(&[("url", "/what/ever")]));
        check("GET /orgs/{{ inputs.org }}/repos", "/api/orgs/x/repos", Some(&[]));
        check("GET https://x.test/a/{b}?c=d", "/api/a/1", Some(&[("b", "1")]));
        check("GET https://{shop}.x.test/a", "/api/a", Some(&[]));
        check("GET /größe", "/api/gr%C3%B6%C3%9Fe", Some(&[]));
    }
}
