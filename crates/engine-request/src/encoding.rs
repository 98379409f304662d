//! How texts are written in URLs (RFC 3986) and forms.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the unreserved characters (RFC 3986 §2.3), which is what one segment of a path may have (RFC 6570 §3.2.2).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What has no meaning of its own in a query stays readable; brackets do not, since strict servers refuse them.
const QUERY: &AsciiSet = &SEGMENT.remove(b'$').remove(b':').remove(b',').remove(b'/').remove(b'@').remove(b'*');

/// What is reserved stays as it is (RFC 6570 §3.2.3).
const RESERVED: &AsciiSet = &SEGMENT
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'#')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// Writes a text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Writes a text as a name or value of a query; a space is `%20`, which every server understands.
pub(crate) fn query(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// Writes an item of a list whose items are joined by commas.
pub(crate) fn query_item(text: &str) -> String {
    query(text).replace(',', "%2C")
}

/// Writes a text that may be a part of a URL itself: what is reserved or already encoded stays (RFC 6570 §3.2.3).
pub(crate) fn reserved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        out.extend(utf8_percent_encode(before, RESERVED));
        let is_triplet = from.as_bytes().get(1..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        out.push_str(if is_triplet { "%" } else { "%25" });
        rest = from.get(1..).unwrap_or_default();
    }
    out.extend(utf8_percent_encode(rest, RESERVED));
    out
}

/// Reads a name or value of a query.
pub(crate) fn decode_query(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert_eq, proptest};

    use super::{decode_query, query, query_item, reserved, segment};

    #[test]
    fn encodes_by_place() {
        assert_eq!(segment("a b/c?d#e%41é~"), "a%20b%2Fc%3Fd%23e%2541%C3%A9~");
        assert_eq!(query("a b+c&d=e[0]$f:1,2"), "a%20b%2Bc%26d%3De%5B0%5D$f:1,2");
        assert_eq!(query_item("1,2"), "1%2C2");
        assert_eq!(decode_query("a%20b+c%2B"), "a b c+");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(text in "\\PC{0,40}") {
            prop_assert_eq!(&decode_query(&query(&text)), &text);
            prop_assert_eq!(&decode_query(&segment(&text)), &text);
            let once = reserved(&text);
            prop_assert_eq!(reserved(&once), once);
        }
    }

    #[test]
    fn keeps_what_is_reserved_as_rfc_6570_says() {
        for (text, expected) in [
            ("/foo/bar?a=1&b=%2F", "/foo/bar?a=1&b=%2F"),
            ("50%", "50%25"),
            ("Hello World!", "Hello%20World!"),
            ("%zz%4", "%25zz%254"),
            ("é\r\n", "%C3%A9%0D%0A"),
        ] {
            assert_eq!(reserved(text), expected, "{text}");
        }
    }
}
