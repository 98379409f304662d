//! Records as CSV (RFC 4180), for APIs that take them in bulk.

use std::borrow::Cow;
use std::sync::Arc;

use csv::{Terminator, WriterBuilder};
use engine_expr::{EvalError, Value};
use engine_source::Span;
use foldhash::{HashMap, HashMapExt};

/// Writes a list of objects: a line of names, then one for each object.
///
/// The names are those of all objects, in the order in which they first come. What is missing or null is empty, a list or an object is JSON.
pub(crate) fn write(value: &Value, span: Span) -> Result<String, EvalError> {
    let Some(records) = value.as_list() else {
        let error = EvalError::new(format!("a list of objects is needed here, not {}", value.a_kind()), span);
        return Err(error.help("give all records at once: `csv: \"{{ params.records }}\"`"));
    };
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let Some(members) = record.as_object() else {
            return Err(EvalError::new(format!("item {} is {}, and no object", index + 1, record.a_kind()), span));
        };
        for (name, _) in members.iter() {
            if !places.contains_key(name) {
                places.insert(Arc::clone(name), names.len());
                names.push(Arc::clone(name));
            }
        }
    }
    let mut writer = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    let failed = |error: csv::Error| EvalError::new(format!("the records can't be written as CSV: {error}"), span);
    if !names.is_empty() {
        writer.write_record(names.iter().map(|name| name.as_bytes())).map_err(failed)?;
    }
    let mut fields: Vec<Cow<'_, str>> = vec![Cow::Borrowed(""); names.len()];
    for members in records.iter().filter_map(Value::as_object) {
        fields.fill(Cow::Borrowed(""));
        for (name, value) in members.iter() {
            if let Some(field) = places.get(name).and_then(|place| fields.get_mut(*place)) {
                *field = match value {
                    Value::Null => Cow::Borrowed(""),
                    value => value.text().unwrap_or_else(|| Cow::Owned(value.to_json())),
                };
            }
        }
        writer.write_record(fields.iter().map(|field| field.as_bytes())).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| EvalError::new(error.to_string(), span))?;
    String::from_utf8(bytes).map_err(|error| EvalError::new(error.to_string(), span))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Value;
    use engine_source::Span;

    use super::write;

    fn check(json: &str, expected: &str) {
        let written = write(&Value::from_json(json).unwrap(), Span::default());
        assert_eq!(written.unwrap_or_else(|error| error.message), expected, "{json}");
    }

    #[test]
    fn writes_all_members_of_all_records() {
        check(
            r#"[{"id": 1, "name": "Ida \"W\"", "on": true}, {"id": 2.50, "note": "a,b\nc", "name": null}, {"tags": [1, {"a": "b"}]}]"#,
            "id,name,on,note,tags\n1,\"Ida \"\"W\"\"\",true,,\n2.50,,,\"a,b\nc\",\n,,,,\"[1,{\"\"a\"\":\"\"b\"\"}]\"\n",
        );
        check(r#"[{"a": ""}]"#, "a\n\"\"\n");
        check("[]", "");
    }

    #[test]
    fn refuses_what_is_no_list_of_objects() {
        check("{}", "a list of objects is needed here, not an object");
        check("[{}, 1]", "item 2 is a number, and no object");
    }
}
