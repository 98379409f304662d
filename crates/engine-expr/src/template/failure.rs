//! Why an evaluation failed, said with the names of the spec.

use std::ops::Range;
use std::sync::Arc;

use engine_source::suggest;
use minijinja::{Error, ErrorKind};

use super::{NameUse, Source};
use crate::problem::EvalError;
use crate::scope::Scope;
use crate::value::Value;

/// Turns an error of minijinja into one about the spec.
pub(super) fn explain(source: &Source, scope: &Scope, error: &Error) -> EvalError {
    let range = error.range().filter(|range| source.text.get(range.clone()).is_some());
    let found = match error.kind() {
        ErrorKind::UndefinedError => {
            let range = range.clone().unwrap_or(0..source.text.len());
            missing(source, scope, range.clone()).or_else(|| given_to(source, scope, range.start))
        }
        _ => None,
    };
    if let Some(found) = found {
        return found;
    }
    let detail = error.detail().map(str::to_owned);
    let (message, help) = match error.kind() {
        ErrorKind::UndefinedError => (
            detail.unwrap_or_else(|| "a value is missing".to_owned()),
            Some("add `| default(…)` for what may be missing"),
        ),
        ErrorKind::OutOfFuel => ("the template takes too long".to_owned(), Some("loop over fewer items")),
        ErrorKind::UnknownMethod => (
            detail.map_or_else(|| "there is no such method".to_owned(), |detail| detail.replace("object", "value")),
            None,
        ),
        ErrorKind::TooManyArguments => ("too many arguments".to_owned(), None),
        ErrorKind::MissingArgument => ("an argument is missing".to_owned(), None),
        _ => (detail.unwrap_or_else(|| error.kind().to_string()), None),
    };
    // A message of ours may hold its help after a semicolon.
    let (message, help) = match (message.split_once("; "), help) {
        (Some((message, help)), None) => (message.to_owned(), Some(help.to_owned())),
        (_, help) => (message.clone(), help.map(str::to_owned)),
    };
    let missing = error.kind() == ErrorKind::UndefinedError;
    EvalError { message, span: source.span, range: range.filter(|range| !range.is_empty()), help, missing }
}

/// Finds the first name within `range` of which a member is not there.
pub(super) fn missing(source: &Source, scope: &Scope, range: Range<usize>) -> Option<EvalError> {
    let within = |name: &&NameUse| {
        !name.optional && name.range.start < range.end && range.start < name.range.end.max(name.range.start + 1)
    };
    source.names.iter().filter(within).find_map(|name| describe(source, scope, name))
}

/// Says what is missing of the name right before a place: it is what the filter there was given.
fn given_to(source: &Source, scope: &Scope, place: usize) -> Option<EvalError> {
    let before = source.names.iter().filter(|name| name.range.end <= place).max_by_key(|name| name.range.end)?;
    if before.optional { None } else { describe(source, scope, before) }
}

fn describe(source: &Source, scope: &Scope, name: &NameUse) -> Option<EvalError> {
    let error = |message: String, parts: usize, help: Option<String>, missing: bool| {
        Some(EvalError { message, span: source.span, range: Some(name.range_of(parts)), help, missing })
    };
    let Some(found) = name.find(scope) else {
        let (bound, parts) = name.bound();
        let help = if parts == 1 { suggest(bound, scope.names()) } else { None };
        return error(format!("`{bound}` is not known here"), parts, help, false);
    };
    let member = name.path.get(found.parts)?;
    let owner = name.dotted(found.parts);
    let (message, help) = match found.value {
        Value::Object(members) => {
            let is_by_hand = owner == "trigger" && members.get("type").and_then(Value::as_str) == Some("manual");
            let help = if is_by_hand {
                "the run was begun by hand, without an event: give it one by `--event FILE`, or add `| default(…)`"
                    .to_owned()
            } else {
                has(member, members.names())
            };
            (format!("`{owner}` has no member `{member}`"), help)
        }
        other => (
            format!("`{owner}` is {}, it has no member `{member}`", other.a_kind()),
            format!("add `| default(…)` after `{}` if it may be missing", name.dotted(name.path.len())),
        ),
    };
    error(message, found.parts + 1, Some(help), true)
}

/// Says which members there are.
fn has<'a>(wanted: &str, names: impl Iterator<Item = &'a Arc<str>>) -> String {
    let names: Vec<&str> = names.map(|name| &**name).collect();
    if let Some(similar) = engine_source::similar(wanted, names.iter().copied()) {
        return format!("did you mean `{similar}`? add `| default(…)` for a member that may be missing");
    }
    if names.is_empty() {
        return "it has no members; add `| default(…)` for a member that may be missing".to_owned();
    }
    let shown = names.iter().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = if names.len() > 8 { ", …" } else { "" };
    format!("it has {shown}{more}; add `| default(…)` for a member that may be missing")
}
