//! Builds trees from the events of the YAML parser.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use crate::entry::{Entry, Key};
use crate::extent;
use crate::finding::Finding;
use crate::findings::Findings;
use crate::node::{Kind, Node, Style};
use crate::resolve::{Plain, is_number, resolve};
use crate::span::{SourceId, Span};
use crate::syntax::{self, Stop};
use crate::tree::{MAX_ALIAS_NODES, MAX_DEPTH};

/// Objects of up to this many members are searched one by one for duplicates.
const FEW_KEYS: usize = 16;

/// By which rules a file is read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As a spec: one document, no tags, no key without a value in `{…}`.
    Spec,
    /// As YAML, whatever YAML allows.
    Yaml,
}

/// How many values of one file are replaced so that reading can go on.
const PATIENCE: usize = 50;

/// Reads all documents of a text; nothing if it cannot be read to its end.
///
/// Where one value is to blame that nothing can be read, it is replaced by another as long and the text is read again:
/// so the places stay, and the other mistakes are found too.
pub(crate) fn read(text: &str, source: SourceId, mode: Mode, findings: &mut Findings) -> Option<Vec<Node>> {
    let mut blamed: Vec<Range<usize>> = Vec::new();
    let mut repaired: Option<String> = None;
    loop {
        let mut said = Findings::new();
        let current = repaired.as_deref().unwrap_or(text);
        match read_once(current, source, mode, &blamed, &mut said) {
            Ok(documents) => {
                findings.extend(said);
                return Some(documents);
            }
            Err(stop) => {
                let unsaid = !blamed.iter().any(|range| range.contains(&(stop.finding.span().start as usize)));
                if unsaid {
                    findings.push(stop.finding);
                }
                let patient = mode == Mode::Spec && unsaid && blamed.len() < PATIENCE;
                let next = stop.blame.filter(|range| patient && !range.is_empty());
                let replaced = next.and_then(|range| Some((replace(current, &range)?, range)));
                let Some((replaced, range)) = replaced else {
                    findings.extend(said);
                    return None;
                };
                repaired = Some(replaced);
                blamed.push(range);
            }
        }
    }
}

/// Puts a word in the place of a value within one line.
fn replace(text: &str, range: &Range<usize>) -> Option<String> {
    let value = text.get(range.clone()).filter(|value| !value.contains(['\n', '\r']))?;
    let mut replaced = String::with_capacity(text.len());
    replaced.push_str(text.get(..range.start)?);
    replaced.extend(std::iter::repeat_n('_', value.len()));
    replaced.push_str(text.get(range.end..)?);
    Some(replaced)
}

fn read_once(
    text: &str,
    source: SourceId,
    mode: Mode,
    blamed: &[Range<usize>],
    findings: &mut Findings,
) -> Result<Vec<Node>, Stop> {
    let mut options = granit_parser::options! {
        emit_unresolved_aliases: true,
        strict_indentation: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    let mut builder = Builder {
        text,
        source,
        mode,
        blamed,
        findings,
        documents: Vec::new(),
        frames: Vec::new(),
        anchors: HashMap::new(),
        weight: 0,
        expanded: 0,
        last: 0,
        muted: None,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, span)?,
            Err(error) => return Err(syntax::explain(text, source, &error, &builder.open_brackets())),
        }
    }
    Ok(builder.documents)
}

/// What an anchor names.
struct Anchored {
    node: Node,
    weight: u64,
    height: usize,
}

/// A list or an object that is not yet closed.
struct Frame {
    start: usize,
    style: Style,
    anchor: usize,
    /// The number of values up to its start.
    weight: u64,
    /// How deep what it holds goes.
    height: usize,
    /// A finding was made about it as a whole.
    broken: bool,
    content: Content,
}

enum Content {
    Seq(Vec<Node>),
    Map(Members),
}

/// The members of an object that is not yet closed.
#[derive(Default)]
struct Members {
    entries: Vec<Entry>,
    /// The keys, once there are many.
    seen: HashMap<Arc<str>, Span>,
    /// The indexes of entries that are merge keys.
    merges: Vec<usize>,
    pending: Pending,
    /// The last key has no value since a comma cut its expression in two; what follows belongs to it.
    cut: bool,
}

/// The key whose value comes next.
#[derive(Default)]
enum Pending {
    #[default]
    None,
    Key(Key),
    Merge(Key),
    /// A key about which something was said; its value is read and dropped.
    Bad,
}

