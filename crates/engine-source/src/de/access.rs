//! How serde walks over lists and objects of a tree.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::context::Place;
use super::error::DeError;
use super::key::KeyDe;
use super::value::De;
use crate::entry::Entry;
use crate::node::Node;
use crate::span::Span;

/// The members of an object, those left out that could not be read before.
pub(super) struct Members<'a> {
    of: De<'a>,
    entries: &'a [Entry],
    /// Only these keys are handed out.
    fields: Option<&'static [&'static str]>,
    next: usize,
}

impl<'a> Members<'a> {
    pub(super) fn new(of: De<'a>, entries: &'a [Entry], fields: Option<&'static [&'static str]>) -> Self {
        Self { of, entries, fields, next: 0 }
    }

    fn wanted(&self, entry: &Entry) -> bool {
        let name = &*entry.key.text;
        !entry.value.is_broken() && self.of.tag != Some(name) && self.fields.is_none_or(|fields| fields.contains(&name))
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DeError> {
        while let Some(entry) = self.entries.get(self.next) {
            self.next += 1;
            if self.wanted(entry) {
                let place = Place::child(self.of.place, self.next - 1);
                let key = KeyDe { key: &entry.key, value: De::new(&entry.value, &place, self.of.context) };
                return seed.deserialize(key).map(Some).map_err(|error| key.note(error));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let Some(entry) = self.next.checked_sub(1).and_then(|index| self.entries.get(index)) else {
            return Err(DeError::noted());
        };
        let place = Place::child(self.of.place, self.next - 1);
        let de = De { key: Some(entry.key.span), ..De::new(&entry.value, &place, self.of.context) };
        self.of.context.seen.set(self.of.context.seen.get() + 1);
        seed.deserialize(de).map_err(|error| de.note(error))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len() - self.next)
    }
}

/// The items of a list, those left out that could not be read before.
pub(super) struct Items<'a> {
    of: De<'a>,
    nodes: &'a [Node],
    next: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(of: De<'a>, nodes: &'a [Node]) -> Self {
        Self { of, nodes, next: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DeError> {
        while let Some(item) = self.nodes.get(self.next) {
            self.next += 1;
            if !item.is_broken() {
                let place = Place::child(self.of.place, self.next - 1);
                let de = De::new(item, &place, self.of.context);
                self.of.context.seen.set(self.of.context.seen.get() + 1);
                return seed.deserialize(de).map(Some).map_err(|error| de.note(error));
            }
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len() - self.next)
    }
}

/// The parts of a value that is handed out with its place: file, start, end, perhaps a kind, then the value.
pub(super) struct Parts<D> {
    numbers: [u32; 4],
    count: usize,
    next: usize,
    value: Option<D>,
}

impl<D> Parts<D> {
    pub(super) fn spanned(span: Span, value: D) -> Self {
        Self { numbers: [span.source.0, span.start, span.end, 0], count: 3, next: 0, value: Some(value) }
    }
}

impl<'a> Parts<StrDeserializer<'a, DeError>> {
    pub(super) fn scalar(span: Span, kind: u32, text: StrDeserializer<'a, DeError>) -> Self {
        Self { numbers: [span.source.0, span.start, span.end, kind], count: 4, next: 0, value: Some(text) }
    }
}

impl<'de, D: serde::Deserializer<'de, Error = DeError>> SeqAccess<'de> for Parts<D> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DeError> {
        let index = self.next;
        self.next += 1;
        if index < self.count {
            let number = self.numbers.get(index).copied().unwrap_or_default();
            return seed.deserialize(number.into_deserializer()).map(Some);
        }
        self.value.take().map(|value| seed.deserialize(value)).transpose()
    }
}
