//! What is being written at a place: the text is made whole around it, so that it can be read, with a mark where the cursor is.

mod line;

use std::ops::Range;
use std::path::Path;

use engine_source::{Findings, Kind, Node, Sources, Span, Tree};

use self::line::Line;
use crate::file::{File, Part};
use crate::index::CONDITIONS;
use crate::position::floor;

/// What stands for what is being written.
pub(crate) const MARK: &str = "zz_cursor_zz";

/// What is being written.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// The bytes of the text that a completion replaces.
    pub(crate) replaced: Range<usize>,
    /// What is written of it before the cursor.
    pub(crate) prefix: String,
    /// What it can be, the likeliest first.
    pub(crate) readings: Vec<Reading>,
    /// Whether it is within brackets, on one line with others.
    pub(crate) in_brackets: bool,
    /// Whether a colon follows already.
    pub(crate) has_colon: bool,
}

/// One way to read what is being written.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What it is.
    pub(crate) what: What,
    /// The text, made whole around the mark.
    pub(crate) file: File,
    /// The way to the value; to the object, for a key.
    pub(crate) path: Vec<Part>,
    /// Where the scalar or the key is.
    pub(crate) span: Span,
}

/// What is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A key of an object.
    Key,
    /// A value.
    Value,
    /// An expression, as far as it is written.
    Expression(String),
}

impl Cursor {
    /// Looks at a place of a text; nothing in comments.
    pub(crate) fn new(path: &Path, text: &str, at: usize) -> Option<Self> {
        let at = floor(text, at);
        let line = Line::new(text, at)?;
        if let Some(start) = expression_start(text, at, line.start) {
            return Some(Self::expression(path, text, at, start, &line));
        }
        let has_colon = line.after_word().trim_start().starts_with(':');
        let mut cursor = Self {
            replaced: line.token(),
            prefix: text.get(line.token().start..at).unwrap_or_default().to_owned(),
            readings: Vec::new(),
            in_brackets: !line.brackets.is_empty(),
            has_colon,
        };
        let key = |colon: &str| {
            let mut whole = String::with_capacity(text.len() + 32);
            whole.push_str(text.get(..line.word().start).unwrap_or_default());
            whole.push_str(MARK);
            whole.push_str(colon);
            (whole, text.get(line.word().end..).unwrap_or_default())
        };
        if line.may_be_key() {
            cursor.replaced = line.word();
            text.get(line.word().start..at).unwrap_or_default().clone_into(&mut cursor.prefix);
            // In brackets a key without a value is none.
            let (before, after) = key(match (has_colon, cursor.in_brackets) {
                (true, _) => "",
                (false, true) => ": 0",
                (false, false) => ": ",
            });
            cursor.readings.extend(read(path, &line, &before, after, What::Key));
        }
        if line.may_be_value() {
            let before = format!("{}{MARK}", text.get(..line.token().start).unwrap_or_default());
            let after = text.get(line.token().end..).unwrap_or_default();
            if let Some(mut reading) = read(path, &line, &before, after, What::Value) {
                if matches!(reading.path.last(), Some(Part::Key(name)) if CONDITIONS.contains(&&**name)) {
                    let written = text.get(line.token().start..at).unwrap_or_default();
                    reading.what = What::Expression(written.to_owned());
                    cursor.replaced = at - word_before(written)..at + word_after(text, at);
                    text.get(cursor.replaced.start..at).unwrap_or_default().clone_into(&mut cursor.prefix);
                }
                cursor.readings.push(reading);
            }
        }
        Some(cursor)
    }

