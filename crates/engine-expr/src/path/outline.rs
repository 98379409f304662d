//! What a path takes for an object, and what for a list, as far as its text tells: `[*]` is written for lists, `.*` for objects, though RFC 9535
//! knows no difference.

use std::sync::Arc;

use super::{JsonPath, Segment};

/// A step of a path, without what it selects by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// To a member.
    Name(Arc<str>),
    /// To several members: `.*`, `['a', 'b']`.
    Members,
    /// To items of a list: `[*]`, `[0]`, `[1:3]`, `[?@.a]`.
    Items,
    /// To any depth: `..`.
    Below,
}

impl JsonPath {
    /// Returns the steps of a path; none of a wrong one.
    pub fn outline(&self) -> Vec<Outline> {
        if !self.problems().is_empty() {
            return Vec::new();
        }
        let mut steps = Vec::new();
        let mut rest = self.text().trim_start().trim_start_matches('$');
        loop {
            rest = rest.trim_start();
            if let Some(below) = rest.strip_prefix("..") {
                steps.push(Outline::Below);
                rest = below;
            } else if let Some(name) = rest.strip_prefix('.') {
                rest = name;
            }
            rest = rest.trim_start();
            if let Some(inner) = rest.strip_prefix('[') {
                let end = closing(inner).unwrap_or(inner.len());
                steps.push(bracketed(inner.get(..end).unwrap_or_default().trim()));
                rest = inner.get(end + 1..).unwrap_or_default();
                continue;
            }
            let end = rest.find(|char: char| matches!(char, '.' | '[') || char.is_whitespace()).unwrap_or(rest.len());
            match rest.get(..end).unwrap_or_default() {
                "" => return steps,
                "*" => steps.push(Outline::Members),
                name => steps.push(Outline::Name(name.into())),
            }
            rest = rest.get(end..).unwrap_or_default();
        }
    }
}

fn bracketed(inner: &str) -> Outline {
    if !inner.starts_with(['"', '\'']) {
        return Outline::Items;
    }
    match JsonPath::new(format!("$[{inner}]"), engine_source::Span::default()).singular() {
        Some([Segment::Name(name)]) => Outline::Name(Arc::clone(name)),
        _ => Outline::Members,
    }
}

/// Finds the bracket that closes, past texts and other brackets.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut is_escaped) = (0_u32, None, false);
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(char),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use engine_source::Span;

    use super::*;

    #[test]
    fn tells_lists_from_objects() {
        use Outline::{Below, Items, Members};
        let name = |name: &str| Outline::Name(name.into());
        let cases: [(&str, Vec<Outline>); 9] = [
            ("$", vec![]),
            ("$.a.b", vec![name("a"), name("b")]),
            ("$.line[*].sku", vec![name("line"), Items, name("sku")]),
            ("$['a b'][ 'c\\'d' ][0]", vec![name("a b"), name("c'd"), Items]),
            ("$.a.*['x', 'y']", vec![name("a"), Members, Members]),
            ("$..b[1:3]", vec![Below, name("b"), Items]),
            ("$..[*]", vec![Below, Items]),
            ("$.a[?@['x]'] == \"]\" && @.b[0] > 1].c", vec![name("a"), Items, name("c")]),
            ("$.a[", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(JsonPath::new(text, Span::default()).outline(), expected, "{text}");
        }
    }
}
