//! Records that are read together: JSON texts in one buffer.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use engine_runtime::{FieldPage, Record, SinkError};

/// How many records go together.
const MOST: usize = 1000;

/// How many bytes of records go together.
const BYTES: usize = 1 << 20;

/// Records of which each is written behind the one before.
#[derive(Debug, Default)]
pub(crate) struct RecordPage {
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// Where the values of their members are, as far as whoever writes them says it.
    values: Vec<Range<usize>>,
}

/// How much a page has taken: the next one takes about as much.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    text: usize,
    records: usize,
    values: usize,
}

impl RecordPage {
    /// Begins a page that may become as large as another was.
    pub(crate) fn like(size: Size) -> Self {
        Self {
            text: Vec::with_capacity(size.text + size.text / 16),
            ends: Vec::with_capacity(size.records),
            values: Vec::with_capacity(size.values),
        }
    }

    /// Returns how much it has taken.
    pub(crate) fn size(&self) -> Size {
        Size { text: self.text.len(), records: self.ends.len(), values: self.values.len() }
    }

    /// Returns the buffer, to write the next record into.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Returns the buffer, and the list of where the values of the record's members are in it.
    pub(crate) fn fields(&mut self) -> (&mut Vec<u8>, &mut Vec<Range<usize>>) {
        (&mut self.text, &mut self.values)
    }

    /// Ends the record that was written.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.text.len());
    }

    /// Tells whether no more records should go with these.
    pub(crate) fn is_full(&self) -> bool {
        self.ends.len() >= MOST || self.text.len() >= BYTES
    }

    /// Returns the records.
    ///
    /// # Errors
    ///
    /// Fails where they are not UTF-8.
    pub(crate) fn into_records(self) -> Result<Vec<Record>, SinkError> {
        let text = whole(self.text)?;
        let record = |range| Record::Raw(text.slice_ref(text.get(range).unwrap_or_default()));
        Ok(ranges(self.ends).map(record).collect())
    }

    /// Returns the records, all of which have these members.
    ///
    /// # Errors
    ///
    /// Fails where they are not UTF-8.
    pub(crate) fn into_fields(self, names: Arc<[Arc<str>]>) -> Result<Vec<Record>, SinkError> {
        let objects = ranges(self.ends).collect();
        let page = FieldPage { names, text: whole(self.text)?, objects, values: self.values };
        Ok(page.into_objects().map(Record::Fields).collect())
    }
}

/// Returns the text, which is looked at once, and not again for each record.
fn whole(text: Vec<u8>) -> Result<ByteString, SinkError> {
    ByteString::try_from(Bytes::from(text))
        .map_err(|error| SinkError::new(format!("what was read is not UTF-8: {error}")))
}

/// Returns where records are that end here.
fn ranges(ends: Vec<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    ends.into_iter().map(move |end| std::mem::replace(&mut start, end)..end)
}
