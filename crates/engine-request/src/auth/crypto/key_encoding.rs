//! How a shared key is written.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the bytes of a shared key are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "encoding of the key", rename_all = "snake_case")]
#[schemars(rename = "KeyEncoding")]
pub enum KeyEncoding {
    /// The text is the key.
    #[default]
    Text,
    /// Two hexadecimal digits for each byte.
    Hex,
    /// Base64 (RFC 4648), of either alphabet, with or without padding.
    Base64,
}

impl KeyEncoding {
    /// Reads a key; nothing where it is written otherwise.
    pub fn read(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => Some(text.as_bytes().to_vec()),
            Self::Hex => read_hex(text.trim()),
            Self::Base64 => base64(text.trim()),
        }
    }

    /// Names it, as messages do.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }
}

/// Writes bytes as small hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// Reads hexadecimal digits, small or large.
pub(crate) fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|it| u8::try_from(it).ok())).collect::<Option<_>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}

/// Reads base64 of either alphabet, with or without padding.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::KeyEncoding::{Base64, Hex, Text};

    #[test]
    fn reads_what_is_written() {
        assert_eq!(Text.read("a b"), Some(b"a b".to_vec()));
        assert_eq!(Hex.read("00fF7a\n"), Some(vec![0, 255, 0x7a]));
        assert_eq!(Hex.read("0"), None);
        assert_eq!(Hex.read("zz"), None);
        assert_eq!(Base64.read("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(Base64.read("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(Base64.read("a b"), None);
    }
}
