//! What the operators of templates mean here: exact on decimals, and an error where types do not fit.
//!
//! The compiler (`template/rewrite.rs`) turns each operator into a call of one of these.

use std::cmp::Ordering;

use minijinja::{Environment, Error, ErrorKind, Value as Jinja};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::bridge::{from_jinja, to_jinja};
use crate::value::{Number, Value};

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
    env.add_function("neg", |operand: Jinja| binary(&Jinja::from(0), &operand, |l, r| arithmetic("-", l, r)));
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
    let ordered = |holds: fn(Ordering) -> bool| order(operator, left, right).ok().map(|order| Value::Bool(holds(order)));
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

/// Computes in integers while it can, else in decimals, and in floats only where one operand is one.
fn arithmetic(operator: &str, left: &Value, right: &Value) -> Result<Value, Error> {
    let (Value::Number(left), Value::Number(right)) = (left, right) else {
        return Err(wrong(format!("`{operator}` needs two numbers, not {} and {}", left.a_kind(), right.a_kind())));
    };
    let number = match (left, right) {
        (Number::Int(left), Number::Int(right)) => integers(operator, *left, *right),
        (Number::Float(_), _) | (_, Number::Float(_)) => floats(operator, left.as_f64(), right.as_f64()),
        _ => None,
    };
    if let Some(number) = number {
        return Ok(Value::Number(number));
    }
    if matches!(operator, "/" | "//" | "%") && right.is_zero() {
        return Err(wrong("a division by zero".to_owned()));
    }
    match (left.as_decimal(), right.as_decimal()) {
        (Some(left), Some(right)) => decimals(operator, left, right)
            .map(|decimal| Value::Number(tidy(decimal)))
            .ok_or_else(|| wrong("the result has more than 28 digits".to_owned())),
        _ => Err(wrong("a number has more than 28 digits".to_owned())),
    }
}

/// A whole result of a decimal without a scale is an integer again.
fn tidy(decimal: Decimal) -> Number {
    match decimal.to_i64() {
        Some(int) if decimal.scale() == 0 => Number::Int(int),
        _ => Number::Decimal(decimal),
    }
}

fn integers(operator: &str, left: i64, right: i64) -> Option<Number> {
    match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" if right != 0 && left.checked_rem(right)? == 0 => left.checked_div(right),
        // Floored, like Python's.
        "//" if right != 0 => {
            let quotient = left.checked_div(right)?;
            Some(if left % right != 0 && (left < 0) != (right < 0) { quotient - 1 } else { quotient })
        }
        "%" if right != 0 => {
            let rest = left.checked_rem(right)?;
            Some(if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
        }
        "**" => left.checked_pow(u32::try_from(right).ok()?),
        _ => None,
    }
    .map(Number::Int)
}

fn floats(operator: &str, left: f64, right: f64) -> Option<Number> {
    let result = match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "//" => (left / right).floor(),
        "%" => left - right * (left / right).floor(),
        _ => left.powf(right),
    };
    result.is_finite().then_some(Number::Float(result))
}

fn decimals(operator: &str, left: Decimal, right: Decimal) -> Option<Decimal> {
    match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right).map(|it| it.normalize()),
        "//" => left.checked_div(right).map(|it| it.floor().normalize()),
        "%" => {
            let rest = left.checked_rem(right)?;
            if !rest.is_zero() && rest.is_sign_negative() != right.is_sign_negative() {
                rest.checked_add(right)
            } else {
                Some(rest)
            }
        }
        "**" => {
            let exponent = right
                .to_u32()
                .filter(|_| right.fract().is_zero() && !right.is_sign_negative())
                .filter(|it| *it <= 1000)?;
            (0..exponent).try_fold(Decimal::ONE, |power, _| power.checked_mul(left))
        }
        _ => None,
    }
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