struct Builder<'a> {
    text: &'a str,
    source: SourceId,
    mode: Mode,
    /// Values that were replaced, about which all is said.
    blamed: &'a [Range<usize>],
    findings: &'a mut Findings,
    documents: Vec<Node>,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    /// How many values there are so far, those behind aliases included.
    weight: u64,
    /// How many of them stand behind aliases.
    expanded: u64,
    /// The end of the last event that covers text.
    last: usize,
    /// The number of open frames from which on nothing is said: inside a template that YAML takes for an object.
    muted: Option<usize>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: granit_parser::Span) -> Result<(), Stop> {
        let range = span.byte_range().unwrap_or_default();
        // A document that starts without a marker has the place of its first value.
        let covers = !matches!(event, Event::DocumentStart(false, _));
        match event {
            Event::DocumentStart(..) => self.document(range.clone())?,
            Event::Scalar(text, style, anchor, tag) => {
                let tag_at = span.tag_span().and_then(|tag| tag.byte_range());
                self.scalar(&text, style, anchor, tag.as_deref(), tag_at, range.clone());
            }
            Event::SequenceStart(style, anchor, tag) => {
                let tag_at = span.tag_span().and_then(|tag| tag.byte_range());
                self.tagged(tag.as_deref(), tag_at);
                self.open(Content::Seq(Vec::new()), style, anchor, range.start)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                let tag_at = span.tag_span().and_then(|tag| tag.byte_range());
                self.tagged(tag.as_deref(), tag_at);
                self.open(Content::Map(Members::default()), style, anchor, range.start)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::Alias(id) => self.alias(id, range.clone())?,
            Event::UnresolvedAlias(name) => self.unknown_anchor(&name, range.clone())?,
            // Comments, the ends of documents and of the stream: nothing that is a value.
            _ => {}
        }
        if covers {
            self.last = self.last.max(range.end);
        }
        Ok(())
    }

    fn say(&mut self, finding: Finding) {
        if self.muted.is_none() {
            self.findings.push(finding);
        }
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range)
    }

    fn text(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Returns where the brackets start that are still open, outermost first.
    fn open_brackets(&self) -> Vec<usize> {
        self.frames.iter().filter(|frame| frame.style == Style::Flow).map(|frame| frame.start).collect()
    }

    fn in_brackets(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.style == Style::Flow)
    }

    fn unknown_anchor(&mut self, name: &str, range: Range<usize>) -> Result<(), Stop> {
        let span = self.span(range.clone());
        // `*/5 * * * *`: what goes on is no alias.
        let whole = extent::value(self.text, range.start, self.in_brackets());
        if self.mode == Mode::Spec && (whole.end > range.end || name.contains(['/', '.', '*', '$'])) {
            return Err(Stop {
                finding: syntax::quoted_start(self.text, self.source, whole.clone()),
                blame: Some(whole),
            });
        }
        self.say(
            Finding::error("unknown-anchor", format!("unknown anchor `{name}`"))
                .label(span, "no anchor of this name")
                .help(format!("write `&{name}` before the value that is meant, further up")),
        );
        self.value(Node::broken(span), 0);
        Ok(())
    }

    fn document(&mut self, marker: Range<usize>) -> Result<(), Stop> {
        self.anchors.clear();
        if self.mode == Mode::Spec && !self.documents.is_empty() {
            return Err(Stop::for_good(
                Finding::error("yaml-syntax", "a second document begins, but a file holds one")
                    .label(self.span(marker), "begins a new document")
                    .help("put what follows into a file of its own"),
            ));
        }
        Ok(())
    }

    fn scalar(
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
        if self.blamed.iter().any(|blamed| blamed.contains(&range.start)) {
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
    fn tagged(&mut self, tag: Option<&Tag>, tag_at: Option<Range<usize>>) {
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

    fn open(&mut self, content: Content, style: StructureStyle, anchor: usize, start: usize) -> Result<(), Stop> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(self.too_deep(start..start + 1));
        }
        let style = match style {
            StructureStyle::Block => Style::Block,
            StructureStyle::Flow => Style::Flow,
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let mut broken = false;
        if self.mode == Mode::Spec && style == Style::Flow && self.muted.is_none() && rest.starts_with("{{") {
            let range = extent::value(self.text, start, self.in_brackets());
            self.say(syntax::unquoted_template(self.text, self.source, range));
            self.muted = Some(self.frames.len());
            broken = true;
        }
        self.weight += 1;
        self.frames.push(Frame { start, style, anchor, weight: self.weight, height: 0, broken, content });
        Ok(())
    }

    fn too_deep(&self, range: Range<usize>) -> Stop {
        let span = self.span(range);
        Stop::for_good(syntax::too_deep(span))
    }

    fn close(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else { return };
        let weight = 1 + self.weight - frame.weight;
        let mut range = frame.start..if frame.style == Style::Flow { end } else { self.last.max(frame.start) };
        let kind = match frame.content {
            Content::Seq(items) => Kind::Seq(items),
            Content::Map(members) => {
                // The pair in `[a: b]` is an object without brackets.
                if frame.style == Style::Flow && self.text.as_bytes().get(frame.start) != Some(&b'{') {
                    range.end = self.last.max(frame.start);
                }
                Kind::Map(self.merged(members))
            }
        };
        let span = self.span(range.clone());
        if frame.broken {
            self.muted = self.muted.filter(|depth| *depth < self.frames.len());
            return self.finish(Node::broken(span), frame.anchor, weight, frame.height + 1);
        }
        self.finish(Node::new(span, kind, frame.style), frame.anchor, weight, frame.height + 1);
    }

    /// Puts what merge keys bring into an object; its own members win, then what comes first.
    fn merged(&mut self, members: Members) -> Vec<Entry> {
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

    fn alias(&mut self, id: usize, range: Range<usize>) -> Result<(), Stop> {
        let span = self.span(range.clone());
        let name = self.text(range.clone()).to_owned();
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(Stop::for_good(
                Finding::error("alias-expansion", format!("`{name}` stands inside what it names"))
                    .label(span, "would never end")
                    .help("name a value that was closed before"),
            ));
        };
        let (node, weight, height) = (anchored.node.clone(), anchored.weight, anchored.height);
        self.expanded += weight;
        if self.expanded > MAX_ALIAS_NODES {
            return Err(Stop::for_good(
                Finding::error("alias-expansion", format!("the aliases stand for more than {MAX_ALIAS_NODES} values"))
                    .label(span, "one too many")
                    .help("write the values out, or let them share less"),
            ));
        }
        if self.frames.len() + height > MAX_DEPTH {
            return Err(self.too_deep(range));
        }
        let node = match node.kind() {
            Kind::Seq(_) | Kind::Map(_) => node.at(span),
            _ => node,
        };
        self.weight += weight;
        self.value(node, height);
        Ok(())
    }

    /// Takes a finished value: notes its anchor, and gives it to what it stands in.
    fn finish(&mut self, node: Node, anchor: usize, weight: u64, height: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), weight, height });
        }
        self.value(node, height);
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Map(Members { pending: Pending::None, .. }), .. }))
    }

    /// Gives a value to the list or object that it stands in.
    fn value(&mut self, node: Node, height: usize) {
        let Some(frame) = self.frames.last_mut() else { return self.documents.push(node) };
        frame.height = frame.height.max(height);
        let members = match &mut frame.content {
            Content::Seq(items) => return items.push(node),
            Content::Map(members) => members,
        };
        match std::mem::take(&mut members.pending) {
            Pending::None => self.node_key(&node),
            Pending::Key(key) => members.entries.push(Entry { key, value: node }),
            Pending::Merge(key) => {
                members.merges.push(members.entries.len());
                members.entries.push(Entry { key, value: node });
            }
            Pending::Bad => {}
        }
    }

    /// Takes a value as a key.
    fn node_key(&mut self, node: &Node) {
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
    fn key(&mut self, key: Key, plain: bool) {
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

    /// Says that a colon has no key before it.
    fn no_key(&mut self, span: Span) {
        let at = span.range().start;
        let colon = self.text.get(at..).and_then(|rest| rest.find(':')).map_or(at, |found| at + found);
        self.say(
            Finding::error("yaml-syntax", "there is no key before the `:`")
                .label(self.span(colon..colon + 1), "expected a name before this")
                .help("write `name: value`"),
        );
    }
}

impl Members {
    /// Returns where a key stands that was already there.
    fn first(&mut self, key: &str) -> Option<Span> {
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
fn no_value(key: &Key) -> Finding {
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
fn duplicate(text: &str, key: &Key, first: Span) -> Finding {
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
