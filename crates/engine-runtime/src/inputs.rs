//! Inputs of a run: gathered and checked before the first request.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_expr::{Members, Number, Scope, Value, parse_moment};
use engine_request::Period;
use engine_source::{Finding, Findings, Map, Span, suggest};
use engine_spec::{Input, InputType, Literal};

use crate::world::Environment;

/// The text that stands for a secret or an input that a mocked run does not need.
pub(crate) const PLACEHOLDER: &str = "mock";

/// Gathers the inputs: what was given, else the environment, else the default.
pub(crate) fn inputs(
    declared: &Map<Input>,
    given: &BTreeMap<String, Value>,
    environment: &dyn Environment,
    scope: &Scope,
    placeholders: bool,
    findings: &mut Findings,
) -> Value {
    for name in given.keys() {
        if declared.get(name).is_none() {
            findings.push(unknown(name, declared));
        }
    }
    let mut members = Members::new();
    for (name, input) in declared {
        match input_value(&name.value, name.span, input, given, environment, scope, placeholders) {
            Ok(Some(value)) => members.insert(Arc::clone(&name.value), value),
            Ok(None) => members.insert(Arc::clone(&name.value), Value::Null),
            Err(finding) => findings.push(*finding),
        }
    }
    Value::Object(Arc::new(members))
}

/// Says that there is no such input.
pub(crate) fn unknown(name: &str, declared: &Map<Input>) -> Finding {
    let mut finding = Finding::error("invalid-input", format!("this spec has no input `{name}`"));
    finding.help = suggest(name, declared.iter().map(|(name, _)| &*name.value));
    finding
}

fn input_value(
    name: &str,
    span: Span,
    input: &Input,
    given: &BTreeMap<String, Value>,
    environment: &dyn Environment,
    scope: &Scope,
    placeholders: bool,
) -> Result<Option<Value>, Box<Finding>> {
    let variable = input.env.as_ref().and_then(|env| environment.variable(env));
    let (value, source) = match (given.get(name), variable) {
        (Some(value), _) => (value.clone(), format!("input `{name}`")),
        (None, Some(text)) => (text.into(), format!("input `{name}` (from its environment variable)")),
        (None, None) => {
            let default = match &input.default {
                Some(default) => {
                    default.evaluate(scope).map_err(|error| Box::new(failed(&error.message, error.span)))?
                }
                None => None,
            };
            match default {
                Some(value) => {
                    return typed(&value, input.kind).map(Some).map_err(|wrong| {
                        Box::new(
                            Finding::error("invalid-default", format!("the default of input `{name}` {wrong}"))
                                .label(span, "this input"),
                        )
                    });
                }
                None if required(input, scope)? => {
                    if placeholders {
                        return Ok(Some(placeholder(input)));
                    }
                    let mut ways = format!("give it by `--input {name}=…`");
                    if let Some(env) = &input.env {
                        ways.push_str(", or by the environment variable `");
                        ways.push_str(env);
                        ways.push('`');
                    }
                    return Err(Box::new(
                        Finding::error("missing-input", format!("input `{name}` is not given"))
                            .label(span, "has no default")
                            .help(ways),
                    ));
                }
                None => return Ok(None),
            }
        }
    };
    let wrong = |what: String| {
        Box::new(
            Finding::error("invalid-input", format!("{source} {what}"))
                .label(span, format!("is of type {}", input.kind.as_str())),
        )
    };
    let value = typed(&value, input.kind).map_err(wrong)?;
    check_values(&value, input.values.as_deref()).map_err(wrong)?;
    if let (Some(pattern), Some(text)) = (&input.pattern, value.as_str())
        && let Ok(regex) = regex::Regex::new(pattern)
        && !regex.is_match(text)
    {
        return Err(wrong(format!("does not match the pattern `{pattern}`")));
    }
    Ok(Some(value))
}

fn required(input: &Input, scope: &Scope) -> Result<bool, Box<Finding>> {
    match &input.required {
        // An input without a default must be given, unless it says that it need not be.
        None => Ok(true),
        Some(required) => required.resolve(scope).map_err(|error| Box::new(failed(&error.message, error.span))),
    }
}

fn failed(message: &str, span: Span) -> Finding {
    Finding::error("template-failed", message.to_owned()).label(span, "evaluated here")
}

