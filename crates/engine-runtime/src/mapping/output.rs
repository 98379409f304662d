//! Writing what a mapping makes of a record.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use engine_expr::{Members, Scanner, Scope, Slots, Start, Template, Value, write_string};

use super::convert::convert;
use super::{Each, Found, Long, Member, Node, Object, Run, Source, evaluating};
use crate::failure::Failure;

impl Object {
    /// Writes the object.
    pub(super) fn write(&self, run: &mut Run<'_>, out: &mut Vec<u8>) -> Result<bool, Failure> {
        match &self.spread {
            Some(spread) => self.write_spread(spread, run, out),
            None => self.write_members(run, out, |_| {}).map(|()| true),
        }
    }

    /// Writes the object without its `"*"`, and tells where the value of each member is; an empty range where there is none.
    pub(super) fn write_members(
        &self,
        run: &mut Run<'_>,
        out: &mut Vec<u8>,
        mut value: impl FnMut(Range<usize>),
    ) -> Result<(), Failure> {
        out.push(b'{');
        let mut first = true;
        for member in &self.fields {
            let mark = out.len();
            if !first {
                out.push(b',');
            }
            out.extend_from_slice(&member.prefix);
            let begin = out.len();
            if member.write(run, out)? {
                first = false;
                value(begin..out.len());
            } else {
                out.truncate(mark);
                value(0..0);
            }
        }
        out.push(b'}');
        Ok(())
    }

    /// Writes the object with the members of others first: a field of the same name takes their place.
    fn write_spread(&self, spread: &Node, run: &mut Run<'_>, out: &mut Vec<u8>) -> Result<bool, Failure> {
        let mut members = Members::new();
        let mut buffer = Vec::new();
        if spread.write(run, &mut buffer, "*")? {
            let found = read(&buffer, run)?;
            let objects = match &found {
                Value::List(list) => list.items(),
                Value::Null => &[],
                one => std::slice::from_ref(one),
            };
            for object in objects {
                let Value::Object(object) = object else {
                    return Err(Failure::new(
                        "mapping-type",
                        format!("`*` takes an object or a list of them, not {}", object.a_kind()),
                        self.span,
                    ));
                };
                for (name, value) in object.iter() {
                    members.insert(Arc::clone(name), value.clone());
                }
            }
        }
        for member in &self.fields {
            buffer.clear();
            if member.write(run, &mut buffer)? {
                members.insert(Arc::clone(&member.name), read(&buffer, run)?);
            }
        }
        Value::Object(Arc::new(members)).write_json(out);
        Ok(true)
    }
}

impl Member {
    fn write(&self, run: &mut Run<'_>, out: &mut Vec<u8>) -> Result<bool, Failure> {
        self.node.write(run, out, &self.path)
    }
}

/// Reads what a node wrote.
fn read(json: &[u8], run: &Run<'_>) -> Result<Value, Failure> {
    Value::from_json(&String::from_utf8_lossy(json)).map_err(|error| run.source.item.unreadable(&error))
}

/// Refuses what has a secret in it: a record goes where secrets may not.
fn refuse_secret(value: &Value, path: &str, template: &Template) -> Result<(), Failure> {
    if value.holds_secret() {
        let message = format!("field `{path}`: a secret cannot be put into a record");
        return Err(Failure::new("secret-exposed", message, template.span()));
    }
    Ok(())
}

impl Node {
    /// Writes the value; false if there is none.
    pub(super) fn write(&self, run: &mut Run<'_>, out: &mut Vec<u8>, path: &str) -> Result<bool, Failure> {
        match self {
            Self::Literal(json) => out.extend_from_slice(json),
            Self::Slot(slot) => match run.found.get(*slot) {
                Some(text) => out.extend_from_slice(text.as_bytes()),
                None => return Ok(false),
            },
            Self::Path(query) => match query.value(run.source.value()?).map_err(|error| evaluating(path, error))? {
                Some(value) => value.write_json(out),
                None => return Ok(false),
            },
            Self::Template(template) => {
                let value = template.render(run.scope).map_err(|error| evaluating(path, error))?;
                refuse_secret(&value, path, template)?;
                value.write_json(out);
            }
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    if !item.write(run, out, path)? {
                        out.extend_from_slice(b"null");
                    }
                }
                out.push(b']');
            }
            Self::Object(object) => return object.write(run, out),
            Self::Long(long) => return long.write(run, out, path),
            Self::Each(each) => return each.write(run, out, path),
        }
        Ok(true)
    }

    /// Returns the value as JSON text, borrowed from the record where it can be.
    pub(super) fn text<'r>(&self, run: &mut Run<'r>, path: &str) -> Result<Option<Cow<'r, str>>, Failure> {
        if let Self::Slot(slot) = self {
            return Ok(run.found.get(*slot).map(Cow::Borrowed));
        }
        let mut out = Vec::new();
        if !self.write(run, &mut out, path)? {
            return Ok(None);
        }
        Ok(Some(Cow::Owned(String::from_utf8_lossy(&out).into_owned())))
    }
}

