//! Values of headers.

use engine_expr::{EvalError, Value};
use engine_source::Span;
use http::HeaderValue;

use crate::raw_text;

/// Makes the value of a header; a byte that [came](raw_text) in one is that byte again.
pub(crate) fn value(name: &str, text: &str, span: Span) -> Result<HeaderValue, EvalError> {
    HeaderValue::from_bytes(&raw_text::encode(text)).map_err(|_| {
        let what = if text.contains(['\r', '\n']) { "a line break" } else { "a control character" };
        let error = EvalError::new(format!("the value of the header `{name}` has {what}"), span);
        if text.trim().contains(char::is_control) {
            error.help("a header is one line of text: take the others off")
        } else {
            error.help("add `| trim`")
        }
    })
}

/// Writes a value as the values of a header, and says which are secret: a list repeats it, null leaves it out.
pub(crate) fn texts(value: &Value, span: Span) -> Result<Vec<(String, bool)>, EvalError> {
    let items = match value {
        Value::List(list) => list.items(),
        one => std::slice::from_ref(one),
    };
    let items = items.iter().filter(|item| !item.is_null());
    items.map(|item| Ok((text(item, span)?, matches!(item, Value::Secret(_))))).collect()
}

/// Writes a scalar as a text.
pub(crate) fn text(value: &Value, span: Span) -> Result<String, EvalError> {
    value
        .text()
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| EvalError::new(format!("a text or a number is needed here, not {}", value.a_kind()), span))
}
