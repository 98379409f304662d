//! A read in progress as a value, so that another process goes on with it.

use std::sync::Arc;

use engine_expr::{Members, Value};

use super::{Advance, Pass, Start};
use crate::cursor::repeats::Repeats;
use crate::cursor::slices::Slices;
use crate::cursor::watermark::Watermark;

impl Advance {
    /// Returns where the read stands. Neither the spec nor what its templates gave is in it.
    pub fn position(&self) -> Value {
        let mut members = Members::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name, value);
            }
        };
        set("saved", self.saved.as_ref().map(start_value));
        set("end", self.end.as_ref().map(|(sent, mark)| Value::list(vec![sent.clone(), mark.value().clone()])));
        set("slices", self.slices.as_ref().map(Slices::position));
        set("largest", self.largest.as_ref().map(mark_value));
        set("below", self.below.as_ref().map(mark_value));
        set("last_page", self.last_page.clone());
        set("pass", Some(self.pass.position()));
        if !self.repeats.is_empty() {
            set("repeats", Some(self.repeats.position()));
        }
        set("seen", Some(self.seen.into()));
        set("valued", Some(self.valued.into()));
        set("was_reset", Some(self.was_reset.into()));
        Value::Object(Arc::new(members))
    }

    /// Goes on from where a read of the same spec stood; nothing where the value is not such a place.
    #[must_use]
    pub fn at(mut self, position: &Value) -> Option<Self> {
        let mark = |value: &Value| self.plan.form.read(value).ok().flatten();
        let marked = |name: &str| member(position, name, mark);
        let start = |value: &Value| match (value.get("mark"), value.get("as_is")) {
            (Some(value), None) => mark(value).map(Start::Mark),
            (None, Some(value)) => Some(Start::AsIs(value.clone())),
            _ => None,
        };
        let end = |value: &Value| match value.as_list()? {
            [sent, value] => Some((sent.clone(), mark(value)?)),
            _ => None,
        };
        let pass = position.get("pass")?;
        let pass = Pass {
            number: u32::try_from(count(pass, "number")?).ok()?,
            start: member(pass, "start", start)?,
            sent: pass.get("sent").cloned(),
            floor: member(pass, "floor", mark)?,
            last: member(pass, "last", mark)?,
            unordered: pass.get("unordered").and_then(Value::as_str).map(str::to_owned),
            overlapped: pass.get("overlapped")?.as_bool()?,
            received: count(pass, "received")?,
        };
        let repeats = match position.get("repeats") {
            Some(value) => Repeats::at(value, mark)?,
            None => Repeats::default(),
        };
        let slices = match (position.get("slices"), self.length) {
            (Some(value), Some(length)) => Some(Slices::at(length, value, mark)?),
            _ => None,
        };
        let (saved, end) = (member(position, "saved", start)?, member(position, "end", end)?);
        let (largest, below) = (marked("largest")?, marked("below")?);
        self.saved = saved;
        self.end = end;
        self.slices = slices;
        self.largest = largest;
        self.below = below;
        self.last_page = position.get("last_page").cloned();
        self.seen = count(position, "seen")?;
        self.valued = count(position, "valued")?;
        self.was_reset = position.get("was_reset")?.as_bool()?;
        self.pass = pass;
        self.repeats = repeats;
        Some(self)
    }
}

impl Pass {
    fn position(&self) -> Value {
        let mut members = Members::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name, value);
            }
        };
        set("number", Some(self.number.into()));
        set("start", self.start.as_ref().map(start_value));
        set("sent", self.sent.clone());
        set("floor", self.floor.as_ref().map(mark_value));
        set("last", self.last.as_ref().map(mark_value));
        set("unordered", self.unordered.as_deref().map(Value::from));
        set("overlapped", Some(self.overlapped.into()));
        set("received", Some(self.received.into()));
        Value::Object(Arc::new(members))
    }
}

fn mark_value(mark: &Watermark) -> Value {
    mark.value().clone()
}

fn start_value(start: &Start) -> Value {
    match start {
        Start::Mark(mark) => Value::object([("mark", mark.value().clone())]),
        Start::AsIs(value) => Value::object([("as_is", value.clone())]),
    }
}

/// Reads a member that need not be there; nothing where it is there and is not what it should be.
#[expect(clippy::option_option, reason = "the outer one tells what is damaged from what is not there")]
fn member<T>(value: &Value, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
    match value.get(name) {
        Some(found) => read(found).map(Some),
        None => Some(None),
    }
}

fn count(value: &Value, name: &str) -> Option<u64> {
    value.get(name)?.as_i64()?.try_into().ok()
}
