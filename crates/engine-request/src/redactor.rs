//! Takes secrets out of texts that are shown, in whatever form they stand there.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use engine_expr::Secret;

use crate::raw_text;

/// So many characters of a secret are as bad as the whole, where a text is cut off within it.
const CUT: usize = 4;
/// What stands where a text was cut off.
const MARK: &str = "…";
/// No secret is longer than this, in whatever form.
const LONGEST: usize = 64 * 1024;
/// What stands for a secret.
const HIDDEN: &str = "***";

/// Takes secrets out of texts: as they are, percent-encoded, form-encoded, escaped as in JSON, and in base64.
///
/// A summary joins blanks and ends with `…`: so any blanks of a secret are any in the text, and the beginning of a secret before that
/// mark is taken out too.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Vec<Needle>,
    /// For every byte whether a secret may begin with it, in any form: most of a long text is passed over by this alone.
    starts: Vec<bool>,
}

#[derive(Clone, PartialEq, Eq)]
struct Needle {
    chars: Vec<char>,
    /// Whether this is what base64 makes of a secret: then the base64 around it goes too.
    is_base64: bool,
}

impl Redactor {
    /// Makes a redactor.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add(&secret);
        }
        redactor
    }

    /// Adds a secret; an empty one hides nothing.
    pub fn add(&mut self, secret: &Secret) {
        let text = secret.expose();
        self.push(text, false);
        // What a file or a command gives may end in a line break that is not sent.
        self.push(text.trim(), false);
        for fragment in base64_fragments(text.as_bytes()) {
            self.push(&fragment, true);
        }
    }

    /// Adds all secrets of another one.
    pub fn extend(&mut self, other: &Self) {
        for needle in &other.needles {
            if !self.needles.contains(needle) {
                self.needles.push(needle.clone());
            }
        }
        self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.chars.len()));
        self.learn_starts();
    }

    /// Returns whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Returns whether a secret stands in a text.
    pub fn finds(&self, text: &str) -> bool {
        self.next(text, 0, text.contains(MARK)).is_some()
    }

    /// Returns the text with `***` for every secret.
    pub fn redact(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for found in self.spans(text) {
            out.push_str(text.get(at..found.start).unwrap_or_default());
            out.push_str(HIDDEN);
            at = found.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// Returns the bytes with `***` for every secret; those that are no text stay as they are.
    pub fn redact_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        raw_text::encode(&self.redact(&raw_text::decode(bytes)))
    }

    /// Takes secrets out of the beginning of something long, of which more comes unless this is the last; returns it, and how many bytes it
    /// was. What is left has to come again with what follows it: a secret may stand across.
    pub fn redact_part(&self, bytes: &[u8], is_last: bool) -> (Vec<u8>, usize) {
        if is_last {
            return (self.redact_bytes(bytes), bytes.len());
        }
        let text = raw_text::decode(bytes);
        let spans = self.spans(&text);
        let mut cut = text.floor_char_boundary(text.len().saturating_sub(LONGEST));
        if let Some(across) = spans.iter().find(|span| span.start < cut && cut < span.end) {
            cut = if across.start > 0 { across.start } else { across.end };
        }
        let (mut out, mut at) = (String::with_capacity(cut), 0);
        for found in spans.iter().take_while(|span| span.end <= cut) {
            out.push_str(text.get(at..found.start).unwrap_or_default());
            out.push_str(HIDDEN);
            at = found.end;
        }
        out.push_str(text.get(at..cut).unwrap_or_default());
        (raw_text::encode(&out), raw_text::encode(text.get(..cut).unwrap_or_default()).len())
    }

    /// Returns how many forms of secrets it knows: more, once it knows more secrets.
    pub fn count(&self) -> usize {
        self.needles.len()
    }

    /// Returns where secrets stand in a text, in their order.
    pub fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        let (mut at, is_cut) = (0, text.contains(MARK));
        while let Some((mut start, mut end, is_base64)) = self.next(text, at, is_cut) {
            if is_base64 {
                let before = text.get(at..start).unwrap_or_default();
                start = at + before.trim_end_matches(is_base64_char).len();
                end += text.get(end..).map_or(0, |rest| rest.len() - rest.trim_start_matches(is_base64_char).len());
            }
            at = end;
            spans.push(start..end);
        }
        spans
    }

    /// Returns the next secret from a place on: where it begins and ends, and whether it is base64.
    fn next(&self, text: &str, from: usize, is_cut: bool) -> Option<(usize, usize, bool)> {
        if self.needles.is_empty() {
            return None;
        }
        let may_start = |byte: &u8| self.starts.get(usize::from(*byte)).copied().unwrap_or_default();
        let mut at = from;
        loop {
            at += text.as_bytes().get(at..)?.iter().position(may_start)?;
            if text.is_char_boundary(at)
                && let Some((end, is_base64)) = self.matched(text, at, is_cut)
            {
                return Some((at, end, is_base64));
            }
            at += 1;
        }
    }

    fn push(&mut self, text: &str, is_base64: bool) {
        let needle = Needle { chars: text.chars().collect(), is_base64 };
        if !text.is_empty() && !self.needles.contains(&needle) {
            self.needles.push(needle);
            // The longest first, so that a secret within another one leaves nothing of it.
            self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.chars.len()));
            self.learn_starts();
        }
    }

    fn learn_starts(&mut self) {
        self.starts = vec![false; 256];
        let mut learn = |byte: u8| {
            if let Some(start) = self.starts.get_mut(usize::from(byte)) {
                *start = true;
            }
        };
        // What begins an escape.
        b"%\\&".iter().copied().for_each(&mut learn);
        for first in self.needles.iter().filter_map(|needle| needle.chars.first()) {
            match u8::try_from(u32::from(*first)) {
                Ok(byte) if byte.is_ascii() => learn(byte),
                // In whatever encoding.
                _ => (0x80..=0xff).for_each(&mut learn),
            }
            if *first == ' ' {
                learn(b'+');
            }
        }
    }

    fn matched(&self, text: &str, at: usize, is_cut: bool) -> Option<(usize, bool)> {
        let bytes = text.as_bytes();
        let whole = |needle: &Needle| needle.matched(bytes, at).map(|end| (end, needle.is_base64));
        let cut = |needle: &Needle| needle.cut(bytes, at).map(|end| (end, needle.is_base64));
        let found = self.needles.iter().find_map(whole);
        found.or_else(|| if is_cut { self.needles.iter().find_map(cut) } else { None })
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(***)")
    }
}

