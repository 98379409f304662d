//! The functions and filters of templates. Every function of ours is also a filter.

mod collection;
mod encoding;
mod moment;
mod number;
mod text;

use minijinja::value::{FunctionArgs, FunctionResult, Value as Jinja};
use minijinja::{Environment, Error, ErrorKind, State};

pub use moment::{Moment, parse_moment};

use crate::bridge::from_jinja;
use crate::value::Value;

/// The filters that a template may use.
pub const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "base64",
    "base64_decode",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "chunk",
    "count",
    "d",
    "date_add",
    "date_format",
    "decimal",
    "default",
    "dictsort",
    "entries",
    "first",
    "flatten",
    "float",
    "format",
    "fromjson",
    "group_by",
    "groupby",
    "hash",
    "hmac",
    "indent",
    "int",
    "items",
    "join",
    "jsonpath",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "merge",
    "min",
    "object",
    "omit",
    "parse_date",
    "pick",
    "range",
    "regex_replace",
    "regex_search",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "slugify",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "zip",
];

/// The functions that a template may call.
pub const FUNCTIONS: &[&str] = &[
    "base64",
    "base64_decode",
    "chunk",
    "date_add",
    "date_format",
    "decimal",
    "dict",
    "entries",
    "flatten",
    "fromjson",
    "group_by",
    "hash",
    "hmac",
    "jsonpath",
    "merge",
    "namespace",
    "now",
    "object",
    "omit",
    "parse_date",
    "pick",
    "range",
    "regex_replace",
    "regex_search",
    "slugify",
    "tojson",
    "urlencode",
    "uuid",
    "zip",
];

/// The tests that a template may use after `is`.
pub const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

pub(crate) fn register(env: &mut Environment<'static>) {
    collection::register(env);
    encoding::register(env);
    moment::register(env);
    number::register(env);
    text::register(env);
}

/// Adds a function that is a filter too.
fn both<F, Rv, Args>(env: &mut Environment<'static>, name: &'static str, function: F)
where
    F: minijinja::functions::Function<Rv, Args> + Clone,
    Rv: FunctionResult,
    Args: for<'a> FunctionArgs<'a>,
{
    env.add_filter(name, function.clone());
    env.add_function(name, function);
}

/// The methods that people know from Python; on a text also those of a date.
pub(crate) fn method(state: &mut State<'_, '_>, value: &Jinja, name: &str, args: &[Jinja]) -> Result<Jinja, Error> {
    if let (Some(text), "strftime" | "isoformat" | "timestamp") = (value.as_str(), name) {
        return moment::method(text, name, args);
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args)
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Takes an argument as a text.
fn text_of(value: &Jinja, function: &str) -> Result<String, Error> {
    let value = from_jinja(value)?;
    match value.text() {
        Some(text) => Ok(text.into_owned()),
        None => Err(wrong(format!("`{function}` needs a text, not {}", value.a_kind()))),
    }
}

/// Takes an argument as a list.
fn list_of(value: &Jinja, function: &str) -> Result<Vec<Value>, Error> {
    match from_jinja(value)? {
        Value::List(list) => Ok(list.items().to_vec()),
        other => Err(wrong(format!("`{function}` needs a list, not {}", other.a_kind()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_only_what_is_there() {
        let mut env = Environment::new();
        register(&mut env);
        for name in FILTERS {
            let mut state = env.empty_state();
            let result = state.apply_filter(name, &[Jinja::from(1)]);
            assert!(!matches!(&result, Err(error) if error.kind() == ErrorKind::UnknownFilter), "{name}");
        }
        for name in TESTS {
            let mut state = env.empty_state();
            let result = state.perform_test(name, &[Jinja::from(1)]);
            assert!(!matches!(&result, Err(error) if error.kind() == ErrorKind::UnknownTest), "{name}");
        }
        for name in FUNCTIONS {
            assert!(env.globals().any(|(known, _)| known == *name), "{name}");
        }
    }
}
