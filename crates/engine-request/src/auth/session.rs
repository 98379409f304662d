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
                _ => fields.insert(&*name.value, Token::field(&name.value, value)),
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use super::SessionAuth;
    use crate::answer::tests::answer;
    use crate::auth::{Auth, Authenticate, Held, Token};
    use crate::draft::tests::{read, scope};
    use crate::{Draft, RequestLine};

    /// Logs in with these answers, and shows what is sent then.
    fn check(yaml: &str, method: &str, answers: &[&str], expected: &str) {
        let auth: SessionAuth = read(yaml);
        let mut token: Option<Token> = None;
        let login = answers.iter().try_for_each(|text| {
            token = Some(auth.answered(&answer(text), token.take(), &scope("{}"))?);
            Ok(())
        });
        let apply = |token: Option<Token>| {
            let token = token.unwrap();
            let end = token.expires_at.map_or(String::new(), |at| format!(" until {at}"));
            let fields = token.fields.to_json();
            let line =
                RequestLine::parse(&format!("{method} https://api.test/a"), engine_source::Span::default()).unwrap();
            let mut draft = Draft::build(&line, None, &scope("{}")).unwrap();
            let held = Held { token: Some(Arc::new(token)), ..Held::default() };
            Auth::Session(auth.clone()).apply(&mut draft, &scope("{}"), &held)?;
            let request = draft.finish()?;
            let headers = request.headers.iter().map(|(name, value)| {
                assert!(value.is_sensitive(), "{name}");
                let text = String::from_utf8_lossy(value.as_bytes());
                assert!(request.redactor().redact(&text).contains("***"), "{text}");
                format!("{name}: {text}")
            });
            let headers: Vec<_> = headers.collect();
            let query = request.url.query().map(|query| format!("?{query} ")).unwrap_or_default();
            Ok(format!("{query}{}{end} {fields}", headers.join(", ")))
        };
        let shown = login.and_then(|()| apply(token)).unwrap_or_else(|error: engine_expr::EvalError| error.message);
        assert_eq!(shown, expected, "{yaml}");
    }

    #[test]
    fn sends_the_token_where_it_is_told_to() {
        let json = "200\n\n{\"session\": {\"token\": \"t1\", \"seconds\": 60}, \"account\": 7}";
        let answer = "answer: {token: $.session.token}";
        let check = |yaml: &str, expected: &str| check(&format!("login: log_in\n{yaml}"), "GET", &[json], expected);
        check(answer, "authorization: Bearer t1 {}");
        check(&format!("{answer}\nin: header.X-Session"), "x-session: t1 {}");
        check(&format!("{answer}\nin: header.authorization"), "authorization: Bearer t1 {}");
        check(&format!("{answer}\nin: header.X-Session\nprefix: Session"), "x-session: Session t1 {}");
        check(&format!("{answer}\nprefix: 'session='"), "authorization: session=t1 {}");
        check(&format!("{answer}\nprefix: ''"), "authorization: t1 {}");
        check(&format!("{answer}\nin: query.sid"), "?sid=t1  {}");
        check(&format!("{answer}\nin: cookie.SID"), "cookie: SID=t1 {}");
        check(
            "answer: {token: $.session.token, expires_in: $.session.seconds, account: $.account, gone: $.gone}",
            "authorization: Bearer t1 until 2025-03-01T10:01:00Z {\"account\":7}",
        );
        check(&format!("{answer}\nlifetime: 12h"), "authorization: Bearer t1 until 2025-03-01T22:00:00Z {}");
        check(
            "answer: {token: $.session.token, expires_in: $.session.seconds}\nlifetime: 12h",
            "authorization: Bearer t1 until 2025-03-01T10:01:00Z {}",
        );
    }

    #[test]
    fn fetches_a_token_of_sap_gateway_and_keeps_its_cookies() {
        let yaml = "login: fetch_token\nanswer: {token: header.X-CSRF-Token}\nin: header.X-CSRF-Token\nmethods: [POST, PATCH, PUT, DELETE]";
        let answers = [
            "200\nX-CSRF-Token: abc==\nSet-Cookie: SAP_SESSIONID=s1%3d; path=/; HttpOnly\nSet-Cookie: sap-usercontext=sap-client=100; path=/\n\n{\"d\": {}}",
        ];
        check(
            yaml,
            "POST",
            &answers,
            "x-csrf-token: abc==, cookie: SAP_SESSIONID=s1%3d; sap-usercontext=sap-client=100 {}",
        );
        check(yaml, "GET", &answers, " {}");
    }

    #[test]
    fn gathers_what_several_logins_give() {
        let yaml = "login: [greet, log_in]\nanswer: {token: $.token, realm: $.realm}";
        check(
            yaml,
            "GET",
            &[
                "200\nSet-Cookie: pre=1\nSet-Cookie: id=0\n\n{\"realm\": \"r\"}",
                "200\nSet-Cookie: id=2\nSet-Cookie: pre=; Max-Age=0\n\n{\"token\": \"t\"}",
            ],
            "authorization: Bearer t, cookie: id=2 {\"realm\":\"r\"}",
        );
        check(yaml, "GET", &["200\n\n{\"token\": \"t\"}", "200\n\n{}"], "authorization: Bearer t {}");
        check(yaml, "GET", &["200\n\n{}", "200\n\n{}"], "the answer of the login has no `$.token`");
    }

    #[test]
    fn cookies_alone_are_a_session() {
        check("login: log_in", "GET", &["204\nSet-Cookie: sid=a\n\n"], "cookie: sid=a {}");
        check(
            "login: log_in",
            "GET",
            &["200\n\n{\"x\": 1}"],
            "the login gave neither a token nor cookies: its body has `x`",
        );
        check(
            "login: log_in\nanswer: {token: $.token}",
            "GET",
            &["200\nSet-Cookie: sid=a\n\n{\"data\": {\"token\": \"hush\"}}"],
            "the answer of the login has no `$.token`: its body has `data.token`",
        );
        check(
            "login: log_in\nanswer: {token: $.token}",
            "GET",
            &["200\n\n{\"token\": {}}"],
            "a token is a text, not an object",
        );
    }
}
