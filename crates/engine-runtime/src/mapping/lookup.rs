//! Lookups: loaded and indexed once, then asked for record after record.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use engine_expr::{Dynamic, DynamicLeaf, EvalError, Expr, JsonPath, Scope, Template, Value};
use engine_source::Span;
use engine_spec::{Lookup, LookupSource};

use super::{Compiler, Node, Run, evaluating};
use crate::failure::Failure;

/// Gives the records of steps that ran before.
pub(crate) trait StepRecords {
    /// Returns all records of a step, once it has ended.
    fn records(&self, step: &str) -> Option<Records>;
}

pub(super) struct Table {
    source: Source,
    key: Option<Expr>,
    value: Option<Expr>,
    default: Option<Node>,
    /// The path or template whose value is looked up.
    span: Span,
    /// What the source names that only a record has: a lookup is loaded once.
    foreign: Option<EvalError>,
    index: OnceLock<Result<HashMap<String, String>, EvalError>>,
}

/// The records of a step, once it has ended.
type Records = Arc<OnceLock<Value>>;

/// For how long what a mapping has looked up stays right.
pub(super) enum Lasting {
    /// It is written in the mapping, or nothing is looked up.
    Always,
    /// For a run, as long as these are the records of these steps.
    Run(Vec<(String, Option<Records>)>),
    /// For an item: steps may be among those that run for it.
    Item,
}

impl Lasting {
    /// Tells whether what was looked up is still right.
    pub(super) fn is_right(&self, records: &dyn StepRecords) -> bool {
        match self {
            Self::Always => true,
            Self::Run(steps) => steps.iter().all(|(step, known)| match (known, records.records(step)) {
                (Some(known), Some(now)) => Arc::ptr_eq(known, &now),
                _ => false,
            }),
            Self::Item => false,
        }
    }

    /// Takes what is looked up elsewhere in the mapping into account.
    pub(super) fn join(&mut self, other: Self) {
        let both = match (std::mem::replace(self, Self::Item), other) {
            (Self::Item, _) | (_, Self::Item) => Self::Item,
            (Self::Always, one) | (one, Self::Always) => one,
            (Self::Run(mut steps), Self::Run(more)) => {
                steps.extend(more);
                Self::Run(steps)
            }
        };
        *self = both;
    }
}

/// What to know where something that a lookup is made of is missing.
const ONCE: &str = "a lookup is loaded once: it sees the vars of the run, not those of the step";

/// What a lookup may be made of: what is the same for all records of a run.
const LOADED: [&str; 5] = ["inputs", "vars", "steps", "run", "trigger"];

enum Source {
    Value(Dynamic),
    From(Expr),
    Step { id: String, records: Option<Records> },
}

impl Source {
    fn lasting(&self) -> Lasting {
        let of = |template: &Template| {
            let is_of_steps = template.names().iter().any(|name| name.root() == "steps");
            if is_of_steps { Lasting::Item } else { Lasting::Run(Vec::new()) }
        };
        match self {
            Self::Value(value) => {
                let mut lasting = Lasting::Always;
                value.visit(&mut |leaf| match leaf {
                    DynamicLeaf::Path(_) => {}
                    DynamicLeaf::Template(template) => lasting.join(of(template)),
                });
                lasting
            }
            Self::From(Expr::Template(template)) => of(template),
            Self::From(Expr::Path(_)) => Lasting::Always,
            Self::Step { id, records } => Lasting::Run(vec![(id.clone(), records.clone())]),
        }
    }
}

