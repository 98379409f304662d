//! One value of a tree, with its place.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use crate::entry::Entry;
use crate::span::Span;

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, in the digits in which it is written.
    Number(Arc<str>),
    /// A string, decoded.
    String(Arc<str>),
    /// A list.
    Seq(Vec<Node>),
    /// An object, in the order of the file.
    Map(Vec<Entry>),
}

/// How a value is written.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// A scalar without quotes.
    #[default]
    Plain,
    /// A scalar in `'…'`.
    SingleQuoted,
    /// A scalar in `"…"`.
    DoubleQuoted,
    /// A scalar after `|`.
    Literal,
    /// A scalar after `>`.
    Folded,
    /// A list or an object by indentation.
    Block,
    /// A list in `[…]` or an object in `{…}`.
    Flow,
}

/// A value of a tree. Cloning one is cheap.
#[derive(Clone)]
pub struct Node {
    span: Span,
    body: Arc<Body>,
}

/// What nodes at several places may share.
struct Body {
    kind: Kind,
    style: Style,
    broken: bool,
}

impl Node {
    /// Makes a node.
    pub fn new(span: Span, kind: Kind, style: Style) -> Self {
        Self { span, body: Arc::new(Body { kind, style, broken: false }) }
    }

    /// Makes a node that stands for a value about which a finding was already made.
    pub fn broken(span: Span) -> Self {
        Self { span, body: Arc::new(Body { kind: Kind::Null, style: Style::Plain, broken: true }) }
    }

    /// Returns its place.
    ///
    /// A list or an object that an alias stands for has the alias's place, what is inside it has that of the definition;
    /// a scalar that an alias stands for has the definition's.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns what it is.
    pub fn kind(&self) -> &Kind {
        &self.body.kind
    }

    /// Returns how it is written.
    pub fn style(&self) -> Style {
        self.body.style
    }

    /// Returns whether a finding was already made about it, so that nothing more is to be said.
    pub fn is_broken(&self) -> bool {
        self.body.broken
    }

    /// Returns whether it is nothing, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.kind(), Kind::Null)
    }

    /// Returns the same value at another place.
    #[must_use]
    pub fn at(&self, span: Span) -> Self {
        Self { span, body: Arc::clone(&self.body) }
    }

    /// Returns the value of a member.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns a member.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key.text == key)
    }

    /// Returns the members; none if this is no object.
    pub fn entries(&self) -> &[Entry] {
        match self.kind() {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the members of a list; none if this is no list.
    pub fn items(&self) -> &[Self] {
        match self.kind() {
            Kind::Seq(items) => items,
            _ => &[],
        }
    }

    /// Returns the text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self.kind() {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the text of a scalar: a string's value, a number's digits, `true`, `false`, `null`.
    pub fn scalar_text(&self) -> Option<Arc<str>> {
        Some(match self.kind() {
            Kind::Null => Arc::from("null"),
            Kind::Bool(true) => Arc::from("true"),
            Kind::Bool(false) => Arc::from("false"),
            Kind::Number(text) | Kind::String(text) => Arc::clone(text),
            Kind::Seq(_) | Kind::Map(_) => return None,
        })
    }

    /// Returns what it is, in words: `a string`, `an object`.
    pub fn described(&self) -> &'static str {
        match self.kind() {
            Kind::Null if self.span.is_empty() => "nothing",
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "an object",
        }
    }

    /// Returns a place that is good to point at: a scalar or what is in brackets as a whole, otherwise its first key or item.
    pub fn label_span(&self) -> Span {
        match self.kind() {
            Kind::Map(entries) if self.style() == Style::Block => {
                entries.first().map_or(self.span, |entry| entry.key.span)
            }
            Kind::Seq(items) if self.style() == Style::Block => items.first().map_or(self.span, Self::label_span),
            _ => self.span,
        }
    }

    /// Lays an object over another, deep: where both have an object their members are merged, otherwise `over` wins.
    ///
    /// A null in `over` stays a null, so that it can take something off. The result has the place of `over`.
    #[must_use]
    pub fn merge(base: &Self, over: &Self) -> Self {
        let (Kind::Map(below), Kind::Map(above)) = (base.kind(), over.kind()) else { return over.clone() };
        let mut upper: HashMap<&str, &Entry> = above.iter().map(|entry| (&*entry.key.text, entry)).collect();
        let mut entries: Vec<Entry> = Vec::with_capacity(below.len() + above.len());
        for entry in below {
            entries.push(match upper.remove(&*entry.key.text) {
                None => entry.clone(),
                Some(winner) => Entry { key: winner.key.clone(), value: Self::merge(&entry.value, &winner.value) },
            });
        }
        entries.extend(above.iter().filter(|entry| upper.contains_key(&*entry.key.text)).cloned());
        Self::new(over.span, Kind::Map(entries), over.style())
    }

    /// Returns the object without one member.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        if self.get(key).is_none() {
            return self.clone();
        }
        let entries = self.entries().iter().filter(|entry| &*entry.key.text != key).cloned().collect();
        Self::new(self.span, Kind::Map(entries), self.style())
    }

    /// Returns the node with the value at a path of indexes replaced by a broken one.
    pub(crate) fn break_at(&self, path: &[u32]) -> Self {
        let Some((first, rest)) = path.split_first() else { return Self::broken(self.span) };
        let index = *first as usize;
        let kind = match self.kind() {
            Kind::Seq(items) => {
                let mut items = items.clone();
                if let Some(item) = items.get_mut(index) {
                    *item = item.break_at(rest);
                }
                Kind::Seq(items)
            }
            Kind::Map(entries) => {
                let mut entries = entries.clone();
                if let Some(entry) = entries.get_mut(index) {
                    entry.value = entry.value.break_at(rest);
                }
                Kind::Map(entries)
            }
            other => other.clone(),
        };
        Self { span: self.span, body: Arc::new(Body { kind, style: self.style(), broken: self.is_broken() }) }
    }
}

impl Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind() {
            _ if self.is_broken() => f.write_str("<broken>"),
            Kind::Null => f.write_str("null"),
            Kind::Bool(value) => write!(f, "{value}"),
            Kind::Number(text) => f.write_str(text),
            Kind::String(text) => write!(f, "{text:?}"),
            Kind::Seq(items) => f.debug_list().entries(items).finish(),
            Kind::Map(entries) => {
                f.debug_map().entries(entries.iter().map(|entry| (&*entry.key.text, &entry.value))).finish()
            }
        }
    }
}
