//! How far a value goes that the author meant, where YAML reads it otherwise.

use std::ops::Range;

/// Returns the line that a byte is in, without its end.
pub(crate) fn line(text: &str, at: usize) -> Range<usize> {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |found| found + 1);
    let end = text.get(at..).and_then(|rest| rest.find(['\n', '\r'])).map_or(text.len(), |found| at + found);
    start..end
}

/// Returns the value that starts at a byte: to the end of its line, or inside brackets to where it ends there.
pub(crate) fn value(text: &str, start: usize, in_brackets: bool) -> Range<usize> {
    let end = line(text, start).end;
    let bytes = text.as_bytes();
    let mut open: Vec<u8> = Vec::new();
    let mut at = start;
    while at < end {
        let byte = bytes.get(at).copied().unwrap_or_default();
        let before = if at > start { bytes.get(at - 1).copied().unwrap_or_default() } else { b' ' };
        match byte {
            b'#' if before.is_ascii_whitespace() && at > start => break,
            b'\'' | b'"' if !before.is_ascii_alphanumeric() => {
                // A quoted part; what is never closed is an apostrophe.
                let rest = bytes.get(at + 1..end).unwrap_or_default();
                if let Some(length) = rest.iter().position(|other| *other == byte) {
                    at += length + 1;
                }
            }
            b'(' => open.push(b')'),
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            b')' | b']' | b'}' => {
                if open.last() == Some(&byte) {
                    open.pop();
                } else if in_brackets && byte != b')' {
                    break;
                }
            }
            b',' if in_brackets && open.is_empty() => break,
            _ => {}
        }
        at += 1;
    }
    let whole = text.get(start..at.min(end)).unwrap_or_default();
    start..start + whole.trim_end().len()
}

/// Returns where the value starts on the line of a byte, outside brackets: after `key: ` or `- `.
pub(crate) fn block_value_start(text: &str, at: usize) -> usize {
    let line = line(text, at);
    let bytes = text.as_bytes();
    let is = |index: usize, byte: u8| bytes.get(index) == Some(&byte);
    let blank = |index: usize| index >= line.end || is(index, b' ') || is(index, b'\t');
    let skip = |mut index: usize| {
        while index < line.end && blank(index) {
            index += 1;
        }
        index
    };
    let mut start = skip(line.start);
    while is(start, b'-') && blank(start + 1) && start < line.end {
        start = skip(start + 1);
    }
    // The first colon that ends a key; a key may be quoted.
    let mut index = start;
    if is(index, b'\'') || is(index, b'"') {
        let quote = bytes.get(index).copied().unwrap_or_default();
        let rest = bytes.get(index + 1..line.end).unwrap_or_default();
        match rest.iter().position(|other| *other == quote) {
            Some(length) if is(index + length + 2, b':') => index += length + 2,
            _ => return start,
        }
    }
    while index < line.end {
        if is(index, b':') && blank(index + 1) {
            return skip(index + 1);
        }
        index += 1;
    }
    start
}

/// Returns the value around a byte inside the bracket that opens at `open`.
pub(crate) fn flow_value_around(text: &str, open: usize, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let object = bytes.get(open) == Some(&b'{');
    let mut start = open + 1;
    while start <= at {
        while bytes.get(start).is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b',') {
            start += 1;
        }
        if start > at {
            return None;
        }
        let item = value(text, start, true);
        let mut from = item.start;
        if object {
            let written = text.get(item.clone())?;
            if let Some(colon) = written.find(": ").filter(|colon| item.start + colon < at) {
                from = item.start + colon + 1;
                while bytes.get(from) == Some(&b' ') {
                    from += 1;
                }
            }
        }
        if from <= at && at <= item.end.max(from) {
            return Some(from..item.end.max(from));
        }
        start = item.end.max(start + 1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, from: &str, in_brackets: bool, expected: &str) {
        let start = text.find(from).expect("the text has it");
        assert_eq!(text.get(value(text, start, in_brackets)), Some(expected));
    }

    #[test]
    fn ends_where_the_author_meant() {
        check("m: {from: $.a[0].b, x: 1}", "$", true, "$.a[0].b");
        check("m: {check: f(1, 2) > 'a, b'}", "f", true, "f(1, 2) > 'a, b'");
        check("m: {check: item.a: b}", "item", true, "item.a: b");
        check("m: [{{ x | f('}') }}/a, b]", "{{", true, "{{ x | f('}') }}/a");
        check("a: {{ x }}/b  # why\nc: 1", "{{", false, "{{ x }}/b");
        check("a: it's, b] # c", "it", false, "it's, b]");
    }

    #[test]
    fn finds_where_values_start() {
        for (text, expected) in [("a: 'x' in y", 3), ("  - 'x' in y", 4), ("- a: b: c", 5), ("'k: 1': v", 8), ("x", 0)]
        {
            assert_eq!(block_value_start(text, text.len() - 1), expected, "{text}");
        }
        let text = "m: {from: $.a[0].b, x: 1}";
        assert_eq!(flow_value_around(text, 3, 13), Some(10..18));
        assert_eq!(flow_value_around("[$.a[0], b]", 0, 4), Some(1..7));
    }
}
