//! What is sent with a request.

use engine_expr::{Dynamic, EvalError, Members, Scope, Secret, Template, Value};
use engine_source::{Map, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::collect;
use crate::form_data::FormData;
use crate::{DraftBody, DraftFile, MultipartField, graphql};

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
    /// CSV: a text as it is, or a list of objects, each of which is a line below the names of their members.
    Csv(Dynamic),
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
    /// The values of its variables: an object, or a template that gives one.
    pub variables: Option<Dynamic>,
    /// Which operation to run, where the text has several.
    pub operation_name: Option<Template>,
}

impl Body {
    /// Returns where its value is written, where it is one.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Json(value) | Self::Form(value) | Self::Xml(value) | Self::Csv(value) => Some(value.span()),
            Self::Text(template) | Self::File(template) => Some(template.span()),
            Self::Graphql(graphql) => Some(graphql.query.span()),
            Self::Multipart(fields) => fields.iter().next().map(|(name, _)| name.span),
        }
    }

    /// Returns what is sent.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where the value is missing.
    pub(crate) fn evaluate(&self, scope: &Scope, secrets: &mut Vec<Secret>) -> Result<DraftBody, EvalError> {
        let found = |value: &Dynamic| {
            let missing = || EvalError::new("the body is missing: this path finds nothing", value.span());
            value.evaluate(scope)?.ok_or_else(missing)
        };
        let body = match self {
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
            Self::Graphql(graphql) => graphql.evaluate(scope).map(DraftBody::Graphql),
            Self::Multipart(fields) => {
                FormData::new(fields, scope, secrets).map(|form| DraftBody::Multipart(Box::new(form)))
            }
            Self::Xml(value) => found(value).map(DraftBody::Xml),
            Self::Csv(value) => found(value).map(DraftBody::Csv),
            Self::File(path) => DraftFile::new(path, scope).map(DraftBody::File),
        }?;
        if let Some(value) = body.value() {
            collect(value, secrets);
        }
        Ok(body)
    }
}

impl GraphqlBody {
    /// Tells whether it is known to ask only: its text has no templates, and no mutation.
    pub fn is_query(&self) -> bool {
        self.query.as_literal().and_then(Value::as_str).is_some_and(graphql::only_asks)
    }

    /// Makes the JSON object that is sent.
    fn evaluate(&self, scope: &Scope) -> Result<Value, EvalError> {
        let mut members = Members::new();
        let query = self.query.render(scope)?;
        if query.text().is_none() {
            return Err(EvalError::new(format!("a text is needed here, not {}", query.a_kind()), self.query.span()));
        }
        members.insert("query", query);
        if let Some(dynamic) = &self.variables {
            match dynamic.evaluate(scope)? {
                None | Some(Value::Null) => {}
                Some(Value::Object(variables)) if variables.is_empty() => {}
                Some(variables @ Value::Object(_)) => {
                    members.insert("variables", variables);
                }
                Some(other) => {
                    let error = format!("the variables are {}, and no object", other.a_kind());
                    return Err(EvalError::new(error, dynamic.span()));
                }
            }
        }
        if let Some(name) = &self.operation_name {
            let name = name.render(scope)?;
            if !name.is_null() {
                members.insert("operationName", name);
            }
        }
        Ok(Value::Object(members.into()))
    }
}
