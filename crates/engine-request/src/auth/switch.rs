//! One of several kinds of auth, chosen by an input.

use engine_expr::Template;
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Auths;
use crate::Method;

/// Chooses the auth by the value of a template over inputs.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "switch auth", deny_unknown_fields)]
#[schemars(rename = "SwitchAuth")]
pub struct SwitchAuth {
    /// The value that chooses, such as `"{{ inputs.environment }}"`.
    pub on: Template,
    /// The auth for each value.
    pub cases: Map<Auths>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}
