//! Records that are read together: JSON texts in one buffer.

use bytes::Bytes;
use bytestring::ByteString;
use engine_runtime::{Record, SinkError};

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
}

impl RecordPage {
    /// Returns the buffer, to write the next record into.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
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
        // It is looked at once, and not again for each record.
        let text = ByteString::try_from(Bytes::from(self.text))
            .map_err(|error| SinkError::new(format!("what was read is not UTF-8: {error}")))?;
        let mut start = 0;
        let records = self.ends.into_iter().map(|end| {
            let record = text.get(std::mem::replace(&mut start, end)..end).unwrap_or_default();
            Record::Raw(text.slice_ref(record))
        });
        Ok(records.collect())
    }
}
