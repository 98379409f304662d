//! What is said about text that cannot be read as YAML.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

use crate::extent;
use crate::finding::Finding;
use crate::quoting::quoted;
use crate::span::{SourceId, Span};
use crate::tree::MAX_DEPTH;

/// Why reading stopped.
pub(crate) struct Stop {
    /// What to say.
    pub(crate) finding: Finding,
    /// The value that is to blame: with another in its place reading can go on.
    pub(crate) blame: Option<Range<usize>>,
}

impl Stop {
    /// There is nothing to be done about it.
    pub(crate) fn for_good(finding: Finding) -> Self {
        Self { finding, blame: None }
    }
}

/// Explains why reading stopped; `open` is where the brackets start that are still open, outermost first.
pub(crate) fn explain(text: &str, source: SourceId, error: &ScanError, open: &[usize]) -> Stop {
    let at = error.marker().byte_offset().unwrap_or_default().min(text.len());
    let cause = Cause { text, source, at, open };
    let kind = error.kind();
    if *kind == ErrorKind::RecursionLimitExceeded {
        return Stop::for_good(too_deep(cause.character(at)));
    }
    if let Some(finding) = cause.tab(kind) {
        return Stop::for_good(finding);
    }
    let blamed = if open.is_empty() { cause.in_block(kind) } else { cause.in_brackets(kind) };
    if let Some((finding, range)) = blamed {
        return Stop { finding, blame: Some(range) };
    }
    Stop::for_good(cause.structure(kind).unwrap_or_else(|| cause.other(kind)))
}

/// Says that there are too many levels.
pub(crate) fn too_deep(span: Span) -> Finding {
    Finding::error("too-deep", format!("lists and objects stand more than {MAX_DEPTH} deep in one another"))
        .label(span, "one level too many")
        .help("name the inner part and refer to it")
}

/// Says that a template stands without quotes.
pub(crate) fn unquoted_template(text: &str, source: SourceId, range: Range<usize>) -> Finding {
    let whole = text.get(range.clone()).unwrap_or_default();
    let help = if whole.contains("}}") || whole.contains("%}") {
        format!("quote it: `{}`", quoted(whole))
    } else {
        "put it below `>-`, indented".to_owned()
    };
    Finding::error("unquoted-template", "a value that starts with a template must be quoted")
        .label(Span::new(source, range), "not in quotes")
        .help(help)
}

/// Says that a value inside brackets must be quoted.
pub(crate) fn flow_value(text: &str, source: SourceId, range: Range<usize>) -> Finding {
    let whole = text.get(range.clone()).unwrap_or_default();
    let what = if whole.contains('[') {
        "`[`"
    } else if whole.contains(',') {
        "`,`"
    } else if whole.contains('{') {
        "`{`"
    } else {
        "`: `"
    };
    Finding::error("flow-value", format!("a value with {what} must be quoted inside brackets"))
        .label(Span::new(source, range), "not in quotes")
        .help(format!("quote it: `{}`", quoted(whole)))
}

/// Says that a value starts with a character that has a meaning of its own, and goes on.
pub(crate) fn quoted_start(text: &str, source: SourceId, range: Range<usize>) -> Finding {
    let whole = text.get(range.clone()).unwrap_or_default();
    let first = whole.chars().next().unwrap_or_default();
    let message = match first {
        '\'' | '"' => "a value that starts with a quote ends at the next one".to_owned(),
        '!' => "a value that starts with `!` is a YAML tag, not a text".to_owned(),
        '*' => "a value that starts with `*` is a YAML alias, not a text".to_owned(),
        '[' | '{' => format!("a value that starts with `{first}` ends where that is closed"),
        '`' => "a value cannot start with a backtick".to_owned(),
        _ => format!("a value cannot start with `{first}`"),
    };
    let code = if matches!(first, '@' | '`' | '%' | '&') { "yaml-syntax" } else { "quoted-start" };
    Finding::error(code, message)
        .label(Span::new(source, range), "quote the whole")
        .help(format!("quote it: `{}`", quoted(&unquoted(whole))))
}

/// Returns the text that was meant by `'it's'`: quotes that only an apostrophe broke are not part of it.
fn unquoted(written: &str) -> String {
    let inner = written.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match inner {
        Some(inner) if inner.bytes().filter(|byte| *byte == b'\'').count() % 2 == 1 => inner.to_owned(),
        _ => written.to_owned(),
    }
}

