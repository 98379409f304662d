//! A user name and a password (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{EvalError, Scope, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Authenticate, Held};
use crate::{Draft, Method, Place, Target};

/// Sends a user name and a password in the `Authorization` header (RFC 7617).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "basic auth", deny_unknown_fields)]
#[schemars(rename = "BasicAuth")]
pub struct BasicAuth {
    /// The user name.
    pub username: Template,
    /// The password; empty if not given.
    pub password: Option<Template>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

impl Authenticate for BasicAuth {
    fn apply(&self, draft: &mut Draft, scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        let username = self.username.render_text(scope)?;
        let password =
            self.password.as_ref().map(|password| password.render_text(scope)).transpose()?.unwrap_or_default();
        if username.contains(':') {
            let error = EvalError::new("the user name has a `:`, which ends it (RFC 7617)", self.username.span());
            return Err(error.help("put what follows the `:` into `password`"));
        }
        if username.is_empty() && password.is_empty() {
            let error = EvalError::new("the user name and the password are empty", self.username.span());
            return Err(error.help("check the secrets that they are made of"));
        }
        draft.hide(&password);
        let credentials = STANDARD.encode(format!("{username}:{password}"));
        draft.hide(&credentials);
        draft.put_secret(&Place::new(Target::Header("Authorization".into())), format!("Basic {credentials}"))
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::tests::check;

    #[test]
    fn sends_both_in_base64() {
        check(
            "{type: basic, username: Aladdin, password: open sesame}",
            "/a?k=old authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        );
        check("{type: basic, username: test, password: 123£}", "/a?k=old authorization: Basic dGVzdDoxMjPCow==");
        check("{type: basic, username: key}", "/a?k=old authorization: Basic a2V5Og==");
    }

    #[test]
    fn refuses_what_the_server_would_read_otherwise() {
        check("{type: basic, username: 'a:b', password: c}", "the user name has a `:`, which ends it (RFC 7617)");
        check("{type: basic, username: '', password: ''}", "the user name and the password are empty");
    }
}
