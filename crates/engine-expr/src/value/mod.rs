//! Values as specs and records know them: JSON's, with exact numbers and with secrets.

mod digits;
mod members;
mod number;
mod secret;
mod serialize;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use members::{List, Members};
pub use number::Number;
pub use secret::Secret;

use crate::json::{JsonError, Scanner};

/// A value of the spec language. Cloning one is cheap.
#[derive(Clone, Default, PartialEq)]
pub enum Value {
    /// JSON's null.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number, see [`Number`].
    Number(Number),
    /// A text.
    String(Arc<str>),
    /// A list of values.
    List(Arc<List>),
    /// An object, in the order in which its members were written.
    Object(Arc<Members>),
    /// A text that is never shown.
    Secret(Secret),
}

impl Value {
    /// Reads one JSON document.
    ///
    /// # Errors
    ///
    /// Tells what is wrong, and at which byte.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        scanner.end()?;
        Ok(value)
    }

    /// Makes a list.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(List::new(items)))
    }

    /// Makes an object.
    pub fn object<K: Into<Arc<str>>>(members: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(Arc::new(members.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// Returns the member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// Returns the text of a string, and of a string only.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a whole number.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// Returns a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(it) => Some(*it),
            _ => None,
        }
    }

    /// Returns the items of a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list.items()),
            _ => None,
        }
    }

    /// Returns the members of an object.
    pub fn as_object(&self) -> Option<&Members> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Tells whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns how a scalar is put into a text, a secret as it is; `None` for null, lists and objects.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Bool(true) => Some("true".into()),
            Self::Bool(false) => Some("false".into()),
            Self::Number(number) => Some(number.to_string().into()),
            Self::String(text) => Some(Cow::Borrowed(text)),
            Self::Secret(secret) => Some(Cow::Borrowed(secret.expose())),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Tells whether this is a secret, or has one somewhere in it. Asked again, lists and objects know.
    pub fn holds_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::List(list) => list.holds_secret(),
            Self::Object(members) => members.holds_secret(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => false,
        }
    }

    /// Names the kind of value, as messages do.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Object(_) => "object",
            Self::Secret(_) => "secret",
        }
    }

    /// Names the kind of value with its article: `a string`, `an object`, `null`.
    pub fn a_kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
            Self::Secret(_) => "a secret",
        }
    }

    /// Writes the value as JSON, secrets as they are: for bodies that are sent.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write_json(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_string(self) {
            Ok(text) => f.write_str(&text),
            Err(_) => f.write_str("?"),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(it: bool) -> Self {
        Self::Bool(it)
    }
}

impl From<i64> for Value {
    fn from(it: i64) -> Self {
        Self::Number(Number::Int(it))
    }
}

impl From<u32> for Value {
    fn from(it: u32) -> Self {
        Self::Number(Number::Int(i64::from(it)))
    }
}

impl From<u64> for Value {
    fn from(it: u64) -> Self {
        Self::Number(i64::try_from(it).map_or_else(|_| Number::Decimal(it.into()), Number::Int))
    }
}

impl From<usize> for Value {
    fn from(it: usize) -> Self {
        Self::from(it as u64)
    }
}

impl From<rust_decimal::Decimal> for Value {
    fn from(it: rust_decimal::Decimal) -> Self {
        Self::Number(Number::Decimal(it))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::Null, Into::into)
    }
}
