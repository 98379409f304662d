//! A token or cookies from a login.

use engine_expr::{Setting, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AnswerPlace, Method, Name, Named, OneOrMany, Period, Place};

/// Logs in before the first request, and again once after a 401; keeps the cookies of the answer.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "session auth", deny_unknown_fields)]
#[schemars(rename = "SessionAuth")]
pub struct SessionAuth {
    /// The endpoint of this API that logs in, or a list of them that are called in turn.
    pub login: OneOrMany<Name>,
    /// What is taken from the answer: `token`, `expires_in`, and whatever else is wanted as `auth.NAME`.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Named<AnswerPlace>>")]
    pub answer: Named<AnswerPlace>,
    /// Where the token is sent; after `Bearer` in `header.Authorization` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// What stands before the token, as in `api_key` auth.
    pub prefix: Option<Template>,
    /// How long a login holds, where the answer does not say.
    pub lifetime: Option<Setting<Period>>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}