impl Needle {
    /// Returns where the secret ends that begins here, every character of it in any form.
    fn matched(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut is_first = false;
        forms(text, start, *self.chars.first()?, &mut |_| is_first = true);
        if !is_first {
            return None;
        }
        let mut ends = vec![start];
        for at in 0..self.chars.len() {
            ends = self.step(text, &ends, at)?;
        }
        ends.into_iter().max()
    }

    /// Returns where the beginning of the secret ends that stands here, if the text was cut off within it: before the mark, but for an escape
    /// that was cut in two.
    fn cut(&self, text: &[u8], start: usize) -> Option<usize> {
        const ESCAPE: usize = 6;
        let mut ends = vec![start];
        for at in 0..self.chars.len() {
            ends = self.step(text, &ends, at)?;
            for end in ends.iter().filter(|_| at + 1 >= CUT) {
                let rest = text.get(*end..).unwrap_or_default();
                if let Some(mark) = rest.windows(MARK.len()).take(ESCAPE + 1).position(|bytes| bytes == MARK.as_bytes())
                {
                    return Some(end + mark);
                }
            }
        }
        None
    }

    /// Returns where the next character of the secret may end; nothing if it does not stand there.
    fn step(&self, text: &[u8], ends: &[usize], at: usize) -> Option<Vec<usize>> {
        let char = *self.chars.get(at)?;
        // A blank at the end belongs to the text around.
        let end = self.chars.iter().rposition(|char| !char.is_whitespace()).unwrap_or_default();
        let is_blank = |at: usize| at < end && self.chars.get(at).is_some_and(|char| char.is_whitespace());
        let mut next = Vec::new();
        let mut found = |end| {
            if !next.contains(&end) {
                next.push(end);
            }
        };
        for end in ends {
            forms(text, *end, char, &mut found);
            if is_blank(at) {
                let blanks = text.iter().skip(*end).take_while(|byte| byte.is_ascii_whitespace()).count();
                (1..=blanks).for_each(|count| found(end + count));
                // One blank may stand for several.
                if at > 0 && is_blank(at - 1) {
                    found(*end);
                }
            }
        }
        (!next.is_empty()).then_some(next)
    }
}

