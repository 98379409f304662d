//! A value of a spec, as a param of a statement: its text, of which the server makes what it takes there.

use std::error::Error;

use bytes::BytesMut;
use engine_expr::Value;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};

/// A value that is bound.
#[derive(Debug)]
pub(super) struct Param<'v>(pub(super) &'v Value);

impl ToSql for Param<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let is_json = matches!(*kind, Type::JSON | Type::JSONB);
        let text = match (self.0, kind.kind()) {
            (Value::Null, _) => return Ok(IsNull::Yes),
            (Value::List(list), Kind::Array(_)) => array(list.items()),
            (value, _) if is_json => value.to_json(),
            (value, _) => value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned),
        };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Writes a list as the server reads arrays.
fn array(values: &[Value]) -> String {
    let values = values.iter().map(|value| match value {
        Value::Null => "NULL".to_owned(),
        Value::List(list) => array(list.items()),
        other => {
            let text = other.text().map_or_else(|| other.to_json(), std::borrow::Cow::into_owned);
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
    });
    format!("{{{}}}", values.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_value_is_a_text() {
        for (json, kind, expected) in [
            ("19.90", Type::NUMERIC, "19.90"),
            ("true", Type::BOOL, "true"),
            ("\"a\\\"b\"", Type::TEXT, "a\"b"),
            ("\"a\\\"b\"", Type::JSONB, "\"a\\\"b\""),
            ("[1, null, \"a\\\"b\\\\\", [true]]", Type::TEXT_ARRAY, "{\"1\",NULL,\"a\\\"b\\\\\",{\"true\"}}"),
            ("[1]", Type::TEXT, "[1]"),
            ("{\"a\": 1}", Type::JSON, "{\"a\":1}"),
        ] {
            let mut out = BytesMut::new();
            let value = Value::from_json(json).unwrap();
            assert!(matches!(Param(&value).to_sql(&kind, &mut out), Ok(IsNull::No)));
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
        }
    }
}
