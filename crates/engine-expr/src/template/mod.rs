//! Templates: strings with `{{ }}` and `{% %}`, and conditions, which are expressions written bare.
//!
//! minijinja parses and runs; between the two the tree is looked through (what it names, what it calls) and its operators are given our
//! meaning. A parsed template keeps its problems instead of failing, so that all of a document's can be told at once.

mod analysis;
mod condition;
mod failure;
mod fast;
mod found;
mod limit;
mod program;
mod rewrite;
mod syntax;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use engine_source::{Scalar, ScalarKind, Span};
use minijinja::machinery::{ast, parse, parse_expr};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use analysis::NameUse;
pub use condition::Condition;

use crate::problem::{EvalError, Problem};
use crate::scope::Scope;
use crate::value::{Number, Secret, Value};
use analysis::Analysis;
use program::Program;

/// A text that may hold expressions, or a literal.
///
/// A template that is one single expression keeps the type of its result.
#[derive(Clone)]
pub struct Template(Arc<Source>);

/// A parsed text, shared by templates and conditions.
struct Source {
    text: Box<str>,
    span: Span,
    kind: SourceKind,
    names: Vec<NameUse>,
    /// The names that may stand for a secret, or for something that has one in it.
    suspects: Vec<NameUse>,
    problems: Vec<Problem>,
    constant: bool,
}

enum SourceKind {
    Literal(Value),
    /// Compiled when it is first run: most specs that are validated are not.
    Program {
        bare: bool,
        program: OnceLock<Result<Program, String>>,
    },
}

impl Template {
    /// Parses a text; a wrong one keeps its [`problems`](Self::problems).
    pub fn new(text: &str, span: Span) -> Self {
        if Self::is_template(text) {
            Self(Arc::new(Source::parse(text, span, false)))
        } else {
            Self::literal(text, text.into(), span)
        }
    }

    /// Makes a template that is a literal.
    pub fn literal(text: &str, value: Value, span: Span) -> Self {
        Self(Arc::new(Source {
            text: text.into(),
            span,
            kind: SourceKind::Literal(value),
            names: Vec::new(),
            suspects: Vec::new(),
            problems: Vec::new(),
            constant: false,
        }))
    }

    /// Tells whether a text would be read as a template.
    pub fn is_template(text: &str) -> bool {
        text.contains("{{") || text.contains("{%")
    }

    /// Returns the text as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the scalar that holds the template.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// Returns what is wrong with it.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// Returns the names that it uses.
    pub fn names(&self) -> &[NameUse] {
        &self.0.names
    }

    /// Tells whether there is nothing to evaluate.
    pub fn is_literal(&self) -> bool {
        matches!(self.0.kind, SourceKind::Literal(_))
    }

    /// Returns the value of a literal.
    pub fn as_literal(&self) -> Option<&Value> {
        match &self.0.kind {
            SourceKind::Literal(value) => Some(value),
            SourceKind::Program { .. } => None,
        }
    }

    /// Tells whether it has expressions, but none whose result could ever differ.
    pub fn is_constant(&self) -> bool {
        self.0.constant
    }

    /// Evaluates it.
    ///
    /// # Errors
    ///
    /// Fails where a member is missing, types do not fit or a function refuses its arguments.
    pub fn render(&self, scope: &Scope) -> Result<Value, EvalError> {
        self.render_optional(scope)?.ok_or_else(|| self.0.nothing(scope))
    }

    /// Evaluates it; `None` where it is one expression over a member that is missing.
    ///
    /// # Errors
    ///
    /// As [`render`](Self::render), but for the missing member.
    pub fn render_optional(&self, scope: &Scope) -> Result<Option<Value>, EvalError> {
        self.0.evaluate_veiled(scope)
    }

    /// Evaluates it to a text.
    ///
    /// # Errors
    ///
    /// As [`render`](Self::render), and where the result is null, a list or an object.
    pub fn render_text(&self, scope: &Scope) -> Result<String, EvalError> {
        let value = self.render(scope)?;
        if let Some(text) = value.text() {
            return Ok(text.into_owned());
        }
        if value.is_null()
            && let Some((kind, name)) = self.unset(scope)
        {
            let error =
                EvalError::new(format!("the {kind} `{name}` is not set, and a text is needed here"), self.0.span);
            return Err(error.help("set it (`engine plan` shows how), or write what to say instead: `… or ''`"));
        }
        let help = if value.is_null() {
            "where it may be null, write what to say instead: `… or ''`"
        } else {
            "name a member of it, or write `| tojson`"
        };
        Err(EvalError::new(format!("a text is needed here, not {}", value.a_kind()), self.0.span).help(help))
    }

    /// Finds the secret or input that it names and that nobody has set.
    fn unset(&self, scope: &Scope) -> Option<(&'static str, &str)> {
        self.names().iter().find_map(|used| {
            let kind = match used.root() {
                "secrets" => "secret",
                "inputs" => "input",
                _ => return None,
            };
            let name = used.path.get(1)?;
            scope.get(used.root())?.get(name)?.is_null().then_some((kind, &**name))
        })
    }

    /// Tells whether it names a secret.
    pub fn is_secret(&self) -> bool {
        self.0.is_secret()
    }
}

