//! Bytes of headers as texts, without losing those that are no UTF-8: each of them is a character of its own, which is written as that byte.

/// Where the characters that stand for bytes begin, in an area that no alphabet uses.
const FIRST: u32 = 0xF700;

/// Reads bytes; `encode` gives the very same ones back.
pub(crate) fn decode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            // What looks like a byte, and is none, is taken apart too.
            if byte_of(char).is_some() {
                let mut buffer = [0; 4];
                out.extend(char.encode_utf8(&mut buffer).bytes().filter_map(char_of));
            } else {
                out.push(char);
            }
        }
        out.extend(chunk.invalid().iter().copied().filter_map(char_of));
    }
    out
}

/// Writes a text as bytes.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for char in text.chars() {
        match byte_of(char) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

/// Returns the byte that a character stands for, if it does.
pub(crate) fn byte_of(char: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(char).checked_sub(FIRST)?).ok()?;
    (!byte.is_ascii()).then_some(byte)
}

/// Returns the character that stands for a byte.
pub(crate) fn char_of(byte: u8) -> Option<char> {
    char::from_u32(FIRST + u32::from(byte))
}

#[cfg(test)]
mod tests {
    use proptest::{collection, num, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn leaves_proper_texts_as_they_are() {
        assert_eq!(decode("naïve ☃".as_bytes()), "naïve ☃");
        assert_eq!(decode(b"na\xefve"), "na\u{f7ef}ve");
        assert_eq!(encode("na\u{f7ef}ve"), b"na\xefve");
        assert_eq!(encode(&decode("\u{f7ef}".as_bytes())), "\u{f7ef}".as_bytes());
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(bytes in collection::vec(num::u8::ANY, 0..40)) {
            prop_assert_eq!(encode(&decode(&bytes)), bytes);
        }

        #[test]
        fn no_character_is_lost(text in "[\\u{f770}-\\u{f810}a☃]{0,12}") {
            prop_assert_eq!(encode(&decode(text.as_bytes())), text.as_bytes());
        }
    }
}
