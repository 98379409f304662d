//! Mappings, compiled once per plan and applied to the text of each record.
//!
//! All singular paths of a mapping are gathered into one pass over the record; what they find is copied as text, so that no number
//! loses a digit and no string is taken apart. Only templates and paths of other shapes get values, and only of the members they name.

mod convert;
mod lookup;
mod mappers;
mod output;
mod places;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use engine_expr::{
    Condition, Dynamic, DynamicKind, EvalError, Expr, JsonPath, NameUse, Scope, Slots, Template, Value, Wanted,
    write_string,
};
use engine_source::Span;
use engine_spec::{EachField, EachList, Field, FieldType, LongField, Mapping};

use crate::asked_of_answers;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::item::{Item, Located, Row};
use crate::needs::Needs;
use lookup::{Lasting, Table};
use places::Places;

pub(crate) use lookup::StepRecords;
pub(crate) use mappers::Mappers;

/// A compiled mapping.
pub(crate) struct Mapper {
    root: Object,
    /// The members that it writes, where these are known.
    names: Option<Arc<[Arc<str>]>>,
    /// The member that each slot is, if all of them are members of the record itself.
    members: Option<Box<[Arc<str>]>>,
    wanted: Wanted,
    needs: Needs,
    /// What an `extract` uses of the answer.
    answers: engine_request::Needs,
    lasting: Lasting,
}

/// What a mapping uses again for each record.
#[derive(Default)]
pub(crate) struct Scratch {
    slots: Slots,
    names: Slots,
    places: Places,
    /// How many bytes the records of a batch may come to.
    pub(crate) length: usize,
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
    /// The place of its first field.
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
    lasting: Lasting,
    records: &'a dyn StepRecords,
}

impl Mapper {
    /// Compiles a checked mapping. Lookups in the records of steps are asked for by name.
    pub(crate) fn new(mapping: &Mapping, records: &dyn StepRecords) -> Self {
        let mut mapper = Self::compile(mapping, records);
        mapper.needs.share(&mut mapper.wanted);
        mapper.members = mapper.wanted.members();
        mapper
    }

    /// Compiles an `extract`, whose paths are over an answer while `item` is the record: what both name is not the same.
    pub(crate) fn of_answers(mapping: &Mapping, records: &dyn StepRecords) -> Self {
        Self { answers: asked_of_answers::of_extract(mapping), ..Self::compile(mapping, records) }
    }

    fn compile(mapping: &Mapping, records: &dyn StepRecords) -> Self {
        let mut compiler = Compiler::new(records);
        let root = compiler.object(mapping, "");
        let Compiler { wanted, needs, lasting, .. } = compiler;
        let names = root.spread.is_none().then(|| root.fields.iter().map(|field| Arc::clone(&field.name)).collect());
        Self { root, names, members: None, wanted, needs, answers: engine_request::Needs::default(), lasting }
    }

    /// Returns what the mapping wants of each record, so that it can be found while a page is cut.
    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Returns the members that it writes, in order, unless the record says which.
    pub(crate) fn names(&self) -> Option<&Arc<[Arc<str>]>> {
        self.names.as_ref()
    }

    /// Returns what an `extract` needs of the answer.
    pub(crate) fn answers(&self) -> &engine_request::Needs {
        &self.answers
    }

    /// Returns what the mapping needs of the page.
    pub(crate) fn needs_response(&self) -> bool {
        self.needs.response()
    }

    /// Maps an item's record and appends the result as JSON; to `values`, where each of its [`names`](Self::names) has its value.
    pub(crate) fn map(
        &self,
        item: &Item,
        base: &Scope,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
        values: Option<&mut Vec<Range<usize>>>,
    ) -> Result<(), Failure> {
        let text = item.current.text();
        let found = match (&item.located, &self.members) {
            (Located::Wanted(row), _) => Found::Row(row),
            (Located::Members(fields), Some(members)) => {
                scratch.places.look_for(members, fields.names());
                Found::Fields(fields, &scratch.places)
            }
            _ => {
                self.fill(text, item, &mut scratch.slots)?;
                Found::Slots(&scratch.slots, text)
            }
        };
        self.run(found, item, base, &mut scratch.names, out, values)
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
        self.fill(text, item, &mut scratch.slots)?;
        self.run(Found::Slots(&scratch.slots, text), item, base, &mut scratch.names, out, None)
    }