    fn expression(path: &Path, text: &str, at: usize, start: usize, line: &Line<'_>) -> Self {
        let written = text.get(start..at).unwrap_or_default().to_owned();
        let after = text.get(at..line.end).unwrap_or_default();
        let is_statement = text.get(..start).is_some_and(|before| before.ends_with('%'));
        let close = if is_statement { "%}" } else { "}}" };
        // Up to where it is closed, unless another one begins before.
        let closed = after.find(close).filter(|end| after.get(..*end).is_some_and(|inner| !inner.contains("{{")));
        let open = start - 2;
        let bare = line.quote.is_none() && line.value_start == Some(open);
        let (quote, end_quote) = if bare { ("\"", "\"") } else { ("", "") };
        let mut before = text.get(..open).unwrap_or_default().to_owned();
        before.push_str(quote);
        before.push_str(text.get(open..start).unwrap_or_default());
        before.push(' ');
        before.push_str(MARK);
        before.push(' ');
        before.push_str(close);
        before.push_str(end_quote);
        let rest = match closed {
            Some(end) => at + end + 2,
            None => at,
        };
        let word = word_before(&written);
        let reading =
            read(path, line, &before, text.get(rest..).unwrap_or_default(), What::Expression(written.clone()));
        let replaced = at - word..at + word_after(text, at);
        Self {
            prefix: text.get(replaced.start..at).unwrap_or_default().to_owned(),
            replaced,
            readings: reading.into_iter().collect(),
            in_brackets: !line.brackets.is_empty(),
            has_colon: false,
        }
    }
}

/// Reads a text with the mark; as it is, or with what is open on the line closed.
fn read(path: &Path, line: &Line<'_>, before: &str, after: &str, what: What) -> Option<Reading> {
    let rest_of_line = after.split(['\n', '\r']).next().unwrap_or_default();
    let closers = line.closers(rest_of_line);
    let as_it_is = format!("{before}{after}");
    let mut whole = as_it_is.clone();
    if !closers.is_empty() && !is_whole(&as_it_is) {
        let (here, below) = after.split_at(rest_of_line.len());
        whole = format!("{before}{here}{closers}{below}");
    }
    let file = File::new(path, whole.into());
    let (path, span, is_key) = marked(&file.root, &mut Vec::new())?;
    // `{a: 1, b}` has a key without a value, and `- b` a value that may become a key.
    let what = match what {
        What::Value if is_key => What::Key,
        What::Key if !is_key => return None,
        what => what,
    };
    Some(Reading { what, file, path, span })
}

/// Returns whether a text is YAML.
fn is_whole(text: &str) -> bool {
    let mut sources = Sources::new();
    let id = sources.add("", text);
    Tree::parse(&sources, id, &mut Findings::new()).is_some()
}

/// Finds the mark: the way to the value, or to the object that the key is in, and where it is.
fn marked(node: &Node, path: &mut Vec<Part>) -> Option<(Vec<Part>, Span, bool)> {
    match node.kind() {
        Kind::String(text) if text.contains(MARK) => Some((path.clone(), node.span(), false)),
        Kind::Seq(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Part::Item(index));
                if let Some(found) = marked(item, path) {
                    return Some(found);
                }
                path.pop();
            }
            None
        }
        Kind::Map(entries) => {
            for entry in entries {
                if entry.key.text.contains(MARK) {
                    return Some((path.clone(), entry.key.span, true));
                }
                path.push(Part::Key(entry.key.text.clone()));
                if let Some(found) = marked(&entry.value, path) {
                    return Some(found);
                }
                path.pop();
            }
            None
        }
        _ => None,
    }
}

/// Returns the byte after the `{{` or `{%` that is open at a place, on its line or one of the few before.
fn expression_start(text: &str, at: usize, line: usize) -> Option<usize> {
    let mut from = line;
    for _ in 0..4 {
        let before = text.get(from..at)?;
        let open = before.rfind("{{").max(before.rfind("{%"));
        if let Some(open) = open {
            let inner = before.get(open + 2..)?;
            return (!inner.contains("}}") && !inner.contains("%}")).then_some(from + open + 2);
        }
        if before.contains("}}") || before.contains("%}") || from == 0 {
            return None;
        }
        from = text.get(..from - 1)?.rfind('\n').map_or(0, |found| found + 1);
        // An expression goes on in lines that begin with no key.
        let first = text.get(from..)?.lines().next().unwrap_or_default();
        if !first.contains("{{") && !first.contains("{%") && first.contains(": ") {
            return None;
        }
    }
    None
}

/// Returns how many bytes at the end of a text are a word.
fn word_before(text: &str) -> usize {
    text.bytes().rev().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// Returns how many bytes of a word follow a place.
fn word_after(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}