impl Source {
    fn parse(text: &str, span: Span, bare: bool) -> Self {
        let code = if bare { "condition-syntax" } else { "template-syntax" };
        let noun = if bare { "condition" } else { "template" };
        let mut analysis = Analysis::default();
        let mut deep = limit::too_many_operators(text, bare);
        let mut failed = None;
        if deep.is_none() && bare {
            match parse_expr(text) {
                Ok(expr) => {
                    deep = limit::too_deep(&expr);
                    if deep.is_none() {
                        analysis.expression(&expr, false);
                    }
                }
                Err(error) => failed = Some(error),
            }
        } else if deep.is_none() {
            match parse(text, "template", program::syntax()) {
                Ok(ast::Stmt::Template(template)) => {
                    deep = limit::too_deep_within(&template.children);
                    if deep.is_none() {
                        analysis.statements(&template.children);
                    }
                }
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        }
        if let Some(range) = deep {
            analysis.problems.push(limit::problem(code, noun, range));
        }
        if let Some(error) = failed {
            analysis.problems.push(syntax::describe(code, noun, text, &error));
        }
        let constant = analysis.problems.is_empty() && analysis.names.is_empty() && !analysis.calls;
        Self {
            text: text.into(),
            span,
            kind: SourceKind::Program { bare, program: OnceLock::new() },
            suspects: analysis.names.iter().filter(|name| name.may_be_secret()).cloned().collect(),
            names: analysis.names,
            problems: analysis.problems,
            constant,
        }
    }

    fn is_secret(&self) -> bool {
        self.names.iter().any(|name| name.root() == "secrets")
    }

    fn evaluate(&self, scope: &Scope) -> Result<Option<Value>, EvalError> {
        let (bare, program) = match &self.kind {
            SourceKind::Literal(value) => return Ok(Some(value.clone())),
            SourceKind::Program { bare, program } => (*bare, program),
        };
        if let Some(problem) = self.problems.first() {
            return Err(EvalError::new(problem.message.clone(), self.span));
        }
        let program = program
            .get_or_init(|| {
                Program::new(&self.text, bare).map_err(|error| error.detail().unwrap_or("it is not valid").to_owned())
            })
            .as_ref()
            .map_err(|message| EvalError::new(message.clone(), self.span))?;
        program.run(scope).map_err(|error| failure::explain(self, scope, &error))
    }

    /// Evaluates, and keeps secret what was made of a secret.
    fn evaluate_veiled(&self, scope: &Scope) -> Result<Option<Value>, EvalError> {
        let Some(value) = self.evaluate(scope)? else { return Ok(None) };
        for name in &self.suspects {
            match name.find(scope) {
                // What was only handed on has its secrets where they are.
                Some(found) if found.value.holds_secret() && !is_same(found.value, &value) => {
                    return Ok(Some(hide(value)));
                }
                _ => {}
            }
        }
        Ok(Some(value))
    }

    /// Says what is missing where an expression gave nothing.
    fn nothing(&self, scope: &Scope) -> EvalError {
        failure::missing(self, scope, 0..self.text.len()).unwrap_or_else(|| EvalError {
            missing: true,
            ..EvalError::new("this gives no value", self.span).help("add `| default(…)` for what may be missing")
        })
    }
}

fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => Arc::ptr_eq(left, right),
        (Value::Object(left), Value::Object(right)) => Arc::ptr_eq(left, right),
        _ => false,
    }
}

/// What was made of a secret is one: a text or a number, or all texts within a list or an object.
fn hide(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Secret(Secret::new(number.to_string())),
        other => hide_texts(other),
    }
}

fn hide_texts(value: Value) -> Value {
    match value {
        Value::String(text) => Value::Secret(Secret::new(text)),
        Value::List(list) => Value::list(list.items().iter().cloned().map(hide_texts).collect()),
        Value::Object(members) => {
            Value::object(members.iter().map(|(name, value)| (Arc::clone(name), hide_texts(value.clone()))))
        }
        other => other,
    }
}

/// Makes the literal of a scalar that is no string.
pub(crate) fn literal_of(scalar: &Scalar) -> Value {
    match scalar.kind {
        ScalarKind::Null => Value::Null,
        ScalarKind::Bool => Value::Bool(scalar.text.eq_ignore_ascii_case("true")),
        ScalarKind::Number => Value::Number(yaml_number(&scalar.text)),
        ScalarKind::String => Value::String(Arc::clone(&scalar.text)),
    }
}

/// Reads a number of YAML's core schema, keeping the digits of a decimal.
fn yaml_number(text: &str) -> Number {
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).map(Number::Int).ok();
    if let Some(number) = text.strip_prefix("0x").and_then(|digits| radix(digits, 16)) {
        return number;
    }
    if let Some(number) = text.strip_prefix("0o").and_then(|digits| radix(digits, 8)) {
        return number;
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    let unsigned = text.trim_start_matches(['-', '+']);
    // `.5` is a number of YAML, though not of JSON.
    let number =
        if unsigned.starts_with('.') { Number::parse(&format!("{sign}0{unsigned}")) } else { Number::parse(text) };
    number.unwrap_or_else(|| {
        let float = match text.trim_start_matches(['-', '+']).to_ascii_lowercase().as_str() {
            ".inf" => f64::INFINITY,
            other => other.parse().unwrap_or(f64::NAN),
        };
        Number::Float(if text.starts_with('-') { -float } else { float })
    })
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        Ok(match scalar.kind {
            ScalarKind::String => Self::new(&scalar.text, scalar.span),
            ScalarKind::Null => {
                return Err(serde::de::Error::custom("[wrong-type] a text is expected here, not null"));
            }
            ScalarKind::Bool | ScalarKind::Number => Self::literal(&scalar.text, literal_of(&scalar), scalar.span),
        })
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(crate::leaves::TEMPLATE, &*self.0.text)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean"],
            "description": "A text that may hold expressions: `{{ inputs.name }}`."
        })
    }
}
