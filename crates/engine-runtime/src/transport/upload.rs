//! Bodies of requests on their way out: files are read while they are sent, and with a known length.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use engine_request::{Payload, Piece};
use futures_util::Stream;
use futures_util::stream::try_unfold;
use http_body::{Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::TransportError;
use super::pace::Pace;

/// How much is handed over at once.
const PART: usize = 128 * 1024;

/// Makes the body of a request. Nothing is read yet, but each file is looked at: what became another would not be what its headers say.
pub(super) async fn body(payload: Payload, pace: &Arc<Pace>) -> Result<Option<reqwest::Body>, TransportError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let left = payload.length();
    let pieces = match payload {
        // What is small is gone at once.
        Payload::Bytes(bytes) if bytes.len() <= PART => return Ok(Some(bytes.into())),
        Payload::Bytes(bytes) => vec![Piece::Bytes(bytes)],
        Payload::Pieces(pieces) => pieces,
    };
    for piece in &pieces {
        if let Piece::File { path, length } = piece {
            let found = tokio::fs::metadata(path).await.map_err(|error| unreadable(path, &error))?;
            check(path, *length, found.len())?;
        }
    }
    let source = Source { pieces: pieces.into_iter(), rest: Bytes::new(), open: None };
    let pace = Arc::clone(pace);
    let parts = try_unfold(source, move |mut source| {
        let pace = Arc::clone(&pace);
        async move {
            let part = source.next().await.map_err(io::Error::other)?;
            Ok(part.map(|part| {
                pace.sent(part.len());
                (part, source)
            }))
        }
    });
    Ok(Some(reqwest::Body::wrap(Upload { parts: Box::pin(parts), left })))
}

/// What is still to be sent.
struct Source {
    pieces: std::vec::IntoIter<Piece>,
    /// What is left of bytes in memory.
    rest: Bytes,
    open: Option<Open>,
}

/// A file that is being sent.
struct Open {
    path: PathBuf,
    file: File,
    length: u64,
    sent: u64,
}

impl Source {
    /// Returns the next part; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        loop {
            if !self.rest.is_empty() {
                return Ok(Some(self.rest.split_to(self.rest.len().min(PART))));
            }
            if let Some(open) = &mut self.open {
                if let Some(part) = open.next().await? {
                    return Ok(Some(part));
                }
                self.open = None;
            }
            match self.pieces.next() {
                None => return Ok(None),
                Some(Piece::Bytes(bytes)) => self.rest = bytes,
                Some(Piece::File { path, length }) => {
                    let file = File::open(&path).await.map_err(|error| unreadable(&path, &error))?;
                    self.open = Some(Open { path, file, length, sent: 0 });
                }
            }
        }
    }
}

impl Open {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let left = self.length - self.sent;
        if left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(left).unwrap_or(PART).min(PART);
        let mut part = BytesMut::with_capacity(most);
        let read = (&mut self.file).take(most as u64).read_buf(&mut part).await;
        let read = read.map_err(|error| unreadable(&self.path, &error))?;
        self.sent += read as u64;
        if read == 0 {
            check(&self.path, self.length, self.sent)?;
        }
        if self.sent == self.length {
            // Whether there is more is looked at before the last part goes out: without that part the request is none.
            let end = self.file.seek(SeekFrom::End(0)).await.map_err(|error| unreadable(&self.path, &error))?;
            check(&self.path, self.length, end)?;
        }
        Ok(Some(part.freeze()))
    }
}

fn check(path: &Path, length: u64, found: u64) -> Result<(), TransportError> {
    if found == length {
        return Ok(());
    }
    Err(TransportError::file(path, format!("it has {found} bytes, and had {length} when the request was made")))
}

fn unreadable(path: &Path, error: &io::Error) -> TransportError {
    TransportError::file(path, error.to_string().to_lowercase())
}

/// Parts whose whole length is known.
struct Upload {
    parts: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + Sync>>,
    left: u64,
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let part = std::task::ready!(self.parts.as_mut().poll_next(context));
        if let Some(Ok(part)) = &part {
            self.left = self.left.saturating_sub(part.len() as u64);
        }
        Poll::Ready(part.map(|part| part.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
