//! Mistakes in `[…]` and `{…}`.

use std::ops::Range;

use granit_parser::ErrorKind;

use super::values::{flow_value, quoted_start, unquoted_template};
use super::{Blamed, Cause};
use crate::extent;

impl Cause<'_> {
    /// Finds the value inside brackets that should have been quoted.
    pub(super) fn in_brackets(&self, kind: &ErrorKind) -> Blamed {
        if matches!(kind, ErrorKind::UnknownQuotedScalarEscape) {
            return self.escape();
        }
        let told = matches!(
            kind,
            ErrorKind::UnclosedQuotedScalar
                | ErrorKind::UnclosedFlowCollection { .. }
                | ErrorKind::MismatchedFlowCollectionEnd { .. }
        );
        // A bracket that is a template is not one.
        for start in self.open {
            if self.text.get(*start..).is_some_and(|rest| rest.starts_with("{{") || rest.starts_with("{%")) {
                let outer = self.open.first() != Some(start);
                let range = extent::value(self.text, *start, outer);
                return Some((unquoted_template(self.text, self.source, range.clone()), range));
            }
        }
        let innermost = *self.open.last()?;
        if told || self.never_closed(innermost) {
            return None;
        }
        let range = extent::flow_value_around(self.text, innermost, self.at)?;
        let whole = self.written(range.clone());
        if self.missing_comma(innermost, range.start).is_some() {
            return None;
        }
        let finding = match whole.as_bytes().first()? {
            b'{' if whole.starts_with("{{") || whole.starts_with("{%") => {
                unquoted_template(self.text, self.source, range.clone())
            }
            b'\'' | b'"' | b'!' | b'*' | b'&' | b'%' | b'@' | b'`' => {
                quoted_start(self.text, self.source, range.clone())
            }
            b'[' | b'{' if whole.ends_with([']', '}']) => return None,
            b'[' | b'{' => quoted_start(self.text, self.source, range.clone()),
            _ if whole.contains(['[', ']', '{', '}', ',']) || whole.contains(": ") => {
                flow_value(self.text, self.source, range.clone())
            }
            _ => return None,
        };
        Some((finding, range))
    }

    /// Finds the path in brackets whose `[*]` was taken for an alias.
    ///
    /// The brackets on its line may not be told as open: they could still turn out to be part of a key.
    pub(super) fn star(&self, kind: &ErrorKind) -> Blamed {
        if *kind != ErrorKind::MissingAnchorOrAliasName {
            return None;
        }
        let line = extent::line(self.text, self.at);
        let outer = self.open.last().copied();
        let mut open: Vec<usize> = outer.into_iter().collect();
        let mut at = outer.map_or(line.start, |outer| line.start.max(outer + 1));
        let mut before = b' ';
        while at < self.at {
            let byte = self.text.as_bytes().get(at).copied()?;
            // Within a text a bracket or a quote begins nothing.
            let begins = before.is_ascii_whitespace() || matches!(before, b',' | b'[' | b'{' | b':');
            match byte {
                b'\'' | b'"' if begins => at += self.written(at + 1..self.at).find(char::from(byte))? + 1,
                b'[' | b'{' if begins => open.push(at),
                b'[' => at += self.written(at..self.at).find(']').unwrap_or(0),
                b']' | b'}' => _ = open.pop(),
                _ => {}
            }
            before = self.text.as_bytes().get(at).copied()?;
            at += 1;
        }
        let range = extent::flow_value_around(self.text, *open.last()?, self.at)?;
        let whole = self.written(range.clone());
        let finding = match whole.as_bytes().first()? {
            b'*' | b'&' => quoted_start(self.text, self.source, range.clone()),
            _ if whole.contains('[') => flow_value(self.text, self.source, range.clone()),
            _ => return None,
        };
        Some((finding, range))
    }

    /// Returns whether a bracket is still open where a line begins that is not part of it.
    pub(super) fn never_closed(&self, open: usize) -> bool {
        let own = extent::line(self.text, open);
        let here = extent::line(self.text, self.at);
        if here.start <= own.start {
            return false;
        }
        let indent = |line: Range<usize>| {
            let written = self.written(line);
            written.len() - written.trim_start().len()
        };
        let starts = self.written(here.clone()).trim_start();
        indent(here) <= indent(own) && !starts.starts_with([']', '}'])
    }

    /// Returns whether a bracket is closed further down.
    pub(super) fn closed_later(&self, open: usize) -> bool {
        let mut depth = 0_usize;
        for byte in self.text.get(open..).unwrap_or_default().bytes() {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' if depth <= 1 => return true,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
        }
        false
    }

    /// Returns the character after which a comma is missing before the place where reading stopped.
    pub(super) fn comma_at(&self, open: usize) -> Option<Range<usize>> {
        let member = extent::flow_value_around(self.text, open, self.at)?;
        let line = extent::line(self.text, member.start);
        let written = self.written(line.clone());
        let start = line.start + (written.len() - written.trim_start().len());
        self.missing_comma(open, start.max(open + 1))
    }

    /// Returns the last character before a member in brackets, if no comma is between the two.
    pub(super) fn missing_comma(&self, open: usize, member: usize) -> Option<Range<usize>> {
        let before = self.written(open..member).trim_end();
        let last = before.chars().next_back()?;
        let end = open + before.len();
        (!matches!(last, ',' | '[' | '{' | ':')).then_some(end - last.len_utf8()..end)
    }
}
