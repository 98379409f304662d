//! A token in the `Authorization` header (RFC 6750).

use engine_expr::{EvalError, Scope, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Authenticate, proof};
use crate::{Draft, Method, Place, Target};

/// Sends a token in the `Authorization` header (RFC 6750).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "bearer auth", deny_unknown_fields)]
#[schemars(rename = "BearerAuth")]
pub struct BearerAuth {
    /// The token, such as `"{{ secrets.token }}"`.
    pub token: Template,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

impl Authenticate for BearerAuth {
    fn apply(&self, draft: &mut Draft, scope: &Scope) -> Result<(), EvalError> {
        let token = proof(&self.token, "token", scope)?;
        draft.put_secret(&Place::new(Target::Header("Authorization".into())), format!("Bearer {token}"))
    }
}
