//! The characters of a body, a piece at a time: from the bytes of its encoding to UTF-8.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use engine_request::{Content, charset, charset_of_content_type, charset_of_xml};

/// How many bytes are read at once.
const PIECE: usize = 256 * 1024;

/// Why a body cannot be read as a text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    /// These bytes are none of the encoding.
    #[error("byte {at} is not {encoding}")]
    Encoding {
        /// Where.
        at: u64,
        /// The name of the encoding.
        encoding: &'static str,
    },
    /// The bytes cannot be had.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// There is too much of it.
    #[error("it is larger than {} MB", .0 / 1_000_000)]
    TooLarge(u64),
}

/// Reads a text a piece at a time. A byte order mark is passed over.
pub(crate) struct TextSource<'r> {
    input: &'r mut dyn Read,
    encoding: &'static Encoding,
    /// Decodes what is not UTF-8.
    decoder: Option<Decoder>,
    raw: Vec<u8>,
    /// How much of `raw` is there.
    filled: usize,
    /// How many bytes came before those in `raw`.
    passed: u64,
    is_first: bool,
    ended: bool,
}

impl<'r> TextSource<'r> {
    /// Begins at the start of a body.
    pub(crate) fn new(input: &'r mut dyn Read, encoding: &'static Encoding) -> Self {
        Self::in_pieces(input, encoding, PIECE)
    }

    /// Begins at the start of a body, of which so many bytes are read at once.
    pub(crate) fn in_pieces(input: &'r mut dyn Read, encoding: &'static Encoding, piece: usize) -> Self {
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        // Room for a character that is cut through at the end of a piece.
        let raw = vec![0; piece + 4];
        Self { input, encoding, decoder, raw, filled: 0, passed: 0, is_first: true, ended: false }
    }

    /// Appends the next piece; `false` at the end.
    pub(crate) fn more(&mut self, out: &mut String) -> Result<bool, TextError> {
        if self.ended {
            return Ok(false);
        }
        let room = self.raw.len() - 4;
        let read = loop {
            match self.input.read(self.raw.get_mut(self.filled..self.filled + room).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.ended = read == 0;
        self.filled += read;
        let before = out.len();
        if self.decoder.is_some() {
            self.decode(out)?;
        } else {
            self.take(out)?;
        }
        if self.is_first && out.len() > before {
            self.is_first = false;
            if out.get(before..).is_some_and(|text| text.starts_with('\u{feff}')) {
                out.replace_range(before..before + '\u{feff}'.len_utf8(), "");
            }
        }
        Ok(!self.ended || out.len() > before)
    }

    /// Takes what is UTF-8 already.
    fn take(&mut self, out: &mut String) -> Result<(), TextError> {
        let bytes = self.raw.get(..self.filled).unwrap_or_default();
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => {
                out.push_str(text);
                bytes.len()
            }
            Err(error) => {
                let valid = error.valid_up_to();
                let text = bytes.get(..valid).and_then(|bytes| std::str::from_utf8(bytes).ok());
                if error.error_len().is_some() || self.ended {
                    return Err(TextError::Encoding { at: self.passed + valid as u64, encoding: "UTF-8" });
                }
                out.push_str(text.unwrap_or_default());
                valid
            }
        };
        self.raw.copy_within(valid..self.filled, 0);
        self.filled -= valid;
        self.passed += valid as u64;
        Ok(())
    }

    fn decode(&mut self, out: &mut String) -> Result<(), TextError> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let bytes = self.raw.get(..self.filled).unwrap_or_default();
        out.reserve(decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(bytes.len() * 3));
        let (result, read) = decoder.decode_to_string_without_replacement(bytes, out, self.ended);
        match result {
            DecoderResult::InputEmpty => {}
            // There is room for all of it.
            DecoderResult::OutputFull => return Err(io::Error::other("a text did not fit").into()),
            DecoderResult::Malformed(length, after) => {
                let at = (self.passed + read as u64).saturating_sub(u64::from(length) + u64::from(after));
                return Err(TextError::Encoding { at, encoding: self.encoding.name() });
            }
        }
        self.passed += read as u64;
        self.filled = 0;
        Ok(())
    }
}

/// Reads a text whole, up to a bound.
pub(crate) fn read_all(input: &mut dyn Read, encoding: &'static Encoding, most: u64) -> Result<String, TextError> {
    let mut source = TextSource::new(input, encoding);
    let mut text = String::new();
    while source.more(&mut text)? {
        if text.len() as u64 > most {
            return Err(TextError::TooLarge(most));
        }
    }
    Ok(text)
}

