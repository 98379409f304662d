//! What the operators of templates mean here: exact on decimals, and an error where types do not fit.
//!
//! The compiler (`template/rewrite.rs`) turns each operator into a call of one of these.

use std::cmp::Ordering;

use minijinja::{Environment, Error, ErrorKind, Value as Jinja};

use crate::arithmetic::compute;
use crate::bridge::{from_jinja, to_jinja};
use crate::value::Value;

/// Longest text and list that an operator makes.
const MAX_REPEAT: usize = 1_000_000;

/// Adds the operators under names that no template can write.
pub(crate) fn register(env: &mut Environment<'static>) {
    env.add_function("+", |left: Jinja, right: Jinja| binary(&left, &right, add));
    env.add_function("-", |left: Jinja, right: Jinja| binary(&left, &right, |l, r| arithmetic("-", l, r)));
    env.add_function("*", |left: Jinja, right: Jinja| binary(&left, &right, multiply));
    env.add_function("/", |left: Jinja, right: Jinja| binary(&left, &right, |l, r| arithmetic("/", l, r)));
    env.add_function("//", |left: Jinja, right: Jinja| binary(&left, &right, |l, r| arithmetic("//", l, r)));
    env.add_function("%", |left: Jinja, right: Jinja| binary(&left, &right, |l, r| arithmetic("%", l, r)));
    env.add_function("**", |left: Jinja, right: Jinja| binary(&left, &right, |l, r| arithmetic("**", l, r)));
    env.add_function("~", |left: Jinja, right: Jinja| binary(&left, &right, concat));
    env.add_function("-x", |operand: Jinja| binary(&Jinja::from(0), &operand, |l, r| arithmetic("-", l, r)));
    env.add_function("==", |left: Jinja, right: Jinja| test(&left, &right, equal));
    env.add_function("!=", |left: Jinja, right: Jinja| test(&left, &right, |l, r| Ok(!equal(l, r)?)));
    env.add_function("<", |left: Jinja, right: Jinja| test(&left, &right, |l, r| Ok(order("<", l, r)?.is_lt())));
    env.add_function("<=", |left: Jinja, right: Jinja| test(&left, &right, |l, r| Ok(order("<=", l, r)?.is_le())));
    env.add_function(">", |left: Jinja, right: Jinja| test(&left, &right, |l, r| Ok(order(">", l, r)?.is_gt())));
    env.add_function(">=", |left: Jinja, right: Jinja| test(&left, &right, |l, r| Ok(order(">=", l, r)?.is_ge())));
    env.add_function("in", |needle: Jinja, hay: Jinja| test(&needle, &hay, contains));
    env.add_function("?.", |object: Jinja, name: Jinja| {
        if object.is_undefined() || object.is_none() {
            return Ok(Jinja::UNDEFINED);
        }
        object.get_item(&name)
    });
}

/// Applies an operator to values; `None` where it cannot be.
pub(crate) fn apply(operator: &str, left: &Value, right: &Value) -> Option<Value> {
    let ordered =
        |holds: fn(Ordering) -> bool| order(operator, left, right).ok().map(|order| Value::Bool(holds(order)));
    match operator {
        "+" => add(left, right).ok(),
        "*" => multiply(left, right).ok(),
        "~" => concat(left, right).ok(),
        "==" => equal(left, right).ok().map(Value::Bool),
        "!=" => equal(left, right).ok().map(|equal| Value::Bool(!equal)),
        "<" => ordered(Ordering::is_lt),
        "<=" => ordered(Ordering::is_le),
        ">" => ordered(Ordering::is_gt),
        ">=" => ordered(Ordering::is_ge),
        _ => arithmetic(operator, left, right).ok(),
    }
}

fn binary(
    left: &Jinja,
    right: &Jinja,
    operation: impl Fn(&Value, &Value) -> Result<Value, Error>,
) -> Result<Jinja, Error> {
    operation(&from_jinja(left)?, &from_jinja(right)?).map(|value| to_jinja(&value))
}