    /// Finds what is wanted in a text.
    fn fill(&self, text: &str, item: &Item, slots: &mut Slots) -> Result<(), Failure> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        self.wanted.fill(text, slots).map_err(|error| item.unreadable(&error))
    }

    fn run(
        &self,
        found: Found<'_>,
        item: &Item,
        base: &Scope,
        names: &mut Slots,
        out: &mut Vec<u8>,
        mut values: Option<&mut Vec<Range<usize>>>,
    ) -> Result<(), Failure> {
        let text = match found {
            Found::Slots(_, text) => text,
            Found::Row(_) | Found::Fields(..) => item.current.text(),
        };
        let source = Source { text, item, base, above: None, value: OnceCell::new() };
        let (mark, begin) = (out.len(), values.as_ref().map_or(0, |values| values.len()));
        let own;
        let scope = if self.needs.is_nothing() {
            base
        } else {
            own = self.needs.scope_with(base, item, names, &|slot| found.get(slot))?;
            &own
        };
        let mut run = Run { source: &source, scope, found };
        if self.write(&mut run, out, values.as_deref_mut()).is_ok() {
            return Ok(());
        }
        // Once more with all there is, so that the message can say what the record has.
        out.truncate(mark);
        if let Some(values) = &mut values {
            values.truncate(begin);
        }
        let scope = crate::needs::whole_scope(base, item)?;
        let mut run = Run { source: &source, scope: &scope, found };
        self.write(&mut run, out, values)
    }

    fn write(
        &self,
        run: &mut Run<'_>,
        out: &mut Vec<u8>,
        values: Option<&mut Vec<Range<usize>>>,
    ) -> Result<(), Failure> {
        match values {
            Some(values) => self.root.write_members(run, out, |range| values.push(range)),
            None => self.root.write(run, out).map(drop),
        }
    }
}

/// What was found of the wanted values.
#[derive(Clone, Copy)]
enum Found<'a> {
    /// In the text of the record.
    Slots(&'a Slots, &'a str),
    /// In the page that the record was cut from.
    Row(&'a Row),
    /// Among the members of the record.
    Fields(&'a Fields, &'a Places),
}

impl<'a> Found<'a> {
    fn get(self, slot: usize) -> Option<&'a str> {
        match self {
            Self::Slots(slots, text) => slots.get(slot, text),
            Self::Row(row) => row.get(slot),
            Self::Fields(fields, places) => fields.get(places.of(slot)?),
        }
    }
}

/// What is being mapped: a record, or an element of a list in it.
struct Source<'a> {
    text: &'a str,
    /// The record, of an element too.
    item: &'a Item,
    base: &'a Scope,
    /// What holds the list that this is an element of.
    above: Option<&'a Self>,
    /// The text as a value, once somebody asked.
    value: OnceCell<Value>,
}

/// One run over one record.
struct Run<'a> {
    source: &'a Source<'a>,
    scope: &'a Scope,
    found: Found<'a>,
}

/// Says in which field an expression failed.
fn evaluating(path: &str, error: EvalError) -> Failure {
    let failure = Failure::from(error);
    if path.is_empty() {
        failure
    } else {
        Failure { message: format!("field `{path}`: {}", failure.message), ..failure }
    }
}

impl<'a> Compiler<'a> {
    fn new(records: &'a dyn StepRecords) -> Self {
        Self { wanted: Wanted::new(), needs: Needs::default(), lasting: Lasting::Always, records }
    }

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
        let mut inner = Compiler::new(self.records);
        let body = inner.field(&each.map, path);
        let when = inner.condition(each.when.as_ref());
        if let Some(key) = &each.key {
            inner.names(key.names());
        }
        self.needs.add_within(&inner.needs);
        self.lasting.join(inner.lasting);
        Each { list, span, key: each.key.clone(), when, body, wanted: inner.wanted, needs: inner.needs }
    }
}

impl Source<'_> {
    /// Returns the whole as a value.
    fn value(&self) -> Result<&Value, Failure> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = Value::from_json(self.text).map_err(|error| self.item.unreadable(&error))?;
        Ok(self.value.get_or_init(|| value))
    }

    /// Returns what is above an element of a list in this, nearest first: this itself, what holds it, and the items above the record.
    fn above_elements(&self, wanted: usize) -> Result<Vec<Value>, Failure> {
        let sources = std::iter::successors(Some(self), |source| source.above);
        let mut values = sources.take(wanted).map(|source| source.value().cloned()).collect::<Result<Vec<_>, _>>()?;
        values.extend(self.item.parents(wanted - values.len())?);
        Ok(values)
    }
}
