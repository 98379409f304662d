//! Our values as minijinja's, and back: shared, never copied.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value as Jinja};

use crate::scope::{Host, Scope};
use crate::value::{List, Members, Number, Value};

/// Gives a value to minijinja. A secret becomes its text: whoever renders marks the result as secret again.
pub(crate) fn to_jinja(value: &Value) -> Jinja {
    match value {
        Value::Null => Jinja::from(()),
        Value::Bool(it) => Jinja::from(*it),
        Value::Number(Number::Int(it)) => Jinja::from(*it),
        Value::Number(Number::Float(it)) => Jinja::from(*it),
        Value::Number(number) => Jinja::from_object(Exact(number.clone())),
        Value::String(text) => Jinja::from(Arc::clone(text)),
        Value::Secret(secret) => Jinja::from(secret.expose_shared()),
        Value::List(list) => Jinja::from_dyn_object(Arc::clone(list)),
        Value::Object(members) => Jinja::from_dyn_object(Arc::clone(members)),
    }
}

/// Takes a value from minijinja.
pub(crate) fn from_jinja(value: &Jinja) -> Result<Value, Error> {
    if let Some(members) = value.downcast_object::<Members>() {
        return Ok(Value::Object(members));
    }
    if let Some(list) = value.downcast_object::<List>() {
        return Ok(Value::List(list));
    }
    if let Some(number) = value.downcast_object_ref::<Exact>() {
        return Ok(Value::Number(number.0.clone()));
    }
    Ok(match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => Value::Number(number(value)),
        ValueKind::String => Value::String(value.to_str().unwrap_or_default()),
        ValueKind::Bytes => Value::from(String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()),
        ValueKind::Seq | ValueKind::Iterable => {
            Value::list(value.try_iter()?.map(|item| from_jinja(&item)).collect::<Result<_, _>>()?)
        }
        ValueKind::Map => {
            let mut members = Members::new();
            for key in value.try_iter()? {
                let name = key.to_str().unwrap_or_else(|| key.to_string().into());
                members.insert(name, from_jinja(&value.get_item(&key)?)?);
            }
            Value::Object(Arc::new(members))
        }
        _ => {
            return Err(Error::new(ErrorKind::InvalidOperation, "a function is no value: call it with `()`"));
        }
    })
}

fn number(value: &Jinja) -> Number {
    if value.is_integer() {
        return match value.as_i64() {
            Some(int) => Number::Int(int),
            None => Number::from_json_text(&value.to_string()),
        };
    }
    let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
    Number::Float(float)
}

/// A number that minijinja has no kind for.
#[derive(Debug)]
pub(crate) struct Exact(pub(crate) Number);

impl Object for Exact {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.0.is_zero()
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        self.0.compare(&other.downcast_ref::<Self>()?.0)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        self.items().get(key.as_usize()?).map(to_jinja)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items().len())
    }
}

impl Object for Members {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Jinja> {
        self.get(key).map(to_jinja)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names().map(|name| Jinja::from(Arc::clone(name))).collect())
    }
}

/// The names of a scope, as the root of an evaluation.
#[derive(Debug)]
pub(crate) struct Root(pub(crate) Scope);

/// The name under which functions find what they may ask of the outside: no template can write it.
pub(crate) const HOST: &str = "@host";

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Jinja> {
        if key == HOST {
            return self.0.host().map(|host| Jinja::from_object(HostObject(Arc::clone(host))));
        }
        self.0.get(key).map(to_jinja)
    }
}

/// The host, in a shape that minijinja can carry.
pub(crate) struct HostObject(pub(crate) Arc<dyn Host>);

impl fmt::Debug for HostObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("host")
    }
}

impl Object for HostObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}
