//! Where a body lands: in memory as long as it is small, then on disk; and no more of it than is allowed.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::spool::SpoolWriter;
use super::{Body, Spool, TransportError};

/// How much is written to disk at once.
const BATCH: usize = 256 * 1024;

/// A body that is coming.
#[derive(Debug)]
pub(super) struct Landing {
    /// How large it may become.
    most: u64,
    /// How much is held in memory before it is written to disk.
    hold: usize,
    is_packed: bool,
    length: u64,
    held: Vec<Bytes>,
    held_length: usize,
    spool: Option<SpoolWriter>,
}

impl Landing {
    /// Begins with nothing.
    pub(super) fn new(most: u64, spool_above: usize, is_packed: bool) -> Self {
        Self { most, hold: spool_above, is_packed, length: 0, held: Vec::new(), held_length: 0, spool: None }
    }

    /// Says that the body is too large.
    pub(super) fn too_large(&self) -> TransportError {
        TransportError::TooLarge { most: self.most, is_packed: self.is_packed }
    }

    /// Takes a chunk. Afterwards [`spill`](Self::spill) has to be waited for, where this says so.
    pub(super) fn take(&mut self, chunk: Bytes) -> Result<bool, TransportError> {
        self.length += chunk.len() as u64;
        if self.length > self.most {
            return Err(self.too_large());
        }
        self.held_length += chunk.len();
        self.held.push(chunk);
        Ok(self.held_length > self.hold)
    }

    /// Writes what is held to disk.
    pub(super) async fn spill(&mut self) -> Result<(), TransportError> {
        let spool = self.spool.take();
        let held = std::mem::take(&mut self.held);
        let write = move || {
            let mut spool = match spool {
                Some(spool) => spool,
                None => SpoolWriter::new()?,
            };
            spool.write(&held)?;
            Ok::<_, io::Error>(spool)
        };
        let spool = match tokio::task::spawn_blocking(write).await {
            Ok(spool) => spool.map_err(|error| TransportError::disk(&error))?,
            Err(_) => return Err(TransportError::Disk("writing was broken off".to_owned())),
        };
        self.spool = Some(spool);
        self.held_length = 0;
        self.hold = BATCH;
        Ok(())
    }

    /// Says that this is all.
    pub(super) async fn finish(mut self) -> Result<Body, TransportError> {
        if self.spool.is_none() {
            return Ok(Body::Bytes(joined(self.held, self.held_length)));
        }
        self.spill().await?;
        match self.spool {
            Some(spool) => Ok(Body::File(Arc::<Spool>::new(spool.finish()))),
            None => Ok(Body::Bytes(Bytes::new())),
        }
    }
}

/// Joins the parts of a body; one that came in one piece is taken as it is.
fn joined(mut chunks: Vec<Bytes>, length: usize) -> Bytes {
    if chunks.len() < 2 {
        return chunks.pop().unwrap_or_default();
    }
    let mut body = BytesMut::with_capacity(length);
    for chunk in chunks {
        body.extend_from_slice(&chunk);
    }
    body.freeze()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    async fn land(most: u64, spool_above: usize, chunks: &[&'static str]) -> Result<Body, TransportError> {
        let mut landing = Landing::new(most, spool_above, false);
        for chunk in chunks {
            if landing.take(Bytes::from_static(chunk.as_bytes()))? {
                landing.spill().await?;
            }
        }
        landing.finish().await
    }

    #[tokio::test]
    async fn keeps_what_is_small_in_memory_and_what_is_large_on_disk() {
        let small = land(10, 10, &["hello", "world"]).await.unwrap();
        assert!(matches!(small, Body::Bytes(_)));
        assert_eq!(small.into_bytes().await.unwrap(), "helloworld");
        let large = land(20, 6, &["hello", "world", "again", "end"]).await.unwrap();
        assert!(matches!(large, Body::File(_)));
        assert_eq!(large.length(), 18);
        assert_eq!(large.into_bytes().await.unwrap(), "helloworldagainend");
    }

    #[tokio::test]
    async fn stops_at_the_bound() {
        assert!(land(10, 4, &["hello", "world"]).await.is_ok());
        let error = land(9, 4, &["hello", "world"]).await.unwrap_err();
        assert_eq!(error, TransportError::TooLarge { most: 9, is_packed: false });
    }
}
