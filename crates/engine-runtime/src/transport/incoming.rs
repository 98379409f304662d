//! An answer.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::{Spool, TransportError};

/// How large a body may be that is taken as a whole: 256 MB.
pub const MAX_WHOLE: u64 = 256_000_000;

/// An answer, with its body decoded.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The status.
    pub status: u16,
    /// The headers; those that say how the body was packed are gone.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum Body {
    /// In memory.
    Bytes(Bytes),
    /// On disk: it is a large one.
    File(Arc<Spool>),
}

impl Body {
    /// Returns how many bytes it has.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(spool) => spool.length(),
        }
    }

    /// Takes it as a whole into memory.
    ///
    /// # Errors
    ///
    /// Fails where it is larger than [`MAX_WHOLE`], or cannot be read again.
    pub async fn into_bytes(self) -> Result<Bytes, TransportError> {
        let spool = match self {
            Self::Bytes(bytes) => return Ok(bytes),
            Self::File(spool) => spool,
        };
        let length = spool.length();
        let Some(capacity) = usize::try_from(length).ok().filter(|_| length <= MAX_WHOLE) else {
            return Err(TransportError::TooLarge { most: MAX_WHOLE, is_packed: false });
        };
        let read = move || {
            let mut bytes = Vec::with_capacity(capacity);
            spool.open().read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(Bytes::from(bytes))
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read.map_err(|error| TransportError::disk(&error)),
            Err(_) => Err(TransportError::Disk("reading was broken off".to_owned())),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}
