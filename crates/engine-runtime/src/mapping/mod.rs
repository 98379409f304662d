//! Mappings, compiled once per plan and applied to the text of each record.
//!
//! All singular paths of a mapping are gathered into one pass over the record; what they find is copied as text, so that no number
//! loses a digit and no string is taken apart. Only templates and paths of other shapes get values, and only of the members they name.

mod convert;
mod lookup;
mod output;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use engine_expr::{
    Condition, Dynamic, DynamicKind, EvalError, Expr, JsonPath, NameUse, Scope, Slots, Template, Value, Wanted, write_string,
};
use engine_source::Span;
use engine_spec::{EachField, EachList, Field, FieldType, LongField, Mapping};

use crate::failure::Failure;
use crate::item::{Item, Json};
use crate::needs::Needs;
use lookup::Table;

pub(crate) use lookup::StepRecords;

/// A compiled mapping.
pub(crate) struct Mapper {
    root: Object,
    wanted: Wanted,
    needs: Needs,
}

/// What a mapping uses again for each record.
#[derive(Default)]
pub(crate) struct Scratch {
    slots: Slots,
    names: Slots,
}

impl Scratch {
    /// Returns what reads the members that expressions name.
    pub(crate) fn names(&mut self) -> &mut Slots {
        &mut self.names
    }
}

struct Object {
    /// What `"*"` puts in first.
    spread: Option<Box<Node>>,
    fields: Vec<Member>,
    /// Whether nothing but whole values of the record can come first.
    span: Span,
}

struct Member {
    /// The name with its quotes and colon, as it is written.
    prefix: Box<[u8]>,
    name: Arc<str>,
    /// The names from the root, with dots.
    path: Arc<str>,
    node: Node,
}

enum Node {
    Literal(Box<[u8]>),
    Slot(usize),
    Path(JsonPath),
    Template(Template),
    List(Vec<Self>),
    Object(Object),
    Long(Box<Long>),
    Each(Box<Each>),
}

struct Long {
    source: Node,
    /// The path as it was written, for messages.
    from: Option<String>,
    span: Span,
    kind: Option<FieldType>,
    format: Option<String>,
    default: Option<Node>,
    required: Option<engine_expr::Setting<bool>>,
    lookup: Option<Table>,
    when: Option<Condition>,
}

struct Each {
    list: Node,
    span: Span,
    key: Option<Template>,
    when: Option<Condition>,
    body: Node,
    wanted: Wanted,
    needs: Needs,
}

/// Gathers what one level of a mapping reads.
struct Compiler<'a> {
    wanted: Wanted,
    needs: Needs,
    records: &'a dyn StepRecords,
}

impl Mapper {
    /// Compiles a checked mapping. Lookups in the records of steps are asked for by name.
    pub(crate) fn new(mapping: &Mapping, records: &dyn StepRecords) -> Self {
        let mut compiler = Compiler { wanted: Wanted::new(), needs: Needs::default(), records };
        let root = compiler.object(mapping, "");
        Self { root, wanted: compiler.wanted, needs: compiler.needs }
    }

    /// Returns what the mapping needs of the page.
    pub(crate) fn needs_response(&self) -> bool {
        self.needs.response()
    }

    /// Maps an item's record and appends the result as JSON.
    pub(crate) fn map(&self, item: &Item, base: &Scope, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.map_text(item.current.text(), item, base, scratch, out)
    }

    /// Maps a text other than the item's own record, as `extract` does with an answer's body.
    pub(crate) fn map_text(
        &self,
        text: &str,
        item: &Item,
        base: &Scope,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if !self.wanted.is_empty() && self.wanted.fill(text, &mut scratch.slots).is_err() {
            return Err(Failure::new("invalid-record", "the record is not JSON", self.root.span));
        }
        let source = Source { text, item, base };
        let mark = out.len();
        let scope = self.needs.scope(base, item, &mut scratch.names);
        let mut run = Run { source: &source, scope: &scope, slots: &scratch.slots };
        if self.root.write(&mut run, out).is_ok() {
            return Ok(());
        }
        // Once more with all there is, so that the message can say what the record has.
        out.truncate(mark);
        let scope = crate::needs::whole_scope(base, item);
        let mut run = Run { source: &source, scope: &scope, slots: &scratch.slots };
        self.root.write(&mut run, out).map(drop)
    }
}

/// What is being mapped.
struct Source<'a> {
    text: &'a str,
    item: &'a Item,
    base: &'a Scope,
}

/// One run over one record.
struct Run<'a> {
    source: &'a Source<'a>,
    scope: &'a Scope,
    slots: &'a Slots,
}

/// Says in which field an expression failed.
fn evaluating(path: &str, error: EvalError) -> Failure {
    let failure = Failure::from(error);
    if path.is_empty() { failure } else { Failure { message: format!("field `{path}`: {}", failure.message), ..failure } }
}

