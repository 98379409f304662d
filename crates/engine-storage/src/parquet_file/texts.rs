//! Many texts in one buffer: a column has no allocation for each of its values.

use bytes::Bytes;
use parquet::data_type::ByteArray;

/// Texts, one after another.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
    }

    /// Appends a text as a JSON string.
    pub(super) fn push_json(&mut self, text: &str) {
        engine_expr::write_string(text, &mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn pop(&mut self) {
        self.ends.pop();
        self.bytes.truncate(self.ends.last().copied().unwrap_or_default());
    }

    /// Returns how many bytes they take in memory.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }

    /// Goes over the texts.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| {
            self.bytes.get(start..*end).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
        })
    }

    /// Takes the first ones away.
    pub(super) fn take(&mut self, count: usize) -> Vec<ByteArray> {
        let rest = self.ends.split_off(count);
        let end = self.ends.last().copied().unwrap_or_default();
        let tail = self.bytes.split_off(end);
        let bytes = Bytes::from(std::mem::replace(&mut self.bytes, tail));
        let ends = std::mem::replace(&mut self.ends, rest.into_iter().map(|it| it - end).collect());
        let mut start = 0;
        ends.into_iter().map(|end| ByteArray::from(bytes.slice(std::mem::replace(&mut start, end)..end))).collect()
    }
}
