//! Lists and objects that are not yet closed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::entry::{Entry, Key};
use crate::finding::Finding;
use crate::node::{Node, Style};
use crate::span::Span;

/// Objects of up to this many members are searched one by one for duplicates.
pub(super) const FEW_KEYS: usize = 16;

/// A list or an object that is not yet closed.
pub(super) struct Frame {
    pub(super) start: usize,
    pub(super) style: Style,
    pub(super) anchor: usize,
    /// The number of values up to its start.
    pub(super) weight: u64,
    /// How deep what it holds goes.
    pub(super) height: usize,
    /// A finding was made about it as a whole.
    pub(super) broken: bool,
    pub(super) content: Content,
}

/// What it holds so far.
pub(super) enum Content {
    Seq(Vec<Node>),
    Map(Members),
}

/// The members of an object that is not yet closed.
#[derive(Default)]
pub(super) struct Members {
    pub(super) entries: Vec<Entry>,
    /// The keys, once there are many.
    pub(super) seen: HashMap<Arc<str>, Span>,
    /// The indexes of entries that are merge keys.
    pub(super) merges: Vec<usize>,
    pub(super) pending: Pending,
    /// The last key has no value since a comma cut its expression in two; what follows belongs to it.
    pub(super) cut: bool,
}

/// The key whose value comes next.
#[derive(Default)]
pub(super) enum Pending {
    #[default]
    None,
    Key(Key),
    Merge(Key),
    /// A key about which something was said; its value is read and dropped.
    Bad,
}

impl Members {
    /// Returns where a key stands that was already there.
    pub(super) fn first(&mut self, key: &str) -> Option<Span> {
        if self.entries.len() < FEW_KEYS {
            return self.entries.iter().find(|entry| &*entry.key.text == key).map(|entry| entry.key.span);
        }
        if self.seen.is_empty() {
            let keys = self.entries.iter().map(|entry| (Arc::clone(&entry.key.text), entry.key.span));
            self.seen = keys.collect();
        }
        self.seen.get(key).copied()
    }
}

/// Says that a member in `{…}` has no value.
pub(super) fn no_value(key: &Key) -> Finding {
    let name = &*key.text;
    if let Some((before, after)) =
        name.split_once(':').filter(|(before, after)| !before.is_empty() && !after.is_empty())
    {
        return Finding::error("flow-value", "a space is missing after the `:`")
            .label(key.span, "read as one name")
            .help(format!("write `{before}: {after}`"));
    }
    Finding::error("flow-value", format!("`{name}` has no value in `{{…}}`"))
        .label(key.span, "has no value")
        .help(format!("write `{name}: …`, or quote the value before if this is part of it"))
}

/// Says that a key stands twice in an object.
pub(super) fn duplicate(text: &str, key: &Key, first: Span) -> Finding {
    let finding =
        Finding::error("duplicate-key", format!("duplicate key `{}`", key.text)).label(key.span, "defined again here");
    let between = text.get(first.range().end..key.span.range().start).unwrap_or_default();
    if between.bytes().filter(|byte| *byte == b'\n').count() <= 5 {
        return finding.label(first, "first defined here").help("remove one of the two");
    }
    let before = text.get(..first.range().start).unwrap_or_default();
    let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
    finding.help(format!("remove one of the two; the first is defined at {line}:{column}"))
}
