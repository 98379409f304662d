//! Writing what a mapping makes of a record.

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::{Members, Scanner, Slots, Start, Value, write_string};

use super::convert::convert;
use super::{Each, Long, Member, Node, Object, Run, Source, evaluating};
use crate::failure::Failure;

impl Object {
    /// Writes the object.
    pub(super) fn write(&self, run: &mut Run<'_>, out: &mut Vec<u8>) -> Result<bool, Failure> {
        if let Some(spread) = &self.spread {
            return self.write_spread(spread, run, out);
        }
        out.push(b'{');
        let mut first = true;
        for member in &self.fields {
            let mark = out.len();
            if !first {
                out.push(b',');
            }
            out.extend_from_slice(&member.prefix);
            if member.write(run, out)? {
                first = false;
            } else {
                out.truncate(mark);
            }
        }
        out.push(b'}');
        Ok(true)
    }

    /// Writes the object with the members of others first: a field of the same name takes their place.
    fn write_spread(&self, spread: &Node, run: &mut Run<'_>, out: &mut Vec<u8>) -> Result<bool, Failure> {
        let mut members = Members::new();
        let mut buffer = Vec::new();
        if spread.write(run, &mut buffer, "*")? {
            let found = read(&buffer);
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
                members.insert(Arc::clone(&member.name), read(&buffer));
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
fn read(json: &[u8]) -> Value {
    std::str::from_utf8(json).ok().and_then(|text| Value::from_json(text).ok()).unwrap_or_default()
}

impl Node {
    /// Writes the value; false if there is none.
    pub(super) fn write(&self, run: &mut Run<'_>, out: &mut Vec<u8>, path: &str) -> Result<bool, Failure> {
        match self {
            Self::Literal(json) => out.extend_from_slice(json),
            Self::Slot(slot) => match run.slots.get(*slot, run.source.text) {
                Some(text) => out.extend_from_slice(text.as_bytes()),
                None => return Ok(false),
            },
            Self::Path(query) => match query.value(&run.record()?).map_err(|error| evaluating(path, error))? {
                Some(value) => value.write_json(out),
                None => return Ok(false),
            },
            Self::Template(template) => {
                let value = template.render(run.scope).map_err(|error| evaluating(path, error))?;
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
            return Ok(run.slots.get(*slot, run.source.text).map(Cow::Borrowed));
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
        match found {
            Some(text) if text != "null" => match self.kind {
                Some(kind) => convert(&text, kind, self.format.as_deref(), out).map_err(|message| self.refused(path, &message))?,
                None => out.extend_from_slice(text.as_bytes()),
            },
            found => {
                if let Some(default) = &self.default {
                    return default.write(run, out, path);
                }
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

    fn refused(&self, path: &str, message: &str) -> Failure {
        let from = self.from.as_deref().unwrap_or("its value");
        Failure::new("mapping-type", format!("field `{path}`: `{from}` {message}"), self.span)
    }
}

impl Each {
    fn write(&self, run: &mut Run<'_>, out: &mut Vec<u8>, path: &str) -> Result<bool, Failure> {
        let list = self.list.text(run, path)?;
        let list = match list.as_deref() {
            None | Some("null") => "[]",
            Some(list) => list,
        };
        let mut scanner = Scanner::new(list);
        if scanner.start() != Ok(Start::List) {
            let found = read(list.as_bytes());
            return Err(Failure::new("mapping-type", format!("field `{path}`: `each` takes a list, not {}", found.a_kind()), self.span));
        }
        let mut failed = None;
        let mut first = true;
        let mut slots = Slots::default();
        let mut names = Slots::default();
        out.push(if self.key.is_some() { b'{' } else { b'[' });
        let walked = scanner.list(|scanner| {
            let element = scanner.raw()?;
            if failed.is_none()
                && let Err(error) = self.element(element, run, (&mut slots, &mut names), out, &mut first, path)
            {
                failed = Some(error);
            }
            Ok(())
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if walked.is_err() {
            return Err(Failure::new("invalid-record", "the record is not JSON", self.span));
        }
        out.push(if self.key.is_some() { b'}' } else { b']' });
        Ok(true)
    }

    fn element(
        &self,
        element: &str,
        run: &Run<'_>,
        (slots, names): (&mut Slots, &mut Slots),
        out: &mut Vec<u8>,
        first: &mut bool,
        path: &str,
    ) -> Result<(), Failure> {
        if !self.wanted.is_empty() {
            _ = self.wanted.fill(element, slots);
        }
        let item = run.element(element, &self.needs);
        let scope = self.needs.scope(run.source.base, &item, names);
        let failed = |error| evaluating(path, error);
        if let Some(when) = &self.when
            && !when.test(&scope).map_err(failed)?
        {
            return Ok(());
        }
        let mark = out.len();
        if !*first {
            out.push(b',');
        }
        if let Some(key) = &self.key {
            write_string(&key.render_text(&scope).map_err(failed)?, out);
            out.push(b':');
        }
        let source = Source { text: element, item: &item, base: run.source.base };
        let mut inner = Run { source: &source, scope: &scope, slots };
        if self.body.write(&mut inner, out, path)? {
            *first = false;
        } else {
            out.truncate(mark);
        }
        Ok(())
    }
}
