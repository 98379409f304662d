//! Lists and objects.

use std::sync::Arc;

use minijinja::value::{Kwargs, Rest, Value as Jinja};
use minijinja::{Environment, Error};

use super::{both, list_of, text_of, wrong};
use crate::bridge::{from_jinja, to_jinja};
use crate::path::JsonPath;
use crate::value::{Members, Value};

/// How long a list `range` makes.
const MAX_RANGE: i64 = 100_000;

pub(super) fn register(env: &mut Environment<'static>) {
    both(env, "entries", |value: Jinja| -> Result<Jinja, Error> {
        let members = object_of(&value, "entries")?;
        Ok(out(Value::list(
            members
                .iter()
                .map(|(key, value)| Value::object([("key", Value::from(Arc::clone(key))), ("value", value.clone())]))
                .collect(),
        )))
    });
    both(env, "object", |value: Jinja| -> Result<Jinja, Error> {
        let mut members = Members::new();
        for item in list_of(&value, "object")? {
            let (key, value) = match &item {
                Value::Object(entry) => (entry.get("key"), entry.get("value")),
                Value::List(pair) => (pair.items().first(), pair.items().get(1)),
                _ => (None, None),
            };
            let (Some(key), Some(value)) = (key.and_then(Value::text), value) else {
                return Err(wrong("`object` needs a list of `{key, value}` or of pairs"));
            };
            members.insert(key.as_ref(), value.clone());
        }
        Ok(out(Value::Object(Arc::new(members))))
    });
    both(env, "zip", |first: Jinja, others: Rest<Jinja>| -> Result<Jinja, Error> {
        let mut lists = vec![list_of(&first, "zip")?];
        for other in others.iter() {
            lists.push(list_of(other, "zip")?);
        }
        let len = lists.iter().map(Vec::len).min().unwrap_or(0);
        Ok(out(Value::list(
            (0..len).map(|at| Value::list(lists.iter().map(|list| list[at].clone()).collect())).collect(),
        )))
    });
    both(env, "flatten", |value: Jinja| -> Result<Jinja, Error> {
        let mut flat = Vec::new();
        for item in list_of(&value, "flatten")? {
            match item {
                Value::List(list) => flat.extend(list.items().iter().cloned()),
                other => flat.push(other),
            }
        }
        Ok(out(Value::list(flat)))
    });
    both(env, "merge", |first: Jinja, others: Rest<Jinja>| -> Result<Jinja, Error> {
        let mut merged = Value::Object(object_of(&first, "merge")?);
        for other in others.iter() {
            merged = merge(merged, Value::Object(object_of(other, "merge")?));
        }
        Ok(out(merged))
    });
    both(env, "pick", |value: Jinja, names: Rest<Jinja>| select(&value, &names, "pick", true));
    both(env, "omit", |value: Jinja, names: Rest<Jinja>| select(&value, &names, "omit", false));
    both(env, "group_by", |value: Jinja, name: String| -> Result<Jinja, Error> {
        let mut groups: Vec<(Arc<str>, Vec<Value>)> = Vec::new();
        for item in list_of(&value, "group_by")? {
            let key: Arc<str> = item
                .get(&name)
                .and_then(Value::text)
                .ok_or_else(|| wrong(format!("`group_by` found an item without the member `{name}`")))?
                .as_ref()
                .into();
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, group)) => group.push(item),
                None => groups.push((key, vec![item])),
            }
        }
        Ok(out(Value::object(groups.into_iter().map(|(key, group)| (key, Value::list(group))))))
    });
    both(env, "chunk", |value: Jinja, size: usize| -> Result<Jinja, Error> {
        if size == 0 {
            return Err(wrong("`chunk` needs a size from 1 on"));
        }
        let items = list_of(&value, "chunk")?;
        Ok(out(Value::list(items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect())))
    });
    both(env, "range", |first: i64, second: Option<i64>, step: Option<i64>| -> Result<Jinja, Error> {
        let (start, end) = second.map_or((0, first), |second| (first, second));
        let step = step.unwrap_or(1);
        if step == 0 {
            return Err(wrong("`range` needs a step other than 0"));
        }
        if end.saturating_sub(start).saturating_abs() / step.saturating_abs() > MAX_RANGE {
            return Err(wrong(format!("`range` makes at most {MAX_RANGE} numbers")));
        }
        let mut numbers = Vec::new();
        let mut at = start;
        while (step > 0 && at < end) || (step < 0 && at > end) {
            numbers.push(Value::from(at));
            at = at.saturating_add(step);
        }
        Ok(out(Value::list(numbers)))
    });
    both(env, "jsonpath", |value: Jinja, path: String| -> Result<Jinja, Error> {
        let path = JsonPath::new(path, engine_source::Span::default());
        if let Some(problem) = path.problems().first() {
            return Err(wrong(problem.message.clone()));
        }
        let found = path.value(&from_jinja(&value)?).map_err(|error| wrong(error.message))?;
        Ok(found.map_or(Jinja::UNDEFINED, |value| to_jinja(&value)))
    });
    env.add_filter("sort", |value: Jinja, kwargs: Kwargs| -> Result<Jinja, Error> {
        let attribute: Option<String> = kwargs.get("attribute")?;
        let reverse: Option<bool> = kwargs.get("reverse")?;
        kwargs.assert_all_used()?;
        sort(list_of(&value, "sort")?, attribute.as_deref(), reverse.unwrap_or(false))
    });
}

