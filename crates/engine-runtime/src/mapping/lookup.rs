//! Lookups: loaded and indexed once, then asked for record after record.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use engine_expr::{Dynamic, EvalError, Expr, Scope, Value};
use engine_source::Span;
use engine_spec::{Lookup, LookupSource};

use super::{Compiler, Node, Run, evaluating};
use crate::failure::Failure;

/// Gives the records of steps that ran before.
pub(crate) trait StepRecords {
    /// Returns all records of a step, once it has ended.
    fn records(&self, step: &str) -> Option<Arc<OnceLock<Value>>>;
}

pub(super) struct Table {
    source: Source,
    key: Option<Expr>,
    value: Option<Expr>,
    default: Option<Node>,
    /// The path or template whose value is looked up.
    span: Span,
    index: OnceLock<Result<HashMap<String, String>, EvalError>>,
}

enum Source {
    Value(Dynamic),
    From(Expr),
    Step { id: String, records: Option<Arc<OnceLock<Value>>> },
}

impl Compiler<'_> {
    pub(super) fn table(&mut self, lookup: &Lookup, span: Span) -> Table {
        let source = match &lookup.source {
            LookupSource::Value(value) => Source::Value(value.clone()),
            LookupSource::From(from) => Source::From(from.clone()),
            LookupSource::Step(id) => Source::Step { id: id.to_string(), records: self.records.records(id.as_str()) },
        };
        Table {
            source,
            key: lookup.key.clone(),
            value: lookup.value.clone(),
            default: lookup.default.as_ref().map(|default| self.value(default)),
            span,
            index: OnceLock::new(),
        }
    }
}

impl Table {
    /// Finds what stands for the value whose JSON is `text`, as JSON.
    pub(super) fn find(&self, text: &str, run: &mut Run<'_>, path: &str) -> Result<Option<String>, Failure> {
        let index = self.index.get_or_init(|| self.load(run.source.base)).as_ref();
        let index = index.map_err(|error| evaluating(path, error.clone()))?;
        let value = Value::from_json(text).unwrap_or_default();
        let Some(key) = value.text() else {
            return Err(Failure::new("mapping-type", format!("field `{path}`: {} cannot be looked up", value.a_kind()), self.span));
        };
        if let Some(found) = index.get(&*key) {
            return Ok(Some(found.clone()));
        }
        let Some(default) = &self.default else {
            return Err(Failure::new("mapping-required", format!("field `{path}`: the lookup has nothing for `{key}`"), self.span)
                .help("give the lookup a `default`"));
        };
        default.text(run, path).map(|found| found.map(std::borrow::Cow::into_owned))
    }

    fn load(&self, scope: &Scope) -> Result<HashMap<String, String>, EvalError> {
        let value = match &self.source {
            Source::Value(value) => value.evaluate(scope)?,
            Source::From(from) => from.evaluate(scope)?,
            Source::Step { id, records } => match records.as_ref().and_then(|records| records.get()) {
                Some(records) => Some(records.clone()),
                None => return Err(EvalError::new(format!("the records of step `{id}` are not there yet"), self.span)),
            },
        };
        match value {
            Some(Value::Object(members)) => Ok(members.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect()),
            Some(Value::List(list)) => list
                .items()
                .iter()
                .map(|element| {
                    let scope = scope.with("item", element.clone()).rooted(element.clone());
                    let take = |expr: &Option<Expr>| match expr {
                        Some(expr) => expr.evaluate(&scope),
                        None => Ok(Some(element.clone())),
                    };
                    let key = take(&self.key)?.as_ref().and_then(Value::text).map(std::borrow::Cow::into_owned);
                    let Some(key) = key else {
                        let span = self.key.as_ref().map_or(self.span, Expr::span);
                        return Err(EvalError::new("an element of the lookup has no key", span));
                    };
                    Ok((key, take(&self.value)?.unwrap_or_default().to_json()))
                })
                .collect(),
            Some(other) => Err(EvalError::new(format!("a lookup needs an object or a list, not {}", other.a_kind()), self.span)),
            None => Err(EvalError::new("the lookup is missing", self.span)),
        }
    }
}
