//! What the expressions of a stage ask for: found once per plan, so that per record only that is read.

use std::sync::Arc;

use engine_expr::{EvalError, JsonError, Members, NameUse, PARENTS, Scope, Segment, Slots, Value, Wanted};

use crate::failure::Failure;
use crate::item::Item;

/// The names that a stage's templates use, and of the record only the members that they take.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    item: Part,
    original: Part,
    /// How many items up.
    parents: usize,
    response: bool,
    stream: bool,
}

/// What is needed of one record.
#[derive(Debug, Default)]
enum Part {
    #[default]
    Nothing,
    Members {
        paths: Vec<Vec<Arc<str>>>,
        wanted: Wanted,
    },
    /// The same, found together with what a mapping wants.
    Shared(Vec<(Vec<Arc<str>>, usize)>),
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
            "parent" => self.parents = self.parents.max(name.parents()),
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

    /// Lets the members of the record be found together with what a mapping wants of it.
    pub(crate) fn share(&mut self, wanted: &mut Wanted) {
        self.item.share(wanted);
    }

    /// Adds what is needed by what stands within, and is not bound there.
    pub(crate) fn add_within(&mut self, inner: &Self) {
        self.response |= inner.response;
    }

    /// Returns how many items up are needed.
    pub(crate) fn parents(&self) -> usize {
        self.parents
    }

    /// Tells whether only some members of the item are bound.
    pub(crate) fn is_partial(&self) -> bool {
        matches!(self.item, Part::Members { .. } | Part::Shared(_))
    }

    /// Tells whether nothing is needed.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!((&self.item, &self.original), (Part::Nothing, Part::Nothing))
            && self.parents == 0
            && !self.response
            && !self.stream
    }

    /// Binds what is needed of an item.
    ///
    /// # Errors
    ///
    /// Fails where a record cannot be read.
    pub(crate) fn scope(&self, base: &Scope, item: &Item, slots: &mut Slots) -> Result<Scope, Failure> {
        self.scope_with(base, item, slots, &|_| None)
    }

    /// Binds what is needed of an item, where a mapping has [found](Self::share) the texts of some of it.
    ///
    /// # Errors
    ///
    /// Fails where a record cannot be read.
    pub(crate) fn scope_with<'r>(
        &self,
        base: &Scope,
        item: &Item,
        slots: &mut Slots,
        found: &dyn Fn(usize) -> Option<&'r str>,
    ) -> Result<Scope, Failure> {
        let around = self.around(base, item, item.parents(self.parents)?, slots)?;
        self.bind(&around, item.current.text(), slots, found).map_err(|error| item.unreadable(&error))
    }

    /// Binds what is needed around an item: what the elements of one list share.
    ///
    /// # Errors
    ///
    /// Fails where the original record cannot be read.
    pub(crate) fn around(
        &self,
        base: &Scope,
        item: &Item,
        parents: Vec<Value>,
        slots: &mut Slots,
    ) -> Result<Scope, Failure> {
        let mut names = Vec::new();
        let original = self.original.read(item.original.text(), slots, &|_| None);
        if let Some(value) = original.map_err(|error| item.unreadable(&error))? {
            names.push(("original", value));
        }
        names.extend(PARENTS.into_iter().zip(parents));
        if self.response
            && let Some(response) = &item.origin.response
        {
            names.push(("response", response.clone()));
        }
        if self.stream {
            names.push(("stream", Value::String(Arc::clone(&item.origin.stream))));
        }
        Ok(if names.is_empty() { base.clone() } else { base.with_all(names) })
    }

    /// Binds what is needed of a record itself.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be read.
    pub(crate) fn with_item(&self, around: &Scope, text: &str, slots: &mut Slots) -> Result<Scope, JsonError> {
        self.bind(around, text, slots, &|_| None)
    }

    fn bind<'r>(
        &self,
        around: &Scope,
        text: &str,
        slots: &mut Slots,
        found: &dyn Fn(usize) -> Option<&'r str>,
    ) -> Result<Scope, JsonError> {
        Ok(match self.item.read(text, slots, found)? {
            Some(value) => around.with("item", value),
            None => around.clone(),
        })
    }

    /// Evaluates with what is needed; if that fails, once more with the whole records, so that the message can say what there is.
    ///
    /// # Errors
    ///
    /// Fails where a record cannot be read, and where the evaluation does.
    pub(crate) fn evaluate<T>(
        &self,
        base: &Scope,
        item: &Item,
        slots: &mut Slots,
        run: impl Fn(&Scope) -> Result<T, EvalError>,
    ) -> Result<T, Failure> {
        let scope = self.scope(base, item, slots)?;
        match run(&scope) {
            Ok(value) => Ok(value),
            Err(_) => Ok(run(&whole_scope(base, item)?)?),
        }
    }
}

/// Binds everything that an item has.
///
/// # Errors
///
/// Fails where a record cannot be read.
pub(crate) fn whole_scope(base: &Scope, item: &Item) -> Result<Scope, Failure> {
    let original = item.original.value().map_err(|error| item.unreadable(&error))?;
    let mut names = vec![
        ("item", item.value()?),
        ("original", original),
        ("stream", Value::String(Arc::clone(&item.origin.stream))),
    ];
    names.extend(PARENTS.into_iter().zip(item.parents(PARENTS.len())?));
    if let Some(response) = &item.origin.response {
        names.push(("response", response.clone()));
    }
    Ok(base.with_all(names))
}

