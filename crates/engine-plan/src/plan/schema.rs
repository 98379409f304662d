//! JSON Schemas that are compiled.

use std::fmt;
use std::sync::Arc;

use engine_expr::Value;
use engine_source::Span;

/// A compiled JSON Schema (draft 2020-12).
#[derive(Clone)]
pub struct Schema {
    validator: Arc<jsonschema::Validator>,
    span: Span,
}

/// Why a value does not fit a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// Where in the value (RFC 6901); empty for the value itself.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

impl Schema {
    /// Joins a validator and the place of its schema.
    pub(crate) fn new(validator: jsonschema::Validator, span: Span) -> Self {
        Self { validator: Arc::new(validator), span }
    }

    /// Returns where it is written.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Says whether a value fits.
    ///
    /// # Errors
    ///
    /// Gives the first thing that does not.
    pub fn check(&self, value: &Value) -> Result<(), SchemaError> {
        let fail = |message: String| Err(SchemaError { pointer: String::new(), message });
        let value = match serde_json::to_value(value) {
            Ok(value) => value,
            Err(error) => return fail(error.to_string()),
        };
        match self.validator.validate(&value) {
            Ok(()) => Ok(()),
            Err(error) => Err(SchemaError { pointer: error.instance_path().to_string(), message: error.to_string() }),
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema")
    }
}
