//! How keys find their values, and what merge keys bring.

use std::collections::HashSet;
use std::sync::Arc;

use super::frame::{Content, FEW_KEYS, Frame, Members, Pending, duplicate};
use super::{Builder, Mode};
use crate::entry::{Entry, Key};
use crate::finding::Finding;
use crate::node::{Kind, Node, Style};
use crate::span::Span;

impl Builder<'_> {
    pub(super) fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Map(Members { pending: Pending::None, .. }), .. }))
    }

    /// Takes a value as a key.
    pub(super) fn node_key(&mut self, node: &Node) {
        if node.is_broken() {
            return self.bad_key();
        }
        if let Some(text) = node.scalar_text() {
            let plain = node.style() == Style::Plain && !node.is_null();
            return self.key(Key { text, span: node.span() }, plain);
        }
        self.say(
            Finding::error("yaml-syntax", format!("{} cannot be a key", node.described()))
                .label(node.label_span(), "expected a name")
                .help("write a name before the `:`, in quotes if it has brackets"),
        );
        self.bad_key();
    }

    fn bad_key(&mut self) {
        if let Some(Frame { content: Content::Map(members), .. }) = self.frames.last_mut() {
            members.pending = Pending::Bad;
        }
    }

    /// Takes the next key of the innermost object.
    pub(super) fn key(&mut self, key: Key, plain: bool) {
        self.ended = self.ended.max(key.span.range().end);
        let mode = self.mode;
        let Some(Frame { content: Content::Map(members), .. }) = self.frames.last_mut() else { return };
        if mode == Mode::Spec && plain && key.span.is_empty() {
            members.pending = Pending::Bad;
            return self.no_key(key.span);
        }
        if let Some(first) = members.first(&key.text) {
            members.pending = Pending::Bad;
            return self.say(duplicate(self.text, &key, first));
        }
        if members.entries.len() >= FEW_KEYS {
            members.seen.insert(Arc::clone(&key.text), key.span);
        }
        members.pending = if plain && &*key.text == "<<" { Pending::Merge(key) } else { Pending::Key(key) };
    }

    /// Says that a colon has no key before it, or a `?` none after it.
    fn no_key(&mut self, span: Span) {
        let at = span.range().start;
        let rest = self.text.get(at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        let finding = Finding::error("yaml-syntax", "a key is missing").help("write `name: value`");
        self.say(if rest.trim_start().starts_with(':') {
            finding.label(self.span(at + blanks..at + blanks + 1), "expected a name before this")
        } else {
            let mark = self.text.get(..at).and_then(|before| before.rfind('?')).map(|mark| mark..mark + 1);
            finding.label(self.span(mark.unwrap_or(at..at)), "expected a name after this")
        });
    }

    /// Puts what merge keys bring into an object; its own members win, then what comes first.
    pub(super) fn merged(&mut self, members: Members) -> Vec<Entry> {
        if members.merges.is_empty() {
            return members.entries;
        }
        let own: HashSet<Arc<str>> = members
            .entries
            .iter()
            .enumerate()
            .filter(|(index, _)| !members.merges.contains(index))
            .map(|(_, entry)| Arc::clone(&entry.key.text))
            .collect();
        let mut brought = HashSet::new();
        let mut entries = Vec::with_capacity(members.entries.len());
        for (index, entry) in members.entries.into_iter().enumerate() {
            if !members.merges.contains(&index) {
                entries.push(entry);
                continue;
            }
            let merge = entry.key.span;
            let sources = match entry.value.kind() {
                Kind::Seq(items) => items.clone(),
                _ => vec![entry.value],
            };
            for from in sources {
                if !matches!(from.kind(), Kind::Map(_)) {
                    if !from.is_broken() {
                        self.say(
                            Finding::error("yaml-syntax", format!("`<<` takes an object, not {}", from.described()))
                                .label(merge, "brings no members")
                                .help("name an anchor of an object: `<<: *name`"),
                        );
                    }
                    continue;
                }
                for member in from.entries() {
                    if !own.contains(&member.key.text) && brought.insert(Arc::clone(&member.key.text)) {
                        entries.push(member.clone());
                    }
                }
            }
        }
        entries
    }
}