/// A place at which reading stopped.
struct Cause<'a> {
    text: &'a str,
    source: SourceId,
    at: usize,
    open: &'a [usize],
}

type Blamed = Option<(Finding, Range<usize>)>;

impl Cause<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range)
    }

    fn written(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Returns the place of one character; at the end of a line that of the line's last.
    fn character(&self, at: usize) -> Span {
        let line = extent::line(self.text, at);
        let line_end = line.start + self.written(line.clone()).trim_end().len();
        let mut start = at;
        if start >= line_end && line_end > line.start {
            start =
                self.written(line.start..line_end).char_indices().next_back().map_or(start, |(i, _)| line.start + i);
        }
        let width = self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        self.span(start..start + width)
    }

    /// Finds a tab that indents, on the line or on the one after it.
    fn tab(&self, kind: &ErrorKind) -> Option<Finding> {
        let told = matches!(
            kind,
            ErrorKind::TabInBlockIndentation
                | ErrorKind::TabNotAllowed
                | ErrorKind::TabInIndentation
                | ErrorKind::TabInPlainScalar
                | ErrorKind::TabAtBlockScalarStart
        );
        let here = extent::line(self.text, self.at);
        let next = self.text.get(here.end..)?.find('\n').map(|found| extent::line(self.text, here.end + found + 1));
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
    fn in_block(&self, kind: &ErrorKind) -> Blamed {
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
            }
            _ => return None,
        };
        Some((finding, range))
    }

    /// Returns whether a colon follows, so that what stands before it is a key.
    fn is_key(&self, end: usize) -> bool {
        self.text.get(end..).is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(':'))
    }

    /// Returns whether a key stands before the value on its line.
    fn has_key(&self, value: usize) -> bool {
        let line = extent::line(self.text, value);
        self.written(line.start..value).trim_end().ends_with(':')
    }

    /// Finds the value inside brackets that should have been quoted.
    fn in_brackets(&self, kind: &ErrorKind) -> Blamed {
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

    /// Returns the character after which a comma is missing before the place where reading stopped.
    fn comma_at(&self, open: usize) -> Option<Range<usize>> {
        let member = extent::flow_value_around(self.text, open, self.at)?;
        let line = extent::line(self.text, member.start);
        let written = self.written(line.clone());
        let start = line.start + (written.len() - written.trim_start().len());
        self.missing_comma(open, start.max(open + 1))
    }

    /// Returns the last character before a member in brackets, if no comma is between the two.
    fn missing_comma(&self, open: usize, member: usize) -> Option<Range<usize>> {
        let before = self.written(open..member).trim_end();
        let last = before.chars().next_back()?;
        let end = open + before.len();
        (!matches!(last, ',' | '[' | '{' | ':')).then_some(end - last.len_utf8()..end)
    }

    /// Finds a backslash that begins no escape in a double-quoted text.
    fn escape(&self) -> Blamed {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let mut letters = rest.char_indices().skip(1);
        let mut bad = None;
        let mut end = None;
        while let Some((index, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = Some(index + 1);
                    break;
                }
                '\\' => {
                    let (_, next) = letters.next()?;
                    if bad.is_none() && !"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(next) {
                        bad = Some(start + index..start + index + 1 + next.len_utf8());
                    }
                }
                _ => {}
            }
        }
        let bad = bad?;
        let whole = start..start + end.unwrap_or(1);
        let inner = self.written(whole.start + 1..whole.end.saturating_sub(1));
        let help = if inner.contains(['\'', '\n']) {
            "write the backslash twice".to_owned()
        } else {
            format!("use single quotes: `'{inner}'`")
        };
        let finding = Finding::error(
            "yaml-syntax",
            format!("`{}` is no escape in a double-quoted text", self.written(bad.clone())),
        )
        .label(self.span(bad), "not an escape")
        .help(help);
        Some((finding, whole))
    }

    /// Returns whether a bracket is still open where a line begins that is not part of it.
    fn never_closed(&self, open: usize) -> bool {
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
    fn closed_later(&self, open: usize) -> bool {
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

    /// Explains what is wrong with brackets, quotes and indentation.
    fn structure(&self, kind: &ErrorKind) -> Option<Finding> {
        let here = self.character(self.at);
        let innermost = self.open.last().copied();
        Some(match kind {
            ErrorKind::UnclosedQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::DocumentIndicatorInQuotedScalar
                if self.open_quote().is_some() =>
            {
                self.never_ends(self.open_quote()?)
            }
            ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
                let start = innermost.unwrap_or(self.at);
                let end = self.text.get(start..)?.find(*close).map_or(self.at, |found| start + found);
                let closed = Finding::error("yaml-syntax", format!("`{open}` is closed by `{close}`"))
                    .label(self.character(end), format!("expected `{}`", closing(*open)));
                let near = extent::line(self.text, start) == extent::line(self.text, end);
                let closed = if near { closed.label(self.character(start), "opened here") } else { closed };
                closed.help(format!("close it with `{}`", closing(*open)))
            }
            ErrorKind::MisplacedFlowCollectionEnd => {
                let close = self.written(here.range()).to_owned();
                Finding::error("yaml-syntax", format!("this `{close}` closes nothing"))
                    .label(here, "nothing is open")
                    .help("remove it, or quote the value")
            }
            _ if innermost.is_some_and(|open| self.never_closed(open)) && self.open_quote().is_some() => {
                self.never_ends(self.open_quote()?)
            }
            _ if innermost.is_some_and(|open| self.never_closed(open) && self.closed_later(open)) => {
                let line = extent::line(self.text, self.at);
                let written = self.written(line.clone());
                let start = line.start + (written.len() - written.trim_start().len());
                Finding::error("yaml-syntax", "what stands in brackets must be indented more than its key")
                    .label(self.span(start..line.start + written.trim_end().len()), "indent this")
                    .help("indent the lines between the brackets")
            }
            ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::InvalidColonPlacement
                if innermost.is_some_and(|open| !self.never_closed(open) && self.comma_at(open).is_some()) =>
            {
                let range = self.comma_at(innermost?)?;
                Finding::error("yaml-syntax", "a comma is missing between two members")
                    .label(self.span(range), "expected `,` after this")
                    .help("write `,` at the end of the member before")
            }
            _ if innermost.is_some_and(|open| {
                self.never_closed(open)
                    || self.at >= self.text.trim_end().len()
                    || matches!(kind, ErrorKind::UnclosedFlowCollection { .. })
            }) =>
            {
                let start = innermost?;
                let bracket = self.written(start..start + 1).chars().next()?;
                Finding::error("yaml-syntax", format!("this `{bracket}` is never closed"))
                    .label(self.span(start..start + 1), "opened here")
                    .help(format!("write `{}` where it ends", closing(bracket)))
            }
            _ if innermost.is_some() && self.written(here.range()).starts_with([']', '}']) => {
                let close = self.written(here.range()).to_owned();
                Finding::error("yaml-syntax", format!("this `{close}` stands too far left"))
                    .label(here, "indent it")
                    .help("indent it more than the key that it belongs to, or put it on the line before")
            }
            ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey
                if innermost.is_none() =>
            {
                self.second_value()?
            }
            ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::InvalidIndentation
            | ErrorKind::ExpectedDocumentStart
                if innermost.is_none() && !self.written(here.range()).starts_with(['%', '.']) =>
            {
                self.indentation()
            }
            ErrorKind::BlockSequenceEntryNotAllowed => {
                Finding::error("yaml-syntax", "a list cannot begin on the line of its key")
                    .label(here, "a list item")
                    .help("put it on the next line, indented")
            }
            _ => return None,
        })
    }

    fn never_ends(&self, start: usize) -> Finding {
        let quote = self.written(start..start + 1);
        Finding::error("yaml-syntax", format!("this `{quote}` is never closed"))
            .label(self.span(start..start + 1), "opened here")
            .help(format!("write `{quote}` where the text ends"))
    }

    /// Finds the quote that is still open at a line that is not part of the quoted text.
    fn open_quote(&self) -> Option<usize> {
        let mut line = extent::line(self.text, self.at);
        if let Some(quote @ ("'" | "\"")) = self.text.get(self.at..self.at + 1)
            && !self.written(self.at + 1..line.end).contains(quote)
        {
            return Some(self.at);
        }
        for _ in 0..100 {
            let mut open = None;
            let mut closed = None;
            let mut before = b' ';
            for (index, byte) in self.written(line.start..line.end.min(self.at.max(line.start))).bytes().enumerate() {
                match open {
                    None if matches!(byte, b'\'' | b'"') && matches!(before, b' ' | b',' | b'[' | b'{' | b':') => {
                        open = Some((byte, line.start + index));
                    }
                    // A doubled quote stands for one.
                    None if byte == b'\'' && before == b'\'' => open = closed,
                    Some((quote, _)) if quote == byte => closed = open.take(),
                    _ => {}
                }
                before = byte;
            }
            if let Some((_, start)) = open {
                return Some(start);
            }
            line = extent::line(self.text, line.start.checked_sub(1)?);
        }
        None
    }

    /// Explains a `key:` that stands where the line before already has a value, or is no key.
    fn second_value(&self) -> Option<Finding> {
        let line = extent::line(self.text, self.at);
        let own = self.written(line.clone());
        let start = line.start + (own.len() - own.trim_start().len());
        let key = self.written(start..self.at);
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
            return Some(
                Finding::error("yaml-syntax", format!("`{text}` is neither a key nor part of a text"))
                    .label(self.span(text_start..above_start + said.len()), "no `:` follows")
                    .help(format!("write `{text}: …` if it is a key")),
            );
        }
        Some(
            Finding::error("yaml-syntax", format!("`{key}` stands below a key that already has a value"))
                .label(self.span(start..self.at), "indented too far")
                .help("give it the indentation of the line above, or remove the value there"),
        )
    }

    fn indentation(&self) -> Finding {
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

    /// Explains the rest in our own words.
    fn other(&self, kind: &ErrorKind) -> Finding {
        let here = self.character(self.at);
        let (message, label, help) = match kind {
            ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => (
                "the text of a block begins on the next line",
                "nothing may follow on this line",
                "put the text on the next line, indented",
            ),
            ErrorKind::InvalidBlockScalarIndent | ErrorKind::InvalidQuotedScalarIndent => {
                ("a line of a text is not indented enough", "indent this line", "indent it like the lines before")
            }
            ErrorKind::InvalidFlowScalarIndent => (
                "what stands in brackets must be indented more than its key",
                "indent this",
                "indent the lines between the brackets",
            ),
            ErrorKind::CommentNotSeparated => {
                ("a space is missing before the comment", "not a comment", "write a space before `#`")
            }
            ErrorKind::CommentInterceptedScalar => {
                ("a comment stands within a text", "the text goes on below", "quote the text, or move the comment")
            }
            ErrorKind::InvalidColonPlacement
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator => {
                ("a comma or the closing bracket is missing", "expected before this", "write `,` between two members")
            }
            ErrorKind::FlowMappingValueAdjacentCollection | ErrorKind::InvalidMappingValueWhitespace => {
                ("a space is missing after the `:`", "expected a space", "write a space after `:`")
            }
            ErrorKind::DocumentIndicatorInQuotedScalar => {
                ("a quoted text does not end before the document does", "still inside the quotes", "close the quotes")
            }
            ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidLowSurrogateHexEscape
            | ErrorKind::InvalidLowSurrogate
            | ErrorKind::MissingLowSurrogate
            | ErrorKind::UnpairedLowSurrogate
            | ErrorKind::InvalidUnicodeEscape => (
                "an escape in this text is no character",
                "has a wrong escape",
                "write `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`",
            ),
            ErrorKind::MappingValueNotAllowed => {
                ("a `:` stands where no key can end", "not a key", "quote the value that it is part of")
            }
            ErrorKind::UnsupportedYamlMajorVersion
            | ErrorKind::DuplicateVersionDirective
            | ErrorKind::DuplicateTagDirective
            | ErrorKind::MissingDocumentEndBeforeDirective
            | ErrorKind::ExpectedDocumentStart
            | ErrorKind::InvalidDocumentEnd => (
                "this line starts a document in a wrong way",
                "not understood",
                "remove lines that start with `%` or `...`",
            ),
            _ => (
                "this cannot be read as YAML",
                "not understood from here on",
                "quote the value, or check the indentation",
            ),
        };
        Finding::error("yaml-syntax", message).label(here, label).help(help)
    }
}

/// Returns the bracket that closes one.
fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}
