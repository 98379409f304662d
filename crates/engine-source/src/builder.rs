//! Builds trees from the events of the YAML parser.

mod frame;
mod keys;
mod repair;
mod scalars;

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, StructureStyle};

use self::frame::{Content, Frame, Members, Pending};
pub(crate) use self::repair::{read, read_anyhow};
use crate::entry::Entry;
use crate::extent;
use crate::finding::Finding;
use crate::findings::Findings;
use crate::node::{Kind, Node, Style};
use crate::span::{SourceId, Span};
use crate::syntax::{self, Stop};
use crate::tree::{MAX_ALIAS_NODES, MAX_DEPTH};

/// By which rules a file is read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As a spec: one document, no tags, no key without a value in `{…}`.
    Spec,
    /// As YAML, whatever YAML allows.
    Yaml,
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
        ended: 0,
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
    /// The end of the last value or key.
    ended: usize,
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
                finding: Box::new(syntax::quoted_start(self.text, self.source, whole.clone())),
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
            let mut range = extent::value(self.text, start, self.in_brackets());
            if self.expects_key() {
                range.end = self.text(range.clone()).find("}}").map_or(range.end, |found| start + found + 2);
            }
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
        let mut range = frame.start..if frame.style == Style::Flow { end } else { self.ended.max(frame.start) };
        let kind = match frame.content {
            Content::Seq(items) => Kind::Seq(items),
            Content::Map(members) => {
                // The pair in `[a: b]` is an object without brackets.
                if frame.style == Style::Flow && self.text.as_bytes().get(frame.start) != Some(&b'{') {
                    range.end = self.ended.max(frame.start);
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
        self.ended = self.ended.max(span.range().end);
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

    /// Gives a value to the list or object that it stands in.
    fn value(&mut self, node: Node, height: usize) {
        // What an alias stands for may be further up.
        self.ended = self.ended.max(node.span().range().end);
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
}
