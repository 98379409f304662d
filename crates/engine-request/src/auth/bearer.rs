//! A token in the `Authorization` header (RFC 6750).

use engine_expr::{EvalError, Scope, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Authenticate, Held, proof};
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
    fn apply(&self, draft: &mut Draft, scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        let token = proof(&self.token, "token", scope)?;
        draft.hide(&token);
        draft.put_secret(&Place::new(Target::Header("Authorization".into())), format!("Bearer {token}"))
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::tests::check;

    #[test]
    fn sends_the_token() {
        check("{type: bearer, token: abc.def}", "/a?k=old authorization: Bearer abc.def");
        check("{type: bearer, token: ''}", "the token is empty");
        check("{type: bearer, token: \"a\\nb\"}", "the value of the header `Authorization` has a line break");
    }
}
