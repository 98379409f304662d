//! Mistakes in what stands on a line, and how it is indented.

use std::ops::Range;

use granit_parser::ErrorKind;

use super::values::{quoted_start, unquoted_template};
use super::{Blamed, Cause};
use crate::extent;
use crate::finding::Finding;
use crate::quoting::quoted;

impl Cause<'_> {
    /// Finds a tab that indents, on the line or on the one after it.
    pub(super) fn tab(&self, kind: &ErrorKind) -> Option<Finding> {
        let told = matches!(
            kind,
            ErrorKind::TabInBlockIndentation
                | ErrorKind::TabNotAllowed
                | ErrorKind::TabInIndentation
                | ErrorKind::TabInPlainScalar
                | ErrorKind::TabAtBlockScalarStart
        );
        let here = extent::line(self.text, self.at);
        // Some tabs are noticed at the end of the line before.
        let next = self.text.get(here.end..)?.find('\n').filter(|_| told);
        let next = next.map(|found| extent::line(self.text, here.end + found + 1));
        let mut found = None;
        for line in [Some(here.clone()), next].into_iter().flatten() {
            let written = self.written(line.clone());
            let indent = written.len() - written.trim_start_matches([' ', '\t']).len();
            found = found.or_else(|| written.get(..indent)?.find('\t').map(|at| line.start + at));
        }
        if found.is_none() && told {
            let line = self.written(here.clone());
            found = line.find('\t').map(|at| here.start + at);
        }
        let at = found?;
        let length = self.text.get(at..)?.bytes().take_while(|byte| *byte == b'\t').count();
        Some(
            Finding::error("tab", "a tab cannot indent in YAML")
                .label(self.span(at..at + length), "a tab")
                .help("write spaces instead"),
        )
    }

    /// Finds the value on the line that should have been quoted, outside brackets.
    pub(super) fn in_block(&self, kind: &ErrorKind) -> Blamed {
        if matches!(kind, ErrorKind::UnclosedQuotedScalar) {
            return None;
        }
        if matches!(kind, ErrorKind::UnknownQuotedScalarEscape) {
            return self.escape();
        }
        // Right after a value that was read, what stopped it is on the line before the end.
        let start = extent::block_value_start(self.text, self.at);
        let range = extent::value(self.text, start, false);
        let whole = self.written(range.clone());
        if start > self.at || whole.is_empty() {
            return None;
        }
        let after = self.written(start + 1..range.end).to_owned();
        let finding = match whole.as_bytes().first()? {
            b'{' if whole.starts_with("{{") || whole.starts_with("{%") => {
                unquoted_template(self.text, self.source, range.clone())
            }
            quote @ (b'\'' | b'"') if after.contains(char::from(*quote)) && !self.is_key(range.end) => {
                quoted_start(self.text, self.source, range.clone())
            }
            b'!' | b'*' | b'&' | b'%' | b'@' | b'`' => quoted_start(self.text, self.source, range.clone()),
            b'[' | b'{' if self.at > start && !whole.ends_with([']', '}']) => {
                quoted_start(self.text, self.source, range.clone())
            }
            _ if *kind == ErrorKind::MappingValueNotAllowed && self.at > start && self.has_key(start) => {
                Finding::error("yaml-syntax", "a value with `: ` must be quoted")
                    .label(self.span(range.clone()), "not in quotes")
                    .help(format!("quote it: `{}`", quoted(whole)))
                    .meant(self.span(range.clone()), Some(quoted(whole)))
            }
            _ => return None,
        };
        Some((finding, range))
    }

    /// Returns whether a colon follows, so that what stands before it is a key.
    pub(super) fn is_key(&self, end: usize) -> bool {
        self.text.get(end..).is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(':'))
    }

    /// Returns whether a key stands before the value on its line.
    pub(super) fn has_key(&self, value: usize) -> bool {
        let line = extent::line(self.text, value);
        self.written(line.start..value).trim_end().ends_with(':')
    }

    fn neither(&self, text: &str, range: Range<usize>) -> Finding {
        Finding::error("yaml-syntax", format!("`{text}` is neither a key nor part of a text"))
            .label(self.span(range), "no `:` follows")
            .help(format!("write `{text}: …` if it is a key"))
    }

    /// Explains a `key:` that stands where the line before already has a value, or is no key.
    pub(super) fn second_value(&self) -> Option<Finding> {
        let line = extent::line(self.text, self.at);
        let own = self.written(line.clone());
        let start = line.start + (own.len() - own.trim_start().len());
        let key = self.written(start..self.at);
        if key.is_empty() && !own.contains(':') {
            let text = own.trim();
            return Some(self.neither(text, start..start + text.len()));
        }
        let before = self.text.get(..line.start)?.trim_end();
        let above = extent::line(self.text, before.len());
        let said = self.written(above.clone()).trim();
        if said.is_empty() {
            return None;
        }
        let above_start = above.end - self.written(above.clone()).trim_start().len();
        if !said.contains(": ") && !said.ends_with(':') {
            let text_start = above_start + if said.starts_with("- ") { 2 } else { 0 };
            let text = self.written(text_start..above_start + said.len());
            return Some(self.neither(text, text_start..above_start + said.len()));
        }
        Some(
            Finding::error("yaml-syntax", format!("`{key}` stands below a key that already has a value"))
                .label(self.span(start..self.at), "indented too far")
                .help("give it the indentation of the line above, or remove the value there"),
        )
    }

    pub(super) fn indentation(&self) -> Finding {
        let line = extent::line(self.text, self.at);
        let written = self.written(line.clone());
        let start = line.start + (written.len() - written.trim_start().len());
        if self.at > start {
            let rest = self.at..line.start + written.trim_end().len();
            return Finding::error("yaml-syntax", "more text stands after a value that has ended")
                .label(self.span(rest), "belongs to nothing")
                .help("remove it, or quote the whole value");
        }
        let first = extent::value(self.text, start, false);
        let first = match self.written(first.clone()).find([':', ' ']) {
            Some(end) if end > 0 => first.start..first.start + end,
            _ => first,
        };
        Finding::error("yaml-syntax", "the indentation fits to no line above")
            .label(self.span(first), "not in line")
            .help("give it the indentation of the lines that it belongs to")
    }
}
