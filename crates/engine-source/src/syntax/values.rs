//! Values that should have been quoted.

use std::ops::Range;

use crate::finding::Finding;
use crate::quoting::quoted;
use crate::span::{SourceId, Span};

/// Says that a template stands without quotes.
pub(crate) fn unquoted_template(text: &str, source: SourceId, range: Range<usize>) -> Finding {
    let whole = text.get(range.clone()).unwrap_or_default();
    let ends = whole.contains("}}") || whole.contains("%}");
    let help = if ends { format!("quote it: `{}`", quoted(whole)) } else { "put it below `>-`, indented".to_owned() };
    let span = Span::new(source, range);
    Finding::error("unquoted-template", "a value that starts with a template must be quoted")
        .label(span, "not in quotes")
        .help(help)
        .meant(span, ends.then(|| quoted(whole)))
}

/// Says that a value inside brackets must be quoted.
pub(crate) fn flow_value(text: &str, source: SourceId, range: Range<usize>) -> Finding {
    let whole = text.get(range.clone()).unwrap_or_default();
    let what = if whole.contains('[') {
        "`[`"
    } else if whole.contains(',') {
        "`,`"
    } else if whole.contains('{') {
        "`{`"
    } else {
        "`: `"
    };
    Finding::error("flow-value", format!("a value with {what} must be quoted inside brackets"))
        .label(Span::new(source, range.clone()), "not in quotes")
        .help(format!("quote it: `{}`", quoted(whole)))
        .meant(Span::new(source, range), Some(quoted(whole)))
}

/// Says that a value starts with a character that has a meaning of its own, and goes on.
pub(crate) fn quoted_start(text: &str, source: SourceId, range: Range<usize>) -> Finding {
    let whole = text.get(range.clone()).unwrap_or_default();
    let first = whole.chars().next().unwrap_or_default();
    let message = match first {
        '\'' | '"' => "a value that starts with a quote ends at the next one".to_owned(),
        '!' => "a value that starts with `!` is a YAML tag, not a text".to_owned(),
        '*' => "a value that starts with `*` is a YAML alias, not a text".to_owned(),
        '[' | '{' => format!("a value that starts with `{first}` ends where that is closed"),
        '`' => "a value cannot start with a backtick".to_owned(),
        _ => format!("a value cannot start with `{first}`"),
    };
    let code = if matches!(first, '@' | '`' | '%' | '&') { "yaml-syntax" } else { "quoted-start" };
    Finding::error(code, message)
        .label(Span::new(source, range.clone()), "quote the whole")
        .help(format!("quote it: `{}`", quoted(&unquoted(whole))))
        // What YAML's own tags say of a value would be lost.
        .meant(Span::new(source, range), (!whole.starts_with("!!")).then(|| quoted(&unquoted(whole))))
}

/// Returns the text that was meant by `'it's'`: quotes that only an apostrophe broke are not part of it.
fn unquoted(written: &str) -> String {
    let inner = written.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match inner {
        Some(inner) if inner.bytes().filter(|byte| *byte == b'\'').count() % 2 == 1 => inner.to_owned(),
        _ => written.to_owned(),
    }
}
