//! What is sent with a request.

use engine_expr::{Dynamic, Template};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::MultipartField;

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
