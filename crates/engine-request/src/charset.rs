//! Character encodings, by the names of the WHATWG's Encoding Standard.

pub use encoding_rs::Encoding;

/// Finds an encoding by its name, in any case: `iso-8859-1`.
pub fn charset(name: &str) -> Option<&'static Encoding> {
    // The one of these that stands for no encoding, but for texts that must not be decoded.
    Encoding::for_label(name.as_bytes()).filter(|encoding| *encoding != encoding_rs::REPLACEMENT)
}

/// Finds the encoding that a content type names; one that is not known counts as none.
pub fn charset_of_content_type(content_type: &str) -> Option<&'static Encoding> {
    let (_, parameters) = content_type.split_once(';')?;
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("charset");
        is_it.then(|| value.trim().trim_matches(['"', '\''])).and_then(charset)
    })
}

/// Finds the encoding that the declaration of an XML document names (XML §4.3.3), of which this is the beginning.
pub fn charset_of_xml(start: &[u8]) -> Option<&'static Encoding> {
    let start = start.strip_prefix(b"<?xml")?;
    let end = start.iter().take(256).position(|byte| *byte == b'>')?;
    let declaration = std::str::from_utf8(start.get(..end)?).ok()?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    charset(value.get(1..)?.split(quote).next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_encoding_of_a_content_type() {
        let cases = [
            ("text/csv; charset=ISO-8859-1", Some("windows-1252")),
            ("text/csv;header=present;CharSet=\"utf-16\"", Some("UTF-16LE")),
            ("text/csv; charset=nonsense", None),
            ("text/csv", None),
        ];
        for (text, expected) in cases {
            assert_eq!(charset_of_content_type(text).map(Encoding::name), expected, "{text}");
        }
    }

    #[test]
    fn finds_the_encoding_of_an_xml_declaration() {
        let cases = [
            ("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a/>", Some("windows-1252")),
            ("<?xml version='1.0' encoding = 'Shift_JIS' standalone='yes'?>", Some("Shift_JIS")),
            ("<?xml version='1.0'?><a encoding='utf-8'/>", None),
            ("<a/>", None),
        ];
        for (text, expected) in cases {
            assert_eq!(charset_of_xml(text.as_bytes()).map(Encoding::name), expected, "{text}");
        }
    }
}
