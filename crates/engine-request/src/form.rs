//! HTML forms: `application/x-www-form-urlencoded`, with what is nested written `a[b][c]`.

use engine_expr::{EvalError, Value};
use engine_source::Span;

/// Writes an object as the pairs of a form.
///
/// A list of plain values repeats the name (inside an object as `a[b][]`), the members of other lists are numbered
/// (`a[0][b]`); null is left out.
pub(crate) fn pairs(value: &Value, span: Span) -> Result<Vec<(String, String)>, EvalError> {
    let Some(members) = value.as_object() else {
        return Err(EvalError::new(format!("a form is an object, not {}", value.a_kind()), span));
    };
    let mut pairs = Vec::new();
    for (name, value) in members.iter() {
        add(name.to_string(), value, false, &mut pairs);
    }
    Ok(pairs)
}

/// Writes pairs as the text of a form.
pub(crate) fn encode(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Adds the pairs of one value.
pub(crate) fn add(name: String, value: &Value, nested: bool, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (member, value) in members.iter() {
                add(format!("{name}[{member}]"), value, true, pairs);
            }
        }
        Value::List(list) => {
            let is_plain = list.items().iter().all(|item| !matches!(item, Value::List(_) | Value::Object(_)));
            for (at, item) in list.items().iter().enumerate() {
                let name = match (is_plain, nested) {
                    (true, false) => name.clone(),
                    (true, true) => format!("{name}[]"),
                    (false, _) => format!("{name}[{at}]"),
                };
                add(name, item, true, pairs);
            }
        }
        scalar => pairs.push((name, scalar.text().unwrap_or_default().into_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Value;
    use engine_source::Span;
    use proptest::{prop_assert_eq, proptest};

    use super::{encode, pairs};

    #[test]
    fn writes_what_is_nested_in_brackets() {
        let cases = [
            (r#"{"a": 1, "b": "x y&z=ü", "c": true, "d": null}"#, "a=1&b=x+y%26z%3D%C3%BC&c=true"),
            (r#"{"a": {"b": {"c": 19.90}}}"#, "a%5Bb%5D%5Bc%5D=19.90"),
            (r#"{"a": [1, 2], "expand[]": ["x"]}"#, "a=1&a=2&expand%5B%5D=x"),
            (r#"{"a": {"b": [1, 2]}}"#, "a%5Bb%5D%5B%5D=1&a%5Bb%5D%5B%5D=2"),
            (
                r#"{"items": [{"price": "p", "tags": ["t"]}]}"#,
                "items%5B0%5D%5Bprice%5D=p&items%5B0%5D%5Btags%5D%5B%5D=t",
            ),
            ("{}", ""),
        ];
        for (json, expected) in cases {
            let pairs = pairs(&Value::from_json(json).unwrap(), Span::default()).unwrap();
            assert_eq!(encode(&pairs), expected, "{json}");
        }
        assert!(pairs(&Value::list(vec![]), Span::default()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(name in "\\PC{1,12}", member in "\\PC{0,12}", text in "\\PC{0,20}") {
            let value = |text: &str| Value::from(text);
            let form = Value::object([
                (name.clone(), value(&text)),
                (format!("{name}x"), Value::object([(member.clone(), Value::list(vec![value(&text), value("")]))])),
            ]);
            let written = encode(&pairs(&form, Span::default()).unwrap());
            let read: Vec<_> = url::form_urlencoded::parse(written.as_bytes()).into_owned().collect();
            let inner = format!("{name}x[{member}][]");
            prop_assert_eq!(read, vec![(name, text.clone()), (inner.clone(), text), (inner, String::new())]);
        }
    }
}
