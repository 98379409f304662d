//! How scalars become values.

use std::ops::Range;
use std::sync::Arc;

use granit_parser::{ScalarStyle, Tag};

use super::frame::{Content, Frame, Pending, no_value};
use super::{Builder, Mode};
use crate::entry::Key;
use crate::extent;
use crate::finding::Finding;
use crate::node::{Kind, Node, Style};
use crate::resolve::{Plain, is_number, resolve};
use crate::syntax;

impl Builder<'_> {
    pub(super) fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        tag_at: Option<Range<usize>>,
        range: Range<usize>,
    ) {
        let (style, range) = match style {
            ScalarStyle::Plain => (Style::Plain, range),
            ScalarStyle::SingleQuoted => (Style::SingleQuoted, range),
            ScalarStyle::DoubleQuoted => (Style::DoubleQuoted, range),
            ScalarStyle::Literal => (Style::Literal, self.block_scalar(range)),
            ScalarStyle::Folded => (Style::Folded, self.block_scalar(range)),
        };
        // An empty value is reported as `~` without a place.
        let empty = style == Style::Plain && range.is_empty();
        let text = if empty { "" } else { text };
        let span = self.span(range.clone());
        self.weight += 1;
        if self.blamed.iter().any(|blamed| blamed.start < range.end && range.start < blamed.end) {
            return self.finish(Node::broken(span), anchor, 1, 0);
        }
        if let Some(tag) = tag {
            let node = self.tagged_scalar(text, style, tag, tag_at, range);
            return self.finish(node, anchor, 1, 0);
        }
        if anchor == 0 && self.expects_key() {
            return self.key(Key { text: Arc::from(text), span }, style == Style::Plain);
        }
        let kind = if style == Style::Plain {
            match resolve(text) {
                Plain::Null => Kind::Null,
                Plain::Bool(value) => Kind::Bool(value),
                Plain::Number => Kind::Number(Arc::from(text)),
                Plain::String => Kind::String(Arc::from(text)),
            }
        } else {
            Kind::String(Arc::from(text))
        };
        if self.mode == Mode::Spec && style == Style::Plain && self.flow_scalar(text, &range, empty) {
            return;
        }
        self.finish(Node::new(span, kind, style), anchor, 1, 0);
    }

    /// Returns the range of a block scalar with its header, without the line ends after it.
    fn block_scalar(&self, content: Range<usize>) -> Range<usize> {
        let start = self.block_header(content.start).unwrap_or(content.start);
        let written = self.text(content.clone());
        // The indentation of what comes next is not part of it.
        let whole = Some(written.trim_end_matches(' ')).filter(|text| text.ends_with('\n')).unwrap_or(written);
        let end = content.start + whole.trim_end_matches(['\n', '\r']).len();
        start..end.max(start + 1)
    }

    /// Returns where the `|` or `>` of the block scalar stands that comes next.
    fn block_header(&self, content: usize) -> Option<usize> {
        let between = self.text(self.last..content);
        let bytes = between.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'|' | b'>' => return Some(self.last + at),
                // An anchor, a tag, a comment: nothing in there is the header.
                b'&' | b'!' => {
                    at += bytes.get(at..)?.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
                }
                b'#' => at += bytes.get(at..)?.iter().take_while(|byte| **byte != b'\n').count(),
                _ => at += 1,
            }
        }
        None
    }

    fn tagged_scalar(
        &mut self,
        text: &str,
        style: Style,
        tag: &Tag,
        tag_at: Option<Range<usize>>,
        range: Range<usize>,
    ) -> Node {
        let span = self.span(range.clone());
        let kind = match tag.core_suffix() {
            Some("int" | "float") if is_number(text) => Kind::Number(Arc::from(text)),
            Some("bool") if matches!(resolve(text), Plain::Bool(_)) => Kind::Bool(resolve(text) == Plain::Bool(true)),
            Some("null") if resolve(text) == Plain::Null => Kind::Null,
            Some("str") => Kind::String(Arc::from(text)),
            _ if self.mode == Mode::Yaml => Kind::String(Arc::from(text)),
            _ => {
                let tag_at = tag_at.unwrap_or_else(|| range.clone());
                self.misread_tag(style, tag_at, &range);
                return Node::broken(span);
            }
        };
        Node::new(span, kind, style)
    }

    /// Says what was made of a value that starts with `!`.
    fn misread_tag(&mut self, style: Style, tag_at: Range<usize>, value: &Range<usize>) {
        let end = if style == Style::Plain { tag_at.end.max(value.end) } else { tag_at.end };
        let whole = tag_at.start..tag_at.start + self.text(tag_at.start..end).trim_end().len();
        let finding = if style == Style::Plain && !self.text(whole.clone()).contains('\n') {
            syntax::quoted_start(self.text, self.source, whole)
        } else {
            Finding::error("yaml-syntax", format!("the YAML tag `{}` means nothing here", self.text(tag_at.clone())))
                .label(self.span(tag_at), "a tag")
                .help("remove it")
        };
        self.say(finding);
    }

    /// Says that a tag before a list or an object is not understood.
    pub(super) fn tagged(&mut self, tag: Option<&Tag>, tag_at: Option<Range<usize>>) {
        let Some(tag) = tag else { return };
        if self.mode == Mode::Spec && !matches!(tag.core_suffix(), Some("map" | "seq")) {
            let at = tag_at.unwrap_or_default();
            self.misread_tag(Style::Block, at.clone(), &at);
        }
    }

    /// Finds what a comma cut in two inside `{…}` and `[…]`; returns whether the scalar is dealt with.
    fn flow_scalar(&mut self, text: &str, range: &Range<usize>, empty: bool) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        if frame.style != Style::Flow {
            return false;
        }
        match &mut frame.content {
            Content::Map(members) => {
                // `{a}`: the value is empty, and no colon stands before it.
                if !empty {
                    members.cut = false;
                    return self.cut_scalar(text, range);
                }
                let Pending::Key(key) = &members.pending else { return false };
                let after = key.span.range().end;
                if self.text.get(after..range.start).is_none_or(|between| between.contains(':')) {
                    return false;
                }
                let key = key.clone();
                members.pending = Pending::None;
                if !members.cut {
                    self.say(no_value(&key));
                }
                true
            }
            Content::Seq(_) => self.cut_scalar(text, range),
        }
    }

    /// Finds a value inside brackets that ends at a comma within its own parentheses.
    fn cut_scalar(&mut self, text: &str, range: &Range<usize>) -> bool {
        let opened = text.bytes().filter(|byte| *byte == b'(').count();
        let closed = text.bytes().filter(|byte| *byte == b')').count();
        if opened <= closed || self.text.as_bytes().get(range.end) != Some(&b',') {
            return false;
        }
        let whole = extent::value(self.text, range.start, true);
        let span = self.span(whole.clone());
        self.say(syntax::flow_value(self.text, self.source, whole));
        if let Some(Frame { content: Content::Map(members), .. }) = self.frames.last_mut() {
            members.cut = true;
        }
        self.value(Node::broken(span), 0);
        true
    }
}
