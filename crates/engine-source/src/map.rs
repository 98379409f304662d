//! An object with free keys, in the order of the file.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::de::is_noted;
use crate::span::Span;
use crate::spanned::Spanned;

/// Named values in the order of the file, each with the place of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map<V>(Vec<(Spanned<Arc<str>>, V)>);

impl<V> Default for Map<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Map<V> {
    /// Makes an empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a value by its key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.iter().find(|(name, _)| &*name.value == key).map(|(_, value)| value)
    }

    /// Returns a value by its key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.0.iter_mut().find(|(name, _)| &*name.value == key).map(|(_, value)| value)
    }

    /// Returns whether there is such a key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Returns the place of a key.
    pub fn key_span(&self, key: &str) -> Option<Span> {
        self.iter().find(|(name, _)| &*name.value == key).map(|(name, _)| name.span)
    }

    /// Returns keys and values in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Spanned<Arc<str>>, V)> {
        self.0.iter()
    }

    /// Returns keys and values in order, the values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Spanned<Arc<str>>, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Returns the keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| &*key.value)
    }

    /// Returns the values in order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Puts a value under a key; returns the one that was there, whose place in the order it takes.
    pub fn insert(&mut self, key: Spanned<Arc<str>>, value: V) -> Option<V> {
        if let Some(entry) = self.0.iter_mut().find(|(name, _)| name.value == key.value) {
            entry.0 = key;
            return Some(std::mem::replace(&mut entry.1, value));
        }
        self.0.push((key, value));
        None
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let index = self.iter().position(|(name, _)| &*name.value == key)?;
        Some(self.0.remove(index).1)
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> IntoIterator for Map<V> {
    type Item = (Spanned<Arc<str>>, V);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, V> IntoIterator for &'a Map<V> {
    type Item = &'a (Spanned<Arc<str>>, V);
    type IntoIter = std::slice::Iter<'a, (Spanned<Arc<str>>, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<V> FromIterator<(Spanned<Arc<str>>, V)> for Map<V> {
    fn from_iter<I: IntoIterator<Item = (Spanned<Arc<str>>, V)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<V: Serialize> Serialize for Map<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self {
            map.serialize_entry(&key.value, value)?;
        }
        map.end()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

impl<V: JsonSchema> JsonSchema for Map<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<V>()})
    }
}

struct MapVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for MapVisitor<V> {
    type Value = Map<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(access.size_hint().unwrap_or_default());
        while let Some(key) = access.next_key()? {
            match access.next_value() {
                Ok(value) => entries.push((key, value)),
                // Our Deserializer has noted it and can go on, so that the other values are looked at too.
                Err(error) if is_noted(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Map(entries))
    }
}