/// Tells for every form in which a character may stand here where it ends.
fn forms(text: &[u8], at: usize, char: char, found: &mut impl FnMut(usize)) {
    let Some(rest) = text.get(at..) else { return };
    let mut buffer = [0; 4];
    let bytes = char.encode_utf8(&mut buffer).as_bytes();
    if rest.starts_with(bytes) {
        found(at + bytes.len());
    }
    if char == ' ' && rest.first() == Some(&b'+') {
        found(at + 1);
    }
    if let Some(shown) = u8::try_from(u32::from(char)).ok().filter(|byte| !byte.is_ascii()).and_then(raw_text::char_of)
        && rest.starts_with(shown.encode_utf8(&mut [0; 4]).as_bytes())
    {
        // A text in Latin-1, of which each byte is a character of its own.
        found(at + shown.len_utf8());
    }
    if let Some(byte) = raw_text::byte_of(char) {
        // As who reads the byte as Latin-1 shows it, who reads it as UTF-8, and who encodes it.
        let shown = [char::from(byte), char::REPLACEMENT_CHARACTER];
        for shown in shown.map(|shown| shown.to_string()).iter().filter(|shown| rest.starts_with(shown.as_bytes())) {
            found(at + shown.len());
        }
        ["%", "%25"].iter().filter_map(|sign| percent(rest, &[byte], sign)).for_each(|length| found(at + length));
    }
    if rest.first() == Some(&b'%') {
        // What was encoded twice has an encoded sign.
        ["%", "%25"].iter().filter_map(|sign| percent(rest, bytes, sign)).for_each(|length| found(at + length));
    }
    if rest.first() == Some(&b'\\') {
        // A text that was quoted twice has more of them.
        let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
        let after = rest.get(slashes..).unwrap_or_default();
        if char == '\\' {
            (2..=slashes).for_each(|count| found(at + count));
        } else if after.starts_with(bytes) {
            found(at + slashes + bytes.len());
        } else if let Some(length) = escape(after, char) {
            found(at + slashes + length);
        }
    }
    if rest.first() == Some(&b'&') {
        let entity: &[&[u8]] = match char {
            '"' => &[b"&quot;", b"&#34;", b"&#x22;"],
            '\'' => &[b"&apos;", b"&#39;", b"&#x27;"],
            '&' => &[b"&amp;", b"&#38;", b"&#x26;"],
            '<' => &[b"&lt;", b"&#60;", b"&#x3C;", b"&#x3c;"],
            '>' => &[b"&gt;", b"&#62;", b"&#x3E;", b"&#x3e;"],
            _ => &[],
        };
        entity.iter().filter(|entity| rest.starts_with(entity)).for_each(|entity| found(at + entity.len()));
    }
}

/// Returns how long the percent-encoded form of these bytes is, if it stands here.
fn percent(text: &[u8], bytes: &[u8], sign: &str) -> Option<usize> {
    let mut at = 0;
    for byte in bytes {
        let rest = text.get(at..)?.strip_prefix(sign.as_bytes())?;
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        (u8::from_str_radix(digits, 16) == Ok(*byte)).then_some(())?;
        at += sign.len() + 2;
    }
    Some(at)
}