fn placeholder(input: &Input) -> Value {
    if let Some(first) = input.values.as_ref().and_then(|values| values.first()) {
        return first.value().clone();
    }
    match input.kind {
        InputType::String => PLACEHOLDER.into(),
        InputType::Integer | InputType::Number | InputType::Decimal => Value::from(1_i64),
        InputType::Boolean => Value::from(false),
        InputType::Date => "2025-01-01".into(),
        InputType::Datetime => "2025-01-01T00:00:00Z".into(),
        InputType::Duration => "1s".into(),
        InputType::List => Value::list(Vec::new()),
        InputType::Object => Value::Object(Arc::default()),
    }
}

/// Checks a value against the ones that are allowed. The error completes "input `x` …".
pub(crate) fn check_values(value: &Value, allowed: Option<&[Literal]>) -> Result<(), String> {
    let Some(allowed) = allowed else { return Ok(()) };
    if allowed.iter().any(|literal| literal.value() == value) {
        return Ok(());
    }
    let shown: Vec<String> = allowed.iter().take(8).map(|literal| format!("{:?}", literal.value())).collect();
    Err(format!("is {value:?}; allowed are {}", shown.join(", ")))
}

/// Brings a value to its declared type; a text, as the command line gives it, is read. The error completes "input `x` …".
pub(crate) fn typed(value: &Value, kind: InputType) -> Result<Value, String> {
    let not = |wanted: &str| format!("is {}, not {wanted}", shown(value));
    match (kind, value) {
        (_, Value::Null) => Ok(Value::Null),
        (InputType::String, Value::String(_) | Value::Secret(_)) => Ok(value.clone()),
        (InputType::String, Value::Number(_) | Value::Bool(_)) => {
            Ok(value.text().unwrap_or_default().into_owned().into())
        }
        (InputType::String, _) => Err(not("a text")),
        (InputType::Integer, _) => {
            let number = number(value).filter(Number::is_integer).ok_or_else(|| not("a whole number"))?;
            Ok(number.as_i64().map_or(Value::Number(number), Value::from))
        }
        (InputType::Number | InputType::Decimal, _) => number(value).map(Value::Number).ok_or_else(|| not("a number")),
        (InputType::Boolean, Value::Bool(_)) => Ok(value.clone()),
        (InputType::Boolean, Value::String(text)) if &**text == "true" => Ok(true.into()),
        (InputType::Boolean, Value::String(text)) if &**text == "false" => Ok(false.into()),
        (InputType::Boolean, _) => Err(not("true or false")),
        (InputType::Date, _) => parse_moment(value)
            .map(|moment| moment.date().to_string().into())
            .ok_or_else(|| not("a date such as `2025-01-31`")),
        (InputType::Datetime, _) => match parse_moment(value) {
            // What is a point in time already stays as it was written.
            Some(engine_expr::Moment::Time(_)) if matches!(value, Value::String(text) if text.contains(['T', 't', ' '])) => {
                Ok(value.clone())
            }
            Some(moment) => {
                moment.timestamp().map(|timestamp| timestamp.to_string().into()).ok_or_else(|| not("a point in time"))
            }
            None => Err(not("a point in time such as `2025-01-31T10:00:00Z`")),
        },
        (InputType::Duration, Value::String(text)) if text.parse::<Period>().is_ok() => Ok(value.clone()),
        (InputType::Duration, _) => Err(not("a duration such as `5m`")),
        (InputType::List, Value::List(_)) | (InputType::Object, Value::Object(_)) => Ok(value.clone()),
        (InputType::List, Value::String(text)) => match Value::from_json(text) {
            Ok(list @ Value::List(_)) => Ok(list),
            _ => Ok(Value::list(text.split(',').map(|part| part.trim().into()).collect())),
        },
        (InputType::Object, Value::String(text)) => match Value::from_json(text) {
            Ok(object @ Value::Object(_)) => Ok(object),
            _ => Err(not("a JSON object")),
        },
        (InputType::List, _) => Err(not("a list")),
        (InputType::Object, _) => Err(not("an object")),
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::parse(text),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::List(_) | Value::Object(_) => value.a_kind().to_owned(),
        other => format!("{other:?}"),
    }
}
