//! What a request sends, ready to go out: bytes that are known, and files that are read only while they are sent.

use std::fmt;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};

/// What a request sends.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// Bytes that are in memory.
    Bytes(Bytes),
    /// One piece after another.
    Pieces(Vec<Piece>),
}

/// A piece of a [`Payload`].
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that are in memory.
    Bytes(Bytes),
    /// The content of a file, of which exactly `length` bytes are sent.
    File {
        /// Where the file is.
        path: PathBuf,
        /// How long it was when the request was made ready.
        length: u64,
    },
}

impl Payload {
    /// Returns all of it, where nothing of it is in a file.
    pub fn as_bytes(&self) -> Option<Bytes> {
        let pieces = match self {
            Self::Bytes(bytes) => return Some(bytes.clone()),
            Self::Pieces(pieces) => pieces,
        };
        let mut all = BytesMut::new();
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => all.extend_from_slice(bytes),
                Piece::File { .. } => return None,
            }
        }
        Some(all.freeze())
    }

    /// Returns how many bytes it has.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Pieces(pieces) => pieces.iter().map(Piece::length).sum(),
        }
    }

    /// Returns whether there is nothing to send. An empty file is something: its request has a body of no bytes.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Pieces(pieces) => pieces.is_empty(),
        }
    }

    /// Writes it as it may be put into a message: what is in a file is named and not read.
    pub fn show(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Pieces(pieces) => pieces.iter().map(Piece::show).collect(),
        }
    }
}

impl Piece {
    /// Returns how many bytes it has.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::File { path, length } => format!("<{length} bytes of `{}`>", path.display()),
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// Bodies may hold secrets, so only their size is shown.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.length())
    }
}

/// As [`Payload`].
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} bytes)", self.length())
    }
}

#[cfg(test)]
mod tests {
    use super::{Payload, Piece};

    #[test]
    fn is_known_as_a_whole_only_without_files() {
        let pieces = |pieces: &[Piece]| Payload::Pieces(pieces.to_vec());
        let text = Piece::Bytes("ab".into());
        let file = Piece::File { path: "a/b.pdf".into(), length: 7 };
        assert_eq!(Payload::default().as_bytes().as_deref(), Some(&b""[..]));
        assert_eq!(pieces(&[text.clone(), text.clone()]).as_bytes().as_deref(), Some(&b"abab"[..]));
        let mixed = pieces(&[text, file.clone()]);
        assert_eq!((mixed.as_bytes(), mixed.length()), (None, 9));
        assert_eq!(mixed.show(), "ab<7 bytes of `a/b.pdf`>");
        assert!(Payload::default().is_empty() && !pieces(&[file]).is_empty());
    }
}