impl Compiler<'_> {
    fn object(&mut self, mapping: &Mapping, path: &str) -> Object {
        let mut object = Object { spread: None, fields: Vec::new(), span: Span::default() };
        for (name, field) in mapping.fields() {
            if object.span == Span::default() {
                object.span = name.span;
            }
            let below = if path.is_empty() { name.value.to_string() } else { format!("{path}.{}", name.value) };
            let node = self.field(field, &below);
            if &*name.value == "*" {
                object.spread = Some(Box::new(node));
                continue;
            }
            let mut prefix = Vec::with_capacity(name.value.len() + 3);
            write_string(&name.value, &mut prefix);
            prefix.push(b':');
            object.fields.push(Member {
                prefix: prefix.into(),
                name: Arc::clone(&name.value),
                path: below.into(),
                node,
            });
        }
        object
    }

    fn field(&mut self, field: &Field, path: &str) -> Node {
        match field {
            Field::Value(value) => self.value(value),
            Field::Object(mapping) => Node::Object(self.object(mapping, path)),
            Field::Long(long) => Node::Long(Box::new(self.long(long))),
            Field::Each(each) => Node::Each(Box::new(self.each(each, path))),
        }
    }

    fn value(&mut self, value: &Dynamic) -> Node {
        match value.kind() {
            DynamicKind::Literal(literal) => Node::Literal(literal.to_json().into_bytes().into()),
            DynamicKind::Path(path) => self.path(path),
            DynamicKind::Template(template) => self.template(template),
            DynamicKind::List(items) => Node::List(items.iter().map(|item| self.value(item)).collect()),
            DynamicKind::Object(members) => Node::Object(Object {
                spread: None,
                span: value.span(),
                fields: members
                    .iter()
                    .map(|(name, member)| {
                        let mut prefix = Vec::with_capacity(name.value.len() + 3);
                        write_string(&name.value, &mut prefix);
                        prefix.push(b':');
                        Member {
                            prefix: prefix.into(),
                            name: Arc::clone(&name.value),
                            path: Arc::clone(&name.value),
                            node: self.value(member),
                        }
                    })
                    .collect(),
            }),
        }
    }

    fn path(&mut self, path: &JsonPath) -> Node {
        match path.singular().and_then(|segments| self.wanted.add(segments)) {
            Some(slot) => Node::Slot(slot),
            None => Node::Path(path.clone()),
        }
    }

    fn template(&mut self, template: &Template) -> Node {
        if let Some(literal) = template.as_literal() {
            return Node::Literal(literal.to_json().into_bytes().into());
        }
        self.names(template.names());
        Node::Template(template.clone())
    }

    fn names(&mut self, names: &[NameUse]) {
        for name in names {
            self.needs.add(name);
        }
    }

    fn expr(&mut self, expr: &Expr) -> Node {
        match expr {
            Expr::Path(path) => self.path(path),
            Expr::Template(template) => self.template(template),
        }
    }

    fn condition(&mut self, condition: Option<&Condition>) -> Option<Condition> {
        let condition = condition?;
        self.names(condition.names());
        Some(condition.clone())
    }

    fn long(&mut self, long: &LongField) -> Long {
        let (source, span) = match (&long.from, &long.value) {
            (Some(from), _) => (self.expr(from), from.span()),
            (None, Some(literal)) => (Node::Literal(literal.value().to_json().into_bytes().into()), literal.span()),
            (None, None) => (Node::Literal(b"null".as_slice().into()), Span::default()),
        };
        if let Some(required) = long.required.as_ref().and_then(engine_expr::Setting::as_template) {
            self.names(required.names());
        }
        Long {
            source,
            from: long.from.as_ref().map(|from| from.text().to_owned()),
            span,
            kind: long.kind,
            format: long.format.as_ref().map(|format| format.as_str().to_owned()),
            default: long.default.as_ref().map(|default| self.value(default)),
            required: long.required.clone(),
            lookup: long.lookup.as_ref().map(|lookup| self.table(lookup, span)),
            when: self.condition(long.when.as_ref()),
        }
    }

    fn each(&mut self, each: &EachField, path: &str) -> Each {
        let (list, span) = match &each.each {
            EachList::From(expr) => (self.expr(expr), expr.span()),
            EachList::List(list) => (self.value(list), list.span()),
        };
        // Inside, `$` and `item` are the element: it is read by a pass of its own.
        let mut inner = Compiler { wanted: Wanted::new(), needs: Needs::default(), records: self.records };
        let body = inner.field(&each.map, path);
        let when = inner.condition(each.when.as_ref());
        if let Some(key) = &each.key {
            inner.names(key.names());
        }
        Each { list, span, key: each.key.clone(), when, body, wanted: inner.wanted, needs: inner.needs }
    }
}

impl Run<'_> {
    /// Makes the item that an element is within a comprehension, as far as its expressions need it.
    fn element(&self, json: &str, needs: &Needs) -> Item {
        let outer = self.source.item;
        let copy = |text: &str| Json::trusted(bytes::Bytes::copy_from_slice(text.as_bytes()));
        let parent = needs.parent().then(|| {
            // `parent` is the record that holds the list: in `extract`, the answer.
            Arc::new(Item { current: copy(self.source.text), ..outer.clone() })
        });
        let current = if needs.is_empty() { outer.current.clone() } else { copy(json) };
        Item { current, original: outer.original.clone(), parent, origin: Arc::clone(&outer.origin), number: outer.number }
    }

    fn record(&self) -> Result<Value, Failure> {
        Value::from_json(self.source.text).map_err(|error| Failure::new("invalid-record", error.to_string(), Span::default()))
    }
}