#[expect(clippy::needless_pass_by_value, reason = "it takes what was just made")]
fn out(value: Value) -> Jinja {
    to_jinja(&value)
}

fn object_of(value: &Jinja, function: &str) -> Result<Arc<Members>, Error> {
    match from_jinja(value)? {
        Value::Object(members) => Ok(members),
        other => Err(wrong(format!("`{function}` needs an object, not {}", other.a_kind()))),
    }
}

fn merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            let mut members = Arc::unwrap_or_clone(base);
            for (name, value) in Arc::unwrap_or_clone(over) {
                let value = match members.get(&name) {
                    Some(below) => merge(below.clone(), value),
                    None => value,
                };
                members.insert(name, value);
            }
            Value::Object(Arc::new(members))
        }
        (_, over) => over,
    }
}

/// Takes names as arguments or as a list; objects one by one or in a list.
fn select(value: &Jinja, names: &[Jinja], function: &str, keep: bool) -> Result<Jinja, Error> {
    let mut wanted = Vec::new();
    for name in names {
        match from_jinja(name)? {
            Value::List(list) => {
                wanted.extend(list.items().iter().filter_map(|name| name.text().map(std::borrow::Cow::into_owned)));
            }
            _ => wanted.push(text_of(name, function)?),
        }
    }
    let one = |members: &Members| -> Value {
        let kept = members.iter().filter(|(name, _)| wanted.iter().any(|wanted| **wanted == ***name) == keep);
        Value::Object(Arc::new(kept.map(|(name, value)| (Arc::clone(name), value.clone())).collect()))
    };
    match from_jinja(value)? {
        Value::Object(members) => Ok(out(one(&members))),
        Value::List(list) => {
            let items = list.items().iter().map(|item| match item {
                Value::Object(members) => Ok(one(members)),
                other => Err(wrong(format!("`{function}` needs objects, not {}", other.a_kind()))),
            });
            Ok(out(Value::list(items.collect::<Result<_, _>>()?)))
        }
        other => Err(wrong(format!("`{function}` needs an object, not {}", other.a_kind()))),
    }
}

fn sort(items: Vec<Value>, attribute: Option<&str>, reverse: bool) -> Result<Jinja, Error> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let key = match attribute {
            Some(path) => path
                .split('.')
                .try_fold(&item, |value, name| value.get(name))
                .cloned()
                .ok_or_else(|| wrong(format!("`sort` found an item without the member `{path}`")))?,
            None => item.clone(),
        };
        keyed.push((key, item));
    }
    let mut failed = None;
    keyed.sort_by(|(left, _), (right, _)| {
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.compare(right),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            _ => None,
        };
        order.unwrap_or_else(|| {
            failed.get_or_insert_with(|| format!("`sort` cannot compare {} with {}", left.a_kind(), right.a_kind()));
            std::cmp::Ordering::Equal
        })
    });
    if let Some(message) = failed {
        return Err(wrong(message));
    }
    if reverse {
        keyed.reverse();
    }
    Ok(out(Value::list(keyed.into_iter().map(|(_, item)| item).collect())))
}
