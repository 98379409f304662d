//! Keeps what is quoted from a spec or an answer from doing anything to the terminal.

use std::borrow::Cow;

/// Returns the character that is shown for one: control characters have a picture, and what turns the direction of a text is a
/// mark, so that no text reads otherwise than it is.
pub(crate) fn shown(character: char) -> char {
    match character {
        '\t' => '\t',
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        other => other,
    }
}

/// Returns a text without control characters but line breaks.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let harmless = |character: char| character == '\n' || shown(character) == character;
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|character| if character == '\n' { character } else { shown(character) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_would_move_the_cursor() {
        assert_eq!(plain("a\u{1b}[31m\r\nb\u{202e}"), "a␛[31m␍\nb\u{fffd}");
        assert!(matches!(plain("größer\n"), Cow::Borrowed(_)));
    }
}