impl Compiler<'_> {
    pub(super) fn table(&mut self, lookup: &Lookup, span: Span) -> Table {
        let source = match &lookup.source {
            LookupSource::Value(value) => Source::Value(value.clone()),
            LookupSource::From(from) => Source::From(from.clone()),
            LookupSource::Step(id) => Source::Step { id: id.to_string(), records: self.records.records(id.as_str()) },
        };
        let foreign = match &lookup.source {
            LookupSource::Value(value) => {
                let mut foreign = None;
                value.visit(&mut |leaf| {
                    let found = match leaf {
                        DynamicLeaf::Path(path) => Some(foreign_path(path)),
                        DynamicLeaf::Template(template) => foreign_name(template),
                    };
                    foreign = foreign.take().or(found);
                });
                foreign
            }
            LookupSource::From(Expr::Path(path)) => Some(foreign_path(path)),
            LookupSource::From(Expr::Template(template)) => foreign_name(template),
            LookupSource::Step(_) => None,
        };
        self.lasting.join(source.lasting());
        Table {
            foreign,
            source,
            key: lookup.key.clone(),
            value: lookup.value.clone(),
            default: lookup.default.as_ref().map(|default| self.value(default)),
            span,
            index: OnceLock::new(),
        }
    }
}

/// Refuses a path, which starts at the record.
fn foreign_path(path: &JsonPath) -> EvalError {
    EvalError::new(format!("a lookup is loaded once, it cannot depend on the record: `{}`", path.text()), path.span())
        .help("take it from `steps`, `inputs` or the run's `vars`")
}

/// Refuses the first name that only a record has.
fn foreign_name(template: &Template) -> Option<EvalError> {
    let name = template.names().iter().find(|name| !LOADED.contains(&name.root()))?;
    let message = format!("a lookup is loaded once, it cannot depend on `{}`", name.root());
    let error = EvalError::new(message, template.span()).help("take it from `steps`, `inputs` or the run's `vars`");
    Some(EvalError { range: Some(name.range_of(1)), ..error })
}

impl Table {
    /// Finds what stands for the value whose JSON is `text`, as JSON.
    pub(super) fn find(&self, text: &str, run: &mut Run<'_>, path: &str) -> Result<Option<String>, Failure> {
        let index = self.index.get_or_init(|| self.load(run.source.base)).as_ref();
        let index = index.map_err(|error| evaluating(path, error.clone()))?;
        let value = Value::from_json(text).map_err(|error| run.source.item.unreadable(&error))?;
        let Some(key) = value.text() else {
            return Err(Failure::new(
                "mapping-type",
                format!("field `{path}`: {} cannot be looked up", value.a_kind()),
                self.span,
            ));
        };
        if let Some(found) = index.get(&*key) {
            return Ok(Some(found.clone()));
        }
        let Some(default) = &self.default else {
            return Err(Failure::new(
                "mapping-required",
                format!("field `{path}`: the lookup has nothing for `{key}`"),
                self.span,
            )
            .help("give the lookup a `default`"));
        };
        default.text(run, path).map(|found| found.map(std::borrow::Cow::into_owned))
    }

    fn load(&self, scope: &Scope) -> Result<HashMap<String, String>, EvalError> {
        if let Some(foreign) = &self.foreign {
            return Err(foreign.clone());
        }
        // The step's own vars are of one record, those of the run of all.
        let scope = &scope.outermost(&LOADED);
        let once = |error: EvalError| if error.missing { error.help(ONCE) } else { error };
        let value = match &self.source {
            Source::Value(value) => value.evaluate(scope).map_err(once)?,
            Source::From(from) => from.evaluate(scope).map_err(once)?,
            Source::Step { id, records } => match records.as_ref().and_then(|records| records.get()) {
                Some(records) => Some(records.clone()),
                None => return Err(EvalError::new(format!("the records of step `{id}` are not there yet"), self.span)),
            },
        };
        if value.as_ref().is_some_and(Value::holds_secret) {
            return Err(EvalError::new("a secret cannot be put into a record", self.span));
        }
        match value {
            Some(Value::Object(members)) => {
                Ok(members.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect())
            }
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
            Some(other) => {
                Err(EvalError::new(format!("a lookup needs an object or a list, not {}", other.a_kind()), self.span))
            }
            None => Err(EvalError::new("the lookup is missing", self.span).help(ONCE)),
        }
    }
}
