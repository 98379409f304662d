//! A token or cookies from a login.

use engine_expr::{EvalError, Members, Scope, Secret, Setting, Template, Value};
use engine_source::Span;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bearing::bear;
use super::cookies::gather;
use super::expiry::end_of;
use super::oauth2::{listed, members_of};
use super::{Authenticate, Held, Token};
use crate::{Answer, AnswerPlace, Draft, Method, Name, Named, OneOrMany, Period, Place, Target};

/// Logs in before the first request, and again once after a 401; keeps the cookies of the answer.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "session auth", deny_unknown_fields)]
#[schemars(rename = "SessionAuth")]
pub struct SessionAuth {
    /// The endpoint of this API that logs in, or a list of them that are called in turn.
    ///
    /// It is called with what else proves who is asking, but without this auth.
    pub login: OneOrMany<Name>,
    /// What is taken from the answer: `token`, `expires_in`, and whatever else is wanted as `auth.NAME`.
    ///
    /// Of several logins the last one that has it counts. The cookies that they set are kept and sent without being named.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Named<AnswerPlace>>")]
    pub answer: Named<AnswerPlace>,
    /// Where the token is sent; after `Bearer` in `header.Authorization` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// What stands before the token, as in `api_key` auth; `Bearer` in `header.Authorization` if not given.
    pub prefix: Option<Template>,
    /// How long a login holds, where the answer does not say.
    pub lifetime: Option<Setting<Period>>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

impl Authenticate for SessionAuth {
    fn apply(&self, draft: &mut Draft, scope: &Scope, held: &Held) -> Result<(), EvalError> {
        let Some(token) = &held.token else {
            return Err(EvalError::new("there is no login for the `session` auth", self.span()));
        };
        self.check(token, "")?;
        for (name, value) in &token.cookies {
            draft.hide(value.expose());
            draft.put_secret(&Place::new(Target::Cookie(name.as_str().into())), value.expose().to_owned())?;
        }
        match &token.value {
            Some(value) => bear(draft, self.place.as_ref(), self.prefix.as_ref(), value.expose(), scope),
            None => Ok(()),
        }
    }
}

impl SessionAuth {
    /// Reads the answer of a login, after those `before` it.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where there is neither the token that the spec names nor anything else.
    pub fn answered(&self, answer: &Answer, before: Option<Token>, scope: &Scope) -> Result<Token, EvalError> {
        let now = scope.host().map(|host| host.now());
        let now = now.ok_or_else(|| EvalError::new("the time is not known here", self.span()))?;
        let mut token = before.unwrap_or_default();
        token.fetched_at = now;
        gather(&mut token.cookies, answer, now);
        let mut fields = token.fields.as_object().cloned().unwrap_or_else(Members::new);
        for (name, place) in self.answer.iter() {
            let Some(value) = place.take(answer, scope)?.filter(|value| !value.is_null()) else { continue };
            match &*name.value {
                "token" => {
                    let Some(text) = value.text() else {
                        let message = format!("a token is a text, not {}", value.a_kind());
                        return Err(EvalError::new(message, place.span()));
                    };
                    if !text.is_empty() {
                        token.value = Some(Secret::new(&*text));
                    }
                }
                "expires_in" | "expires_at" => token.expires_at = end_of(&value, now).or(token.expires_at),
                _ => fields.insert(&*name.value, value),
            }
        }
        token.fields = Value::Object(fields.into());
        if let (None, Some(lifetime)) = (token.expires_at, &self.lifetime) {
            token.expires_at = after(now, lifetime.resolve(scope)?);
        }
        // Of several logins any may give it: that is known when it is needed.
        if let [_] = self.login.as_slice() {
            let has = match listed(&members_of(answer.value(), "")) {
                names if names.is_empty() => String::new(),
                names => format!(": its body has {names}"),
            };
            self.check(&token, &has)?;
        }
        Ok(token)
    }

    /// Sees that a login gave what the spec says.
    fn check(&self, token: &Token, has: &str) -> Result<(), EvalError> {
        if token.value.is_some() {
            return Ok(());
        }
        if let Some(place) = self.answer.get("token") {
            let message = format!("the answer of the login has no `{}`{has}", place.text());
            return Err(EvalError::new(message, place.span()));
        }
        let has_fields = token.fields.as_object().is_some_and(|fields| !fields.is_empty());
        if token.cookies.is_empty() && !has_fields {
            let error = EvalError::new(format!("the login gave neither a token nor cookies{has}"), self.span());
            return Err(error.help("say where the token is: `answer: {token: $.token}`"));
        }
        Ok(())
    }

    /// Returns the place of the first login.
    fn span(&self) -> Span {
        self.login.as_slice().first().map(Name::span).unwrap_or_default()
    }
}

fn after(time: Timestamp, period: Period) -> Option<Timestamp> {
    time.checked_add(SignedDuration::try_from(period.duration()).ok()?).ok()
}