/// Returns how long the JSON escape of a character is after its backslash, if it stands here.
fn escape(text: &[u8], char: char) -> Option<usize> {
    let short = match char {
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        _ => 0,
    };
    if short != 0 && text.first() == Some(&short) {
        return Some(1);
    }
    let mut units = [0; 2];
    let mut at = 0;
    for (index, unit) in char.encode_utf16(&mut units).iter().enumerate() {
        let mut rest = text.get(at..)?;
        if index > 0 {
            let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
            (slashes > 0).then_some(())?;
            at += slashes;
            rest = rest.get(slashes..)?;
        }
        let digits = std::str::from_utf8(rest.strip_prefix(b"u")?.get(..4)?).ok()?;
        (u16::from_str_radix(digits, 16) == Ok(*unit)).then_some(())?;
        at += 5;
    }
    Some(at)
}

/// Returns what base64 makes of these bytes wherever they stand in a longer text, without the characters that depend on their neighbours.
fn base64_fragments(bytes: &[u8]) -> Vec<String> {
    let mut fragments = Vec::new();
    for shift in 0..3_usize {
        let mut shifted = vec![0; shift];
        shifted.extend_from_slice(bytes);
        let whole = shifted.len() * 8 / 6;
        let start = (shift * 8).div_ceil(6);
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            // Shorter ones stand in every text.
            if let Some(fragment) = text.get(start..whole).filter(|fragment| fragment.len() >= 4)
                && !fragments.iter().any(|known| known == fragment)
            {
                fragments.push(fragment.to_owned());
            }
        }
    }
    fragments
}