impl Long {
    fn write(&self, run: &mut Run<'_>, out: &mut Vec<u8>, path: &str) -> Result<bool, Failure> {
        if let Some(when) = &self.when
            && !when.test(run.scope).map_err(|error| evaluating(path, error))?
        {
            return Ok(false);
        }
        let found = self.source.text(run, path)?;
        let found = match (found, &self.lookup) {
            (Some(text), Some(table)) if text != "null" => table.find(&text, run, path)?.map(Cow::Owned),
            (found, _) => found,
        };
        let (found, is_default) = match (found, &self.default) {
            (None, Some(default)) => (default.text(run, path)?, true),
            (Some(text), Some(default)) if text == "null" => (default.text(run, path)?.or(Some(text)), true),
            (found, _) => (found, false),
        };
        match found {
            Some(text) if text != "null" => match self.kind {
                Some(kind) => {
                    let from = if is_default { "default" } else { self.from.as_deref().unwrap_or("its value") };
                    convert(&text, kind, self.format.as_deref(), out).map_err(|message| {
                        Failure::new("mapping-type", format!("field `{path}`: `{from}` {message}"), self.span)
                            .help("take another `type`, or let `validate: {on_invalid: skip}` drop such records")
                    })?;
                }
                None => out.extend_from_slice(text.as_bytes()),
            },
            found => {
                let required = match &self.required {
                    Some(required) => required.resolve(run.scope).map_err(|error| evaluating(path, error))?,
                    None => false,
                };
                if required {
                    return Err(self.missing(path, found.is_some()));
                }
                match found {
                    Some(_) => out.extend_from_slice(b"null"),
                    None => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    fn missing(&self, path: &str, is_null: bool) -> Failure {
        let state = if is_null { "is null" } else { "is missing" };
        let from = self.from.as_deref().unwrap_or("its value");
        Failure::new("mapping-required", format!("field `{path}` is required, but `{from}` {state}"), self.span)
            .help("give it a `default`, or let `validate: {on_invalid: skip}` drop such records")
    }
}

impl Each {
    fn write(&self, run: &mut Run<'_>, out: &mut Vec<u8>, path: &str) -> Result<bool, Failure> {
        let list = self.list.text(run, path)?;
        let list = match list.as_deref() {
            None | Some("null") => "[]",
            Some(list) => list,
        };
        let unreadable = |error| run.source.item.unreadable(&error);
        let mut scanner = Scanner::new(list);
        if scanner.start() != Ok(Start::List) {
            let found = read(list.as_bytes(), run)?;
            return Err(Failure::new(
                "mapping-type",
                format!("field `{path}`: `each` takes a list, not {}", found.a_kind()),
                self.span,
            ));
        }
        let mut elements = Vec::new();
        scanner
            .list(|scanner| {
                elements.push(scanner.raw()?);
                Ok(())
            })
            .map_err(unreadable)?;
        let (open, close) = if self.key.is_some() { (b'{', b'}') } else { (b'[', b']') };
        out.push(open);
        if !elements.is_empty() {
            let mut names = Slots::default();
            // What all elements share is made once.
            let above = run.source.above_elements(self.needs.parents())?;
            let around = self.needs.around(run.source.base, run.source.item, above, &mut names)?;
            let mut list = Elements { around, slots: Slots::default(), names, keys: HashSet::new(), is_first: true };
            for element in elements {
                self.element(element, run, &mut list, out, path)?;
            }
        }
        out.push(close);
        Ok(true)
    }

    fn element(
        &self,
        text: &str,
        run: &Run<'_>,
        list: &mut Elements,
        out: &mut Vec<u8>,
        path: &str,
    ) -> Result<(), Failure> {
        let unreadable = |error| run.source.item.unreadable(&error);
        if !self.wanted.is_empty() {
            self.wanted.fill(text, &mut list.slots).map_err(unreadable)?;
        }
        let source = Source {
            text,
            item: run.source.item,
            base: run.source.base,
            above: Some(run.source),
            value: OnceCell::new(),
        };
        let scope = self.needs.with_item(&list.around, text, &mut list.names).map_err(unreadable)?;
        let mark = out.len();
        let mut done = self.one(&source, &scope, list, out, path);
        if done.is_err() && self.needs.is_partial() {
            // Once more with the whole element, so that the message can say what it has.
            out.truncate(mark);
            done = self.one(&source, &list.around.with("item", source.value()?.clone()), list, out, path);
        }
        let Done::Written(key) = done? else {
            out.truncate(mark);
            return Ok(());
        };
        list.is_first = false;
        if let (Some(key), Some(template)) = (key, &self.key)
            && let Some(key) = list.keys.replace(key)
        {
            return Err(Failure::new(
                "mapping-type",
                format!("field `{path}`: two elements have the key `{key}`"),
                template.span(),
            )
            .help("make a key that each element has alone, or leave the others out with `when`"));
        }
        Ok(())
    }

    /// Writes one element.
    fn one(
        &self,
        source: &Source<'_>,
        scope: &Scope,
        list: &Elements,
        out: &mut Vec<u8>,
        path: &str,
    ) -> Result<Done, Failure> {
        let failed = |error| evaluating(path, error);
        if let Some(when) = &self.when
            && !when.test(scope).map_err(failed)?
        {
            return Ok(Done::LeftOut);
        }
        if !list.is_first {
            out.push(b',');
        }
        let key = match &self.key {
            Some(key) => {
                let value = key.render(scope).map_err(failed)?;
                refuse_secret(&value, path, key)?;
                let Some(text) = value.text() else {
                    let message = format!("field `{path}`: a key is a text, not {}", value.a_kind());
                    return Err(Failure::new("mapping-type", message, key.span()));
                };
                let key = text.into_owned();
                write_string(&key, out);
                out.push(b':');
                Some(key)
            }
            None => None,
        };
        let mut run = Run { source, scope, found: Found::Slots(&list.slots, source.text) };
        Ok(if self.body.write(&mut run, out, path)? { Done::Written(key) } else { Done::LeftOut })
    }
}

/// What became of an element.
enum Done {
    LeftOut,
    /// It was written, under this key if the comprehension makes an object.
    Written(Option<String>),
}

/// The elements of a list while they are written.
struct Elements {
    /// The names that all elements share.
    around: Scope,
    slots: Slots,
    names: Slots,
    keys: HashSet<String>,
    is_first: bool,
}
