//! What is sent with a request.

use engine_expr::{Dynamic, EvalError, Members, Scope, Template, Value};
use engine_source::{Map, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DraftBody, MultipartField};

/// What is sent with a request: one of its kinds.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "@key:body", rename_all = "snake_case")]
#[schemars(rename = "Body")]
pub enum Body {
    /// A value as JSON; members whose path is missing are left out.
    Json(Dynamic),
    /// An object as an HTML form; what is nested is written `a[b][c]`.
    Form(Dynamic),
    /// Fields and files as `multipart/form-data` (RFC 7578).
    Multipart(Map<MultipartField>),
    /// A text as it is.
    Text(Template),
    /// XML: a text as it is, or an object whose members become elements.
    Xml(Dynamic),
    /// A GraphQL operation, as JSON.
    Graphql(GraphqlBody),
    /// The content of a file; the path is relative to the spec.
    File(Template),
}

/// A GraphQL operation.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "graphql body", deny_unknown_fields)]
#[schemars(rename = "GraphqlBody")]
pub struct GraphqlBody {
    /// The operation; values belong into `variables`, not into its text.
    pub query: Template,
    /// The values of its variables.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub variables: Map<Dynamic>,
}

impl Body {
    /// Returns what is sent.
    ///
    /// # Errors
    ///
    /// Fails where a template does, where the value is missing, and for the kinds that are not supported yet.
    pub fn evaluate(&self, scope: &Scope) -> Result<DraftBody, EvalError> {
        let found = |value: &Dynamic| {
            let missing = || EvalError::new("the body is missing: this path finds nothing", value.span());
            value.evaluate(scope)?.ok_or_else(missing)
        };
        let unsupported =
            |kind: &str, span| Err(EvalError::new(format!("a `{kind}` body is not supported by this version"), span));
        match self {
            Self::Json(value) => found(value).map(DraftBody::Json),
            Self::Form(value) => found(value).map(DraftBody::Form),
            Self::Text(template) => {
                let value = template.render(scope)?;
                match value.text() {
                    Some(_) => Ok(DraftBody::Text(value)),
                    None => {
                        Err(EvalError::new(format!("a text is needed here, not {}", value.a_kind()), template.span()))
                    }
                }
            }
            Self::Graphql(graphql) => graphql.evaluate(scope).map(DraftBody::Json),
            Self::Multipart(_) => unsupported("multipart", Span::default()),
            Self::Xml(value) => unsupported("xml", value.span()),
            Self::File(path) => unsupported("file", path.span()),
        }
    }
}

impl GraphqlBody {
    /// Makes the JSON object that is sent.
    fn evaluate(&self, scope: &Scope) -> Result<Value, EvalError> {
        let mut members = Members::new();
        let query = self.query.render(scope)?;
        if query.text().is_none() {
            return Err(EvalError::new(format!("a text is needed here, not {}", query.a_kind()), self.query.span()));
        }
        members.insert("query", query);
        let mut variables = Members::new();
        for (name, value) in &self.variables {
            if let Some(value) = value.evaluate(scope)? {
                variables.insert(name.value.clone(), value);
            }
        }
        if !variables.is_empty() {
            members.insert("variables", Value::Object(variables.into()));
        }
        Ok(Value::Object(members.into()))
    }
}
