//! What the expressions of a stage ask for: found once per plan, so that per record only that is read.

use std::sync::Arc;

use engine_expr::{EvalError, Members, NameUse, Scope, Segment, Slots, Value, Wanted};

use crate::item::Item;

/// The names that a stage's templates use, and of the record only the members that they take.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    item: Part,
    original: Part,
    parent: bool,
    response: bool,
    stream: bool,
}

/// What is needed of one record.
#[derive(Debug, Default)]
enum Part {
    #[default]
    Nothing,
    Members {
        names: Vec<Arc<str>>,
        wanted: Wanted,
    },
    Whole,
}

impl Needs {
    /// Gathers what these uses of names need.
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a NameUse>) -> Self {
        let mut needs = Self::default();
        for name in names {
            needs.add(name);
        }
        needs
    }

    /// Adds what one use of a name needs.
    pub(crate) fn add(&mut self, name: &NameUse) {
        match name.root() {
            "item" => self.item.add(name),
            "original" => self.original.add(name),
            "parent" => self.parent = true,
            "response" => self.response = true,
            "stream" => self.stream = true,
            _ => {}
        }
    }

    /// Makes the whole record needed: for a path that is not singular.
    pub(crate) fn whole_item(&mut self) {
        self.item = Part::Whole;
    }

    /// Tells whether a page must be kept as `response`.
    pub(crate) fn response(&self) -> bool {
        self.response
    }

    /// Tells whether nothing of an item is needed.
    pub(crate) fn is_empty(&self) -> bool {
        matches!((&self.item, &self.original), (Part::Nothing, Part::Nothing)) && !self.parent && !self.response && !self.stream
    }

    /// Tells whether the parent is needed.
    pub(crate) fn parent(&self) -> bool {
        self.parent
    }

    /// Binds what is needed of an item.
    pub(crate) fn scope(&self, base: &Scope, item: &Item, slots: &mut Slots) -> Scope {
        let mut names = Vec::with_capacity(2);
        if let Some(value) = self.item.read(item.current.text(), slots) {
            names.push(("item", value));
        }
        if let Some(value) = self.original.read(item.original.text(), slots) {
            names.push(("original", value));
        }
        self.bind_rest(item, &mut names);
        if names.is_empty() { base.clone() } else { base.with_all(names) }
    }

    fn bind_rest(&self, item: &Item, names: &mut Vec<(&'static str, Value)>) {
        if self.parent && let Some(parent) = item.parent_value() {
            names.push(("parent", parent));
        }
        if self.response && let Some(response) = &item.origin.response {
            names.push(("response", response.clone()));
        }
        if self.stream {
            names.push(("stream", Value::String(Arc::clone(&item.origin.stream))));
        }
    }

    /// Evaluates with what is needed; if that fails, once more with the whole records, so that the message can say what there is.
    pub(crate) fn evaluate<T>(
        &self,
        base: &Scope,
        item: &Item,
        slots: &mut Slots,
        run: impl Fn(&Scope) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        run(&self.scope(base, item, slots)).or_else(|_| run(&whole_scope(base, item)))
    }
}

/// Binds everything that an item has.
pub(crate) fn whole_scope(base: &Scope, item: &Item) -> Scope {
    let mut names = vec![
        ("item", item.current.value().unwrap_or_default()),
        ("original", item.original.value().unwrap_or_default()),
        ("stream", Value::String(Arc::clone(&item.origin.stream))),
    ];
    if let Some(parent) = item.parent_value() {
        names.push(("parent", parent));
    }
    if let Some(response) = &item.origin.response {
        names.push(("response", response.clone()));
    }
    base.with_all(names)
}

impl Part {
    fn add(&mut self, name: &NameUse) {
        let Some(member) = name.path.get(1) else {
            *self = Self::Whole;
            return;
        };
        if let Self::Nothing = self {
            *self = Self::Members { names: Vec::new(), wanted: Wanted::new() };
        }
        if let Self::Members { names, wanted } = self
            && !names.contains(member)
        {
            // The first path gets the first slot, so slots and names go side by side.
            names.push(Arc::clone(member));
            wanted.add(&[Segment::Name(Arc::clone(member))]);
        }
    }

    fn read(&self, text: &str, slots: &mut Slots) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::Whole => Value::from_json(text).ok(),
            Self::Members { names, wanted } => {
                if !text.starts_with('{') || wanted.fill(text, slots).is_err() {
                    return Value::from_json(text).ok();
                }
                let mut members = Members::with_capacity(names.len());
                for (slot, name) in names.iter().enumerate() {
                    if let Some(value) = slots.get(slot, text).and_then(|raw| Value::from_json(raw).ok()) {
                        members.insert(Arc::clone(name), value);
                    }
                }
                Some(Value::Object(Arc::new(members)))
            }
        }
    }
}