impl Part {
    fn add(&mut self, name: &NameUse) {
        let Some(path) = name.path.get(1..).filter(|path| !path.is_empty()) else {
            *self = Self::Whole;
            return;
        };
        if let Self::Nothing = self {
            *self = Self::Members { paths: Vec::new(), wanted: Wanted::new() };
        }
        if let Self::Members { paths, wanted } = self {
            // A path gives all that is below it.
            if paths.iter().any(|known| path.starts_with(known)) {
                return;
            }
            paths.retain(|known| !known.starts_with(path));
            paths.push(path.to_vec());
            // Slots and paths go side by side.
            *wanted = Wanted::new();
            for path in paths {
                wanted.add(&segments(path));
            }
        }
    }

    /// Lets what is needed be found together with what is wanted anyway.
    fn share(&mut self, wanted: &mut Wanted) {
        if let Self::Members { paths, .. } = self {
            let slots = paths.iter().filter_map(|path| Some((path.clone(), wanted.add(&segments(path))?))).collect();
            *self = Self::Shared(slots);
        }
    }

    fn read<'r>(
        &self,
        text: &str,
        slots: &mut Slots,
        found: &dyn Fn(usize) -> Option<&'r str>,
    ) -> Result<Option<Value>, JsonError> {
        let value = |raw: Option<&str>| raw.map(Value::from_json).transpose();
        match self {
            Self::Nothing => Ok(None),
            Self::Members { paths, wanted } if is_object(text) => {
                wanted.fill(text, slots)?;
                object(paths.iter().enumerate().map(|(slot, path)| Ok((&**path, value(slots.get(slot, text))?))))
                    .map(Some)
            }
            Self::Shared(paths) if is_object(text) => {
                object(paths.iter().map(|(path, slot)| Ok((&**path, value(found(*slot))?)))).map(Some)
            }
            Self::Whole | Self::Members { .. } | Self::Shared(_) => Value::from_json(text).map(Some),
        }
    }
}

fn is_object(text: &str) -> bool {
    text.trim_ascii_start().starts_with('{')
}

fn segments(path: &[Arc<str>]) -> Vec<Segment> {
    path.iter().map(|name| Segment::Name(Arc::clone(name))).collect()
}

/// Makes an object that has these members, and members of members, only.
fn object<'a>(
    members: impl Iterator<Item = Result<(&'a [Arc<str>], Option<Value>), JsonError>>,
) -> Result<Value, JsonError> {
    let mut object = Members::new();
    for member in members {
        if let (path, Some(value)) = member? {
            put(&mut object, path, value);
        }
    }
    Ok(Value::Object(Arc::new(object)))
}

fn put(object: &mut Members, path: &[Arc<str>], value: Value) {
    match path {
        [] => {}
        [name] => object.insert(Arc::clone(name), value),
        [name, rest @ ..] => {
            let mut inner = match object.remove(name) {
                Some(Value::Object(inner)) => Arc::unwrap_or_clone(inner),
                _ => Members::new(),
            };
            put(&mut inner, rest, value);
            object.insert(Arc::clone(name), Value::Object(Arc::new(inner)));
        }
    }
}

#[cfg(test)]
mod tests {
    use engine_expr::{Host, Template};
    use engine_source::Span;

    use super::*;
    use crate::item::{Json, Origin};

    struct Fixed;

    impl Host for Fixed {
        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::UNIX_EPOCH
        }

        fn random(&self) -> u64 {
            7
        }
    }

    fn item(json: &str, parent: Option<Item>) -> Item {
        Item::new(Json::copy(json), parent.map(Arc::new), Arc::new(Origin::default()), 1)
    }

    fn evaluate(text: &str, item: &Item) -> Result<String, (&'static str, String)> {
        let template = Template::new(text, Span::default());
        let needs = Needs::of(template.names());
        let base = Scope::new(Arc::new(Fixed));
        let found = needs.evaluate(&base, item, &mut Slots::default(), |scope| template.render(scope));
        found.map(|value| value.to_json()).map_err(|failure| (failure.code, failure.message))
    }

    #[test]
    fn parents_are_the_items_above() {
        let child = item(r#"{"id": 3}"#, Some(item(r#"{"id": 2, "parent": {"id": 9}}"#, Some(item("\"top\"", None)))));
        for (text, expected) in [
            ("{{ [item.id, parent.id, parent.parent] }}", r#"[3,2,"top"]"#),
            ("{{ parent }}", r#"{"id":2,"parent":{"id":9}}"#),
            ("{{ parent.parent | upper }}", r#""TOP""#),
            ("{{ parent.parent.parent.id | default('-') }}", r#""-""#),
        ] {
            assert_eq!(evaluate(text, &child).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_an_error() {
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(200), "]".repeat(200));
        let message = "the record cannot be read: the JSON is nested deeper than 128 levels at byte 133".to_owned();
        for (text, item) in [
            ("{{ item.a }}", item(&deep, None)),
            ("{{ item }}", item(&deep, None)),
            ("{{ original.b | default(1) }}", item(&deep, None)),
            ("{{ parent.b | default(1) }}", item("{}", Some(item(&deep, None)))),
        ] {
            assert_eq!(evaluate(text, &item), Err(("invalid-record", message.clone())), "{text}");
        }
    }
}
