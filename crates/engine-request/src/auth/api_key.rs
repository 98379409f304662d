//! A fixed value that comes with every request.

use engine_expr::{EvalError, Scope, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bearing::prefixed;
use super::{Authenticate, Held, proof};
use crate::{Draft, Method, Place, Target};

/// Sends a fixed value with every request.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "api_key auth", deny_unknown_fields)]
#[schemars(rename = "ApiKeyAuth")]
pub struct ApiKeyAuth {
    /// The value, such as `"{{ secrets.api_key }}"`.
    pub value: Template,
    /// Where it is sent; `header.X-API-Key` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// What stands before the value, such as `Token`; a space follows it unless it ends in a character that is neither letter nor digit.
    pub prefix: Option<Template>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

impl Authenticate for ApiKeyAuth {
    fn apply(&self, draft: &mut Draft, scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        let value = proof(&self.value, "API key", scope)?;
        draft.hide(&value);
        let text = match &self.prefix {
            Some(prefix) => prefixed(&prefix.render_text(scope)?, &value),
            None => value,
        };
        match &self.place {
            Some(place) => draft.put_secret(place, text),
            None => draft.put_secret(&Place::new(Target::Header("X-API-Key".into())), text),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::tests::check;

    #[test]
    fn sends_the_value_where_it_is_told_to() {
        check("{type: api_key, value: v}", "/a?k=old x-api-key: v");
        check("{type: api_key, value: '{{ secrets.key }}', in: query.k}", "/a?k=***");
        check("{type: api_key, value: v, in: cookie.c}", "/a?k=old cookie: c=v");
        check("{type: api_key, value: v, in: body.key}", "/a?k=old content-type {\"key\":\"v\"}");
        check("{type: api_key, value: ''}", "the API key is empty");
    }

    #[test]
    fn a_word_before_the_value_is_followed_by_a_space() {
        check("{type: api_key, value: v, prefix: Token, in: header.Authorization}", "/a?k=old authorization: Token v");
        check(
            "{type: api_key, value: v, prefix: 'Token ', in: header.Authorization}",
            "/a?k=old authorization: Token v",
        );
        check(
            "{type: api_key, value: v, prefix: 'apikey=', in: header.Authorization}",
            "/a?k=old authorization: apikey=v",
        );
    }
}