fn test(left: &Jinja, right: &Jinja, operation: impl Fn(&Value, &Value) -> Result<bool, Error>) -> Result<bool, Error> {
    operation(&from_jinja(left)?, &from_jinja(right)?)
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok(format!("{left}{right}").into()),
        (Value::List(left), Value::List(right)) => {
            Ok(Value::list(left.items().iter().chain(right.items()).cloned().collect()))
        }
        (Value::String(_), Value::Number(_)) | (Value::Number(_), Value::String(_)) => Err(wrong(
            "a string and a number cannot be added; join texts with `~`, or make a number with `| decimal`".to_owned(),
        )),
        _ => arithmetic("+", left, right),
    }
}

fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    match (left, right) {
        (Value::String(text), Value::Number(times)) => {
            let times = times.as_i64().and_then(|times| usize::try_from(times.max(0)).ok()).unwrap_or(usize::MAX);
            if text.len().saturating_mul(times) > MAX_REPEAT {
                return Err(wrong("the text would be longer than 1 MB".to_owned()));
            }
            Ok(text.repeat(times).into())
        }
        _ => arithmetic("*", left, right),
    }
}

fn concat(left: &Value, right: &Value) -> Result<Value, Error> {
    let text = |value: &Value| {
        value
            .text()
            .map(std::borrow::Cow::into_owned)
            .ok_or_else(|| wrong(format!("{} cannot be joined into a text", value.a_kind())))
    };
    Ok((text(left)? + &text(right)?).into())
}

fn arithmetic(operator: &str, left: &Value, right: &Value) -> Result<Value, Error> {
    let (Value::Number(left), Value::Number(right)) = (left, right) else {
        return Err(wrong(format!("`{operator}` needs two numbers, not {} and {}", left.a_kind(), right.a_kind())));
    };
    compute(operator, left, right).map(Value::Number).map_err(|message| wrong(message.to_owned()))
}

/// Tells whether two values are equal; different kinds of scalars cannot be compared.
pub(crate) fn equal(left: &Value, right: &Value) -> Result<bool, Error> {
    match (left, right) {
        (Value::Null, Value::Number(_)) | (Value::Number(_), Value::Null) => Err(wrong(
            "null cannot be compared with a number; test it first: `is not none`, or give it a `default`".to_owned(),
        )),
        (Value::String(_), Value::Number(_) | Value::Bool(_))
        | (Value::Number(_), Value::String(_) | Value::Bool(_))
        | (Value::Bool(_), Value::String(_) | Value::Number(_)) => Err(mismatch(left, right)),
        _ => Ok(left == right),
    }
}

fn order(operator: &str, left: &Value, right: &Value) -> Result<Ordering, Error> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left.compare(right).ok_or_else(|| wrong(format!("`{operator}` cannot order these numbers")))
        }
        (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
        (Value::List(left), Value::List(right)) => {
            for (left, right) in left.items().iter().zip(right.items()) {
                let found = order(operator, left, right)?;
                if found.is_ne() {
                    return Ok(found);
                }
            }
            Ok(left.items().len().cmp(&right.items().len()))
        }
        (Value::Null, _) | (_, Value::Null) => Err(wrong(format!(
            "`{operator}` cannot compare {} with {}; test it first: `is not none`, or give it a `default`",
            left.a_kind(),
            right.a_kind()
        ))),
        _ => Err(mismatch(left, right)),
    }
}

fn mismatch(left: &Value, right: &Value) -> Error {
    let hint = match (left, right) {
        (Value::String(_), Value::Number(_)) | (Value::Number(_), Value::String(_)) => {
            "; make a number of the text with `| decimal`"
        }
        _ => "",
    };
    wrong(format!("{} cannot be compared with {}{hint}", left.a_kind(), right.a_kind()))
}

fn contains(needle: &Value, hay: &Value) -> Result<bool, Error> {
    match (needle, hay) {
        (_, Value::List(list)) => Ok(list.items().iter().any(|item| item == needle)),
        (Value::String(name), Value::Object(members)) => Ok(members.contains(name)),
        (Value::String(part), Value::String(text)) => Ok(text.contains(&**part)),
        _ => Err(wrong(format!("`in` cannot look for {} in {}", needle.a_kind(), hay.a_kind()))),
    }
}
