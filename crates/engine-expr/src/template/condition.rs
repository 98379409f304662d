//! Conditions: expressions that are true or false, written bare.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use engine_source::{Scalar, ScalarKind, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{NameUse, Source, SourceKind, literal_of};
use crate::path::JsonPath;
use crate::problem::{EvalError, Problem};
use crate::scope::Scope;
use crate::value::Value;

/// An expression that is true or false, written bare: `item.total > 100 and item.paid`.
///
/// `{{ }}` around the whole is accepted. An error in it is an error, never false.
#[derive(Clone)]
pub struct Condition(Arc<Source>);

impl Condition {
    /// Parses an expression; a wrong one keeps its [`problems`](Self::problems).
    pub fn new(text: &str, span: Span) -> Self {
        let trimmed = text.trim();
        if JsonPath::is_path(trimmed) {
            return Self(Arc::new(Self::path(text, trimmed, span)));
        }
        let wrapped = trimmed.starts_with("{{") && trimmed.ends_with("}}") && trimmed.matches("{{").count() == 1;
        let mut source = Source::parse(text, span, !wrapped);
        if !wrapped && let (true, Some(start)) = (!source.problems.is_empty(), text.find("{{")) {
            let end = text.rfind("}}").map_or(text.len(), |end| end + 2).max(start);
            source.problems = vec![
                Problem::new(
                    "condition-syntax",
                    "invalid condition: `{{ }}` around a part of it",
                    start..end,
                    "not needed",
                )
                .help("a condition is an expression already: take the braces away"),
            ];
        }
        for problem in &mut source.problems {
            if problem.code == "template-syntax" && wrapped {
                problem.code = "condition-syntax";
            }
        }
        Self(Arc::new(source))
    }

    fn path(text: &str, trimmed: &str, span: Span) -> Source {
        let start = text.find(trimmed).unwrap_or(0);
        let end = start + path_length(trimmed);
        let path = text.get(start..end).unwrap_or_default();
        let rest = text.get(end..).unwrap_or_default().trim_end();
        let form = item_form(path);
        let help = match &form {
            Some(form) => format!("write `{form}{rest}`"),
            None => format!(
                "write `jsonpath(item, {}){rest}`",
                if path.contains('\'') { format!("\"{path}\"") } else { format!("'{path}'") }
            ),
        };
        let mut source = Source::parse("true", span, true);
        source.text = text.into();
        source.problems = vec![
            Problem::new(
                "path-as-condition",
                format!("a condition is an expression, not a path: `{path}`"),
                start..end,
                "a path",
            )
            .help(help)
            .meant(form),
        ];
        source
    }

    /// Returns the text as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the scalar that holds the condition.
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

    /// Tells whether it is true.
    ///
    /// # Errors
    ///
    /// Fails where a member is missing, types do not fit, or the result is neither true nor false (nor a value that says so: an
    /// empty text, list or object and 0 are false).
    pub fn test(&self, scope: &Scope) -> Result<bool, EvalError> {
        let value = self.0.evaluate(scope)?.ok_or_else(|| self.0.nothing(scope))?;
        Ok(match value {
            Value::Bool(it) => it,
            Value::Null => false,
            Value::Number(number) => !number.is_zero(),
            Value::String(text) => !text.is_empty(),
            Value::Secret(_) => true,
            Value::List(list) => !list.items().is_empty(),
            Value::Object(members) => !members.is_empty(),
        })
    }
}

/// Writes a path as the expression that means the same.
/// Returns the expression that a path stands for; only a path to one value has a short one.
fn item_form(path: &str) -> Option<String> {
    let rest = path.trim_start_matches('$');
    (!rest.contains(['?', '*']) && !rest.contains("..")).then(|| format!("item{rest}"))
}

/// Returns how much of a text is the path at its start: blanks end it, but not within brackets.
fn path_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, char) in text.char_indices() {
        match char {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ if char.is_whitespace() && depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        match scalar.kind {
            ScalarKind::String => Ok(Self::new(&scalar.text, scalar.span)),
            ScalarKind::Bool => {
                let mut source = Source::parse("true", scalar.span, true);
                source.text = (&*scalar.text).into();
                source.kind = SourceKind::Literal(literal_of(&scalar));
                Ok(Self(Arc::new(source)))
            }
            ScalarKind::Null | ScalarKind::Number => Err(serde::de::Error::custom(
                "[wrong-type] a condition is expected here\nhelp: write an expression: `item.total > 100`",
            )),
        }
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(crate::leaves::CONDITION, &*self.0.text)
    }
}

impl JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "boolean"],
            "description": "An expression that is true or false, written bare: `item.total > 100 and item.paid`."
        })
    }
}
