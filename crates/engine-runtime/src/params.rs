//! What a call or a read gives the params of an endpoint.

use std::sync::Arc;

use engine_expr::{Dynamic, Members, Scope, Value};
use engine_source::{Map, Span};
use engine_spec::Param;

use crate::failure::Failure;
use crate::inputs::{check_values, typed};

/// Evaluates the params of an endpoint: what is given, else the default; each brought to its type.
pub(crate) fn params_of(
    declared: &Map<Param>,
    given: &Map<Dynamic>,
    scope: &Scope,
    span: Span,
) -> Result<Value, Failure> {
    let mut members = Members::with_capacity(declared.len());
    for (name, param) in declared {
        let (value, place) = match given.get(&name.value) {
            Some(value) => (value.evaluate(scope)?, value.span()),
            None => (None, span),
        };
        let value = match (value, &param.default) {
            (Some(Value::Null) | None, Some(default)) => default.evaluate(scope)?,
            (value, _) => value,
        };
        let wrong = |what: String| Failure::new("invalid-input", format!("param `{}` {what}", name.value), place);
        match value {
            Some(Value::Null) | None => {
                let required = match &param.required {
                    Some(required) => required.resolve(scope)?,
                    None => false,
                };
                if required {
                    return Err(wrong("is required, but finds no value".to_owned()));
                }
            }
            Some(value) => {
                let value = typed(&value, param.kind).map_err(wrong)?;
                check_values(&value, param.values.as_deref()).map_err(wrong)?;
                if let (Some(pattern), Some(text)) = (&param.pattern, value.as_str())
                    && let Ok(regex) = regex::Regex::new(pattern)
                    && !regex.is_match(text)
                {
                    return Err(wrong(format!("does not match the pattern `{pattern}`")));
                }
                members.insert(Arc::clone(&name.value), value);
            }
        }
    }
    Ok(Value::Object(Arc::new(members)))
}