fn is_base64_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '-' | '_' | '=')
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use engine_expr::{Secret, Value};
    use proptest::{prop_assert, prop_assert_eq, prop_assume, proptest};

    use super::Redactor;

    const SECRET: &str = "p+a/s%s\"w\\ö r\nd=~'&<";

    fn redactor(secret: &str) -> Redactor {
        Redactor::new([Secret::new(secret)])
    }

    #[test]
    fn finds_every_form() {
        let json = Value::from(SECRET).to_json();
        let twice = Value::from(json.as_str()).to_json();
        let forms = [
            SECRET.to_owned(),
            crate::encoding::segment(SECRET),
            crate::encoding::query(SECRET),
            crate::encoding::segment(SECRET).to_lowercase(),
            crate::encoding::segment(&crate::encoding::segment(SECRET)),
            url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(),
            json.trim_matches('"').to_owned(),
            json.trim_matches('"').replace('/', "\\/").replace('ö', "\\u00F6"),
            twice.get(3..twice.len() - 3).unwrap_or_default().to_owned(),
            format!("{SECRET:?}").trim_matches('"').to_owned(),
            SECRET.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('\'', "&#39;"),
            STANDARD.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
            STANDARD.encode(format!("user:{SECRET}")),
            STANDARD.encode(format!("u:{SECRET}!")),
            crate::encoding::segment(&STANDARD.encode(format!("us:{SECRET}"))),
        ];
        for form in forms {
            let shown = redactor(SECRET).redact(&format!("<a: {form} b>"));
            assert!(shown.starts_with("<a: ***") && shown.ends_with(" b>"), "{form}: {shown}");
            assert!(shown.len() < 20, "{form}: {shown}");
        }
    }

    proptest! {
        #[test]
        fn no_form_of_any_secret_is_left(secret in "\\PC{4,40}", before in "[a-z ]{0,9}", after in "[a-z ]{0,9}") {
            prop_assume!(secret.trim() == secret && !secret.is_empty());
            let redactor = redactor(&secret);
            let json = Value::from(secret.as_str()).to_json();
            let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default();
            for form in [
                secret.clone(),
                crate::encoding::segment(&secret),
                crate::encoding::query(&secret),
                url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
                json.to_owned(),
                STANDARD.encode(&secret),
                STANDARD.encode(format!("{before}{secret}{after}")),
            ] {
                let shown = redactor.redact(&format!("{before}<{form}>{after}"));
                prop_assert!(!shown.contains(&form), "{}: {}", form, shown);
            }
        }

        #[test]
        fn texts_without_a_secret_stay(text in "\\PC{0,60}") {
            prop_assert_eq!(redactor("§never§there§").redact(&text), text);
        }
    }

    #[test]
    fn leaves_other_texts_alone() {
        for text in ["", "nothing here", "p+a/s%s", "100%", "\\", "%", "%4", "ö"] {
            assert_eq!(redactor(SECRET).redact(text), text);
            assert!(!redactor(SECRET).finds(text));
        }
        assert_eq!(redactor("").redact("text"), "text");
    }

    #[test]
    fn knows_what_a_summary_makes_of_a_text() {
        let key = redactor("-----BEGIN KEY-----\nAb+c/d\n\n  ef%g\n-----END KEY-----");
        assert_eq!(key.redact("x -----BEGIN KEY----- Ab+c/d ef%g -----END KEY----- y"), "x *** y");
        assert_eq!(redactor("a  b").redact("<a b> <a+b> <a%20%20b> <a \n b> <ab>"), "<***> <***> <***> <***> <ab>");
        assert_eq!(redactor("ab cd").redact("ab\n\n cd, ab  cd"), "***, ***");
        let cut = redactor("p+a/s%s\"w\\ord");
        for shown in ["p+a/…", "p%2Ba%2Fs…", "p+a/s%s\\…", "p%2Ba%2Fs%2…", "p+a/s%s\"w\\…", "p%2Ba%2Fs%25s\u{fffd}…"]
        {
            assert_eq!(cut.redact(&format!("xx {shown}")), "xx ***…", "{shown}");
        }
        assert_eq!(cut.redact("p+a… p+a/s"), "p+a… p+a/s");
        let base64 = STANDARD.encode("user:p+a/s%s\"w\\ord");
        let (begin, _) = base64.split_at(20);
        assert_eq!(cut.redact(&format!("Basic {begin}…")), "Basic ***…");
    }

    #[test]
    fn takes_out_the_longest() {
        let redactor = Redactor::new([Secret::new("abc"), Secret::new("abcdef"), Secret::new("abcdef\n")]);
        assert_eq!(redactor.redact("x abcdef abc abcdeabc"), "x *** *** ***de***");
    }

    #[test]
    fn takes_secrets_out_of_bytes() {
        let redactor = redactor("clé+s");
        assert_eq!(redactor.redact_bytes(b"\xff\x00 cl\xe9+s \xfe"), b"\xff\x00 *** \xfe");
        assert_eq!(redactor.redact_bytes("\u{f7ef} clé%2Bs".as_bytes()), "\u{f7ef} ***".as_bytes());
        let text = "clé+s, Y2zDqStz and clé+s";
        let found: Vec<&str> =
            redactor.spans(text).into_iter().map(|span| text.get(span).unwrap_or_default()).collect();
        assert_eq!(found, ["clé+s", "Y2zDqStz", "clé+s"]);
    }

    #[test]
    fn takes_secrets_out_of_what_comes_in_parts() {
        let redactor = redactor("p+a/s%s");
        let whole = format!("{}p%2Ba/s%25s{}\u{e9}p+a/s%s", "x".repeat(70_000), "y".repeat(70_000)).into_bytes();
        for size in [65_600, 70_004, 100_000] {
            let (mut out, mut held) = (Vec::new(), Vec::new());
            for part in whole.chunks(size) {
                held.extend_from_slice(part);
                let (redacted, length) = redactor.redact_part(&held, false);
                out.extend(redacted);
                held.drain(..length);
            }
            out.extend(redactor.redact_part(&held, true).0);
            assert_eq!(String::from_utf8_lossy(&out), redactor.redact(&String::from_utf8_lossy(&whole)), "{size}");
        }
    }

    #[test]
    fn knows_characters_outside_the_basic_plane() {
        assert_eq!(redactor("k😀y").redact(r#""k\ud83d\ude00y""#), "\"***\"");
    }
}