/// Finds out the encoding of a body: what the spec says, else a byte order mark, the content type, the declaration of an XML document, else
/// UTF-8.
pub(crate) fn encoding_of(
    said: Option<&str>,
    content_type: Option<&str>,
    content: &Content,
    start: &[u8],
) -> &'static Encoding {
    let marked = Encoding::for_bom(start).map(|(encoding, _)| encoding);
    let is_utf_16 = |encoding: &'static Encoding| encoding == UTF_16LE || encoding == UTF_16BE;
    if let Some(said) = said.and_then(charset) {
        // `utf-16` says nothing of the order of the bytes: that is what the mark is for.
        return marked.filter(|marked| is_utf_16(said) && is_utf_16(marked)).unwrap_or(said);
    }
    marked
        .or_else(|| content_type.and_then(charset_of_content_type))
        .or_else(|| if matches!(content, Content::Xml(_)) { charset_of_xml(start) } else { None })
        .unwrap_or(UTF_8)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8], encoding: &'static Encoding, piece: usize) -> Result<String, TextError> {
        let mut input = bytes;
        let mut source = TextSource::in_pieces(&mut input, encoding, piece);
        let mut text = String::new();
        while source.more(&mut text)? {}
        Ok(text)
    }

    #[test]
    fn decodes_pieces_of_any_size() {
        let utf_16: Vec<u8> = "\u{feff}é😀x".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for piece in 1..9 {
            assert_eq!(read("\u{feff}é😀x".as_bytes(), UTF_8, piece).unwrap(), "é😀x");
            assert_eq!(read(&utf_16, UTF_16BE, piece).unwrap(), "é😀x");
            assert_eq!(read(b"caf\xE9 \x80", encoding_rs::WINDOWS_1252, piece).unwrap(), "café €");
            let error = read(b"abc\xFFdef", UTF_8, piece).unwrap_err().to_string();
            assert_eq!(error, "byte 3 is not UTF-8");
            assert_eq!(read(b"abc\xC3", UTF_8, piece).unwrap_err().to_string(), "byte 3 is not UTF-8");
            let error = read(b"ab\x81\x20", encoding_rs::SHIFT_JIS, piece).unwrap_err().to_string();
            assert_eq!(error, "byte 2 is not Shift_JIS");
            assert_eq!(read(b"a\0b", UTF_16LE, piece).unwrap_err().to_string(), "byte 2 is not UTF-16LE");
        }
    }

    #[test]
    fn finds_the_encoding() {
        type Case<'a> = (Option<&'a str>, Option<&'a str>, &'a [u8], &'a str);
        let cases: [Case<'_>; 8] = [
            (None, None, b"{}", "UTF-8"),
            (None, Some("text/csv; charset=latin1"), b"a", "windows-1252"),
            (None, Some("text/csv; charset=latin1"), b"\xEF\xBB\xBFa", "UTF-8"),
            (None, None, b"\xFE\xFF\0a", "UTF-16BE"),
            (Some("utf-16"), None, b"\xFE\xFF\0a", "UTF-16BE"),
            (Some("utf-16"), None, b"a\0", "UTF-16LE"),
            (Some("iso-8859-1"), Some("text/csv; charset=utf-8"), b"a", "windows-1252"),
            (Some("iso-8859-1"), None, b"\xEF\xBB\xBFa", "windows-1252"),
        ];
        for (said, content_type, start, expected) in cases {
            assert_eq!(encoding_of(said, content_type, &Content::Json, start).name(), expected, "{said:?} {start:?}");
        }
        let start = b"<?xml version='1.0' encoding='iso-8859-15'?>";
        assert_eq!(encoding_of(None, None, &Content::Xml(std::sync::Arc::default()), start).name(), "ISO-8859-15");
        assert_eq!(
            encoding_of(None, Some("text/xml;charset=utf-8"), &Content::Xml(std::sync::Arc::default()), start).name(),
            "UTF-8"
        );
    }

    proptest! {
        #[test]
        fn agrees_with_reading_at_once(bytes in prop::collection::vec(prop_oneof![Just(b'a'), any::<u8>(), Just(0xC3), Just(0xA9)], 0..40), piece in 1_usize..9) {
            let expected = String::from_utf8(bytes.clone()).ok().map(|text| text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned());
            prop_assert_eq!(read(&bytes, UTF_8, piece).ok(), expected);
        }
    }
}
