//! Bodies of requests that are being built.

use std::sync::Arc;

use engine_expr::{EvalError, Members, Value};
use engine_source::Span;

use crate::BodyStep;

/// What a request sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DraftBody {
    /// Nothing.
    #[default]
    None,
    /// A value as JSON.
    Json(Value),
    /// An object as a form.
    Form(Value),
    /// A text.
    Text(Value),
}

/// Puts a value into a body; what is missing on the way is made.
pub(crate) fn put(body: &mut Value, steps: &[BodyStep], value: &Value, span: Span) -> Result<(), EvalError> {
    let Some((first, rest)) = steps.split_first() else {
        *body = value.clone();
        return Ok(());
    };
    match first {
        BodyStep::Member(name) => {
            let mut members = match body {
                Value::Object(members) => members.as_ref().clone(),
                Value::Null => Members::new(),
                other => {
                    return Err(EvalError::new(
                        format!("`{name}` can't be put into {} of the body", other.a_kind()),
                        span,
                    ));
                }
            };
            if rest.is_empty() && value.is_null() {
                members.remove(name);
            } else {
                let mut member = members.get(name).cloned().unwrap_or_default();
                put(&mut member, rest, value, span)?;
                members.insert(Arc::clone(name), member);
            }
            *body = Value::Object(Arc::new(members));
        }
        BodyStep::Element(at) => {
            let mut items = match body {
                Value::List(list) => list.items().to_vec(),
                Value::Null => Vec::new(),
                other => {
                    return Err(EvalError::new(
                        format!("`[{at}]` can't be put into {} of the body", other.a_kind()),
                        span,
                    ));
                }
            };
            if *at > items.len() {
                let error = EvalError::new(
                    format!("`[{at}]` is beyond the end of a list of {} in the body", items.len()),
                    span,
                );
                return Err(error.help("fill the list up in the `body` of the endpoint"));
            }
            if *at == items.len() {
                items.push(Value::Null);
            }
            if let Some(item) = items.get_mut(*at) {
                put(item, rest, value, span)?;
            }
            *body = Value::list(items);
        }
    }
    Ok(())
}
