//! Content codings (RFC 9110 §8.4): bodies that came packed. They are unpacked bit by bit, so that a small one cannot become a large one unseen.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};
use tokio_util::io::StreamReader;

/// What is told to servers.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";
/// The largest window of zstd: 8 MB, which no answer over HTTP may go beyond (RFC 9659 §3).
const WINDOW: u32 = 23;

/// A way to pack a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    fn read(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Takes the codings of a body out of its headers, in the order in which they were applied. A list with one that is not known is left where it
/// is, and with it the body: some servers put the character set there.
pub(super) fn take(headers: &mut HeaderMap) -> Vec<Coding> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let Ok(value) = value.to_str() else { return Vec::new() };
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name.eq_ignore_ascii_case("identity") {
                continue;
            }
            let Some(coding) = Coding::read(name) else { return Vec::new() };
            codings.push(coding);
        }
    }
    if !codings.is_empty() {
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
    }
    codings
}

/// What is read from.
pub(super) type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

/// Makes a reader of what is in a packed body. A body without a byte is empty, however it was to be packed.
pub(super) async fn unpack(
    chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    codings: &[Coding],
) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
    let mut reader: Reader = Box::new(StreamReader::new(Box::pin(chunks)));
    for coding in codings.iter().rev() {
        let start = reader.fill_buf().await?;
        if start.is_empty() {
            break;
        }
        let unpacker = match coding {
            Coding::Gzip => {
                let mut decoder = GzipDecoder::new(reader);
                decoder.multiple_members(true);
                Unpacker::Gzip(decoder)
            }
            // The coding is zlib (RFC 1950); some servers send what is within (RFC 1951).
            Coding::Deflate if is_zlib(start) => Unpacker::Zlib(ZlibDecoder::new(reader)),
            Coding::Deflate => Unpacker::Deflate(DeflateDecoder::new(reader)),
            Coding::Brotli => Unpacker::Brotli(BrotliDecoder::new(reader)),
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::with_params(reader, &[DParameter::window_log_max(WINDOW)]);
                decoder.multiple_members(true);
                Unpacker::Zstd(decoder)
            }
        };
        reader = Box::new(BufReader::new(unpacker));
    }
    Ok(reader)
}

/// Tells whether bytes begin as zlib does (RFC 1950 §2.2).
fn is_zlib(start: &[u8]) -> bool {
    match start {
        [method, flags, ..] => method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31),
        [method] => method & 0x0f == 8,
        [] => false,
    }
}

/// Unpacks, and lets nothing follow the end of what was packed.
enum Unpacker {
    Gzip(GzipDecoder<Reader>),
    Zlib(ZlibDecoder<Reader>),
    Deflate(DeflateDecoder<Reader>),
    Brotli(BrotliDecoder<Reader>),
    Zstd(ZstdDecoder<Reader>),
}

impl Unpacker {
    fn packed(&mut self) -> &mut Reader {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        }
    }
}

impl AsyncRead for Unpacker {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(match &mut *self {
            Self::Gzip(decoder) => Pin::new(decoder).poll_read(context, buffer),
            Self::Zlib(decoder) => Pin::new(decoder).poll_read(context, buffer),
            Self::Deflate(decoder) => Pin::new(decoder).poll_read(context, buffer),
            Self::Brotli(decoder) => Pin::new(decoder).poll_read(context, buffer),
            Self::Zstd(decoder) => Pin::new(decoder).poll_read(context, buffer),
        })?;
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // What is left would be lost without a word, and a connection that is not read to its end cannot be used again.
        let rest = ready!(Pin::new(self.packed()).poll_fill_buf(context))?;
        if rest.is_empty() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "something follows its end")))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use async_compression::tokio::bufread::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn all(mut reader: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    /// Packs a text in each way.
    async fn packed(text: &str) -> Vec<(&'static str, Vec<u8>)> {
        let text = text.as_bytes();
        vec![
            ("gzip", all(GzipEncoder::new(text)).await.unwrap()),
            ("deflate", all(ZlibEncoder::new(text)).await.unwrap()),
            ("deflate", all(DeflateEncoder::new(text)).await.unwrap()),
            ("br", all(BrotliEncoder::new(text)).await.unwrap()),
            ("zstd", all(ZstdEncoder::new(text)).await.unwrap()),
        ]
    }

    fn codings(value: &'static str) -> Vec<Coding> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, http::HeaderValue::from_static(value));
        take(&mut headers)
    }

    /// Unpacks bytes that come in pieces of a size.
    async fn unpacked(bytes: &[u8], piece: usize, names: &'static str) -> io::Result<Vec<u8>> {
        let chunks: Vec<_> = bytes.chunks(piece).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        all(unpack(futures_util::stream::iter(chunks), &codings(names)).await?).await
    }

    #[tokio::test]
    async fn unpacks_every_coding_in_pieces_of_any_size() {
        let text = "a body of some length, ".repeat(500);
        for (name, bytes) in packed(&text).await {
            for piece in [1, 7, 100, bytes.len()] {
                assert_eq!(unpacked(&bytes, piece, name).await.unwrap(), text.as_bytes(), "{name} by {piece}");
            }
        }
        assert_eq!(unpacked(b"", 1, "gzip").await.unwrap(), b"");
    }

    #[tokio::test]
    async fn sees_where_a_body_ends_in_the_middle_and_what_follows_its_end() {
        let text = "a body of some length, ".repeat(500);
        for (name, mut bytes) in packed(&text).await {
            let half = &bytes[..bytes.len() / 2];
            assert!(unpacked(half, 50, name).await.is_err(), "half of {name}");
            let cut = &bytes[..bytes.len() - 1];
            assert!(unpacked(cut, 50, name).await.is_err(), "all but one of {name}");
            bytes.extend_from_slice(b"garbage");
            assert!(unpacked(&bytes, 50, name).await.is_err(), "garbage after {name}");
            assert!(unpacked(&bytes, bytes.len(), name).await.is_err(), "garbage after {name}");
        }
    }

    #[tokio::test]
    async fn reads_all_members_and_all_layers() {
        let (one, two) = (packed("one, ").await, packed("two").await);
        for name in ["gzip", "zstd"] {
            let of = |all: &[(&str, Vec<u8>)]| all.iter().find(|(known, _)| *known == name).unwrap().1.clone();
            let bytes = [of(&one), of(&two)].concat();
            for piece in [3, bytes.len()] {
                assert_eq!(unpacked(&bytes, piece, name).await.unwrap(), b"one, two", "{name}");
            }
        }
        let inner = all(GzipEncoder::new(&b"layers"[..])).await.unwrap();
        let outer = all(BrotliEncoder::new(&inner[..])).await.unwrap();
        assert_eq!(unpacked(&outer, 5, "gzip, br").await.unwrap(), b"layers");
    }

    #[test]
    fn reads_lists_and_leaves_what_it_does_not_know() {
        assert_eq!(codings("GZIP"), [Coding::Gzip]);
        assert_eq!(codings("identity, x-gzip , zstd"), [Coding::Gzip, Coding::Zstd]);
        assert_eq!(codings("utf-8"), []);
        assert_eq!(codings("gzip, compress"), []);
    }
}
