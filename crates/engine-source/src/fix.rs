//! A change of text that mends what was found.

use std::ops::Range;

use crate::span::Span;

/// A change that can be made without asking: there is only one that makes sense, and nothing else is touched by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fix {
    /// What it does, as an imperative: ``write `records` ``.
    pub title: String,
    /// The places, each with the text that is to stand there instead.
    pub edits: Vec<(Span, String)>,
}

impl Fix {
    /// Makes one that writes another text at one place.
    pub fn write(span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { title: format!("write `{text}`"), edits: vec![(span, text)] }
    }

    /// Makes the changes of several in one text, and returns it with the numbers of those that were made.
    ///
    /// One that would touch what another before it in the list touches is left out as a whole: it can be found again afterwards.
    pub fn make(text: &str, fixes: &[&Self]) -> (String, Vec<usize>) {
        let mut made = Vec::new();
        let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
        for (index, fix) in fixes.iter().enumerate() {
            let own: Vec<(Range<usize>, &str)> =
                fix.edits.iter().map(|(span, new)| (span.range(), new.as_str())).collect();
            let fits = |(range, _): &(Range<usize>, &str)| {
                text.get(range.clone()).is_some()
                    && edits.iter().all(|(other, _)| range.end < other.start || other.end < range.start)
            };
            if !own.is_empty() && own.iter().all(fits) {
                edits.extend(own);
                made.push(index);
            }
        }
        edits.sort_by_key(|(range, _)| range.start);
        let mut changed = String::with_capacity(text.len());
        let mut at = 0;
        for (range, new) in edits {
            changed.push_str(text.get(at..range.start).unwrap_or_default());
            changed.push_str(new);
            at = range.end;
        }
        changed.push_str(text.get(at..).unwrap_or_default());
        (changed, made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sources;

    #[test]
    fn changes_what_does_not_touch() {
        let mut sources = Sources::new();
        let id = sources.add("x.yaml", "größe: 1 # why\nb: 2\n");
        let fix = |range: Range<usize>, text: &str| Fix::write(Span::new(id, range), text);
        let (first, inside, last) = (fix(0..7, "size"), fix(3..5, "x"), fix(17..18, "c"));
        let (text, made) = Fix::make("größe: 1 # why\nb: 2\n", &[&last, &first, &inside]);
        assert_eq!((text.as_str(), made), ("size: 1 # why\nc: 2\n", vec![0, 1]));
        let beyond = fix(90..91, "x");
        assert_eq!(Fix::make("a", &[&beyond]), ("a".to_owned(), Vec::new()));
    }
}
