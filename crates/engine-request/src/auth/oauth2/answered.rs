//! Answers of token URLs.

use std::borrow::Cow;

use engine_expr::{EvalError, JsonPath, Members, Scope, Secret, Value};
use engine_source::Span;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use url::form_urlencoded;

use super::OAuth2Auth;
use super::refusal::{TokenError, no_token, redirect, refusal};
use crate::auth::Token;
use crate::auth::expiry::end_of;
use crate::{Answer, AnswerPlace, Redactor};

impl OAuth2Auth {
    /// Reads the answer to a request for a token. One without a refresh token keeps the old one.
    ///
    /// # Errors
    ///
    /// Fails where the server refuses, in a good answer too, and where the answer has no token.
    pub fn answered(&self, answer: &Answer, kept: Option<&Token>, scope: &Scope) -> Result<Token, TokenError> {
        let form = form_of(answer);
        let answer = form.as_ref().unwrap_or(answer);
        let redactor = self.redactor(kept, scope);
        let token = match self.taken("token", "access_token", answer, scope)? {
            Some(token) if answer.is_success() => token,
            _ => {
                let wanted = self.answer.get("token").map_or(Cow::from("$.access_token"), AnswerPlace::text);
                if let Some(leads) = redirect(answer) {
                    return Err(leads);
                }
                let found = self.found("token", "access_token", answer, scope)?;
                return Err(
                    refusal(answer, &redactor).unwrap_or_else(|| no_token(answer, &wanted, found.as_ref(), &redactor))
                );
            }
        };
        let now = now(scope, self.token_url.span())?;
        // What an answer to a refresh does not repeat still holds.
        let known = kept.and_then(|kept| kept.fields.as_object()).into_iter().flat_map(Members::iter);
        let mut fields: Members = known
            .filter(|(name, _)| self.answer.contains_key(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, place) in self.answer.iter() {
            if matches!(&*name.value, "token" | "expires_in" | "expires_at" | "refresh_token") {
                continue;
            }
            if let Some(value) = place.take(answer, scope)?.filter(|value| !value.is_null()) {
                fields.insert(&*name.value, Token::field(&name.value, value));
            }
        }
        let expires_in = match self.value("expires_in", "expires_in", answer, scope)? {
            None if self.answer.contains_key("expires_at") => self.value("expires_at", "expires_at", answer, scope)?,
            found => found,
        };
        let refresh = self.taken("refresh_token", "refresh_token", answer, scope)?;
        Ok(Token {
            value: Some(token),
            expires_at: expires_in.and_then(|value| end_of(&value, now)),
            fetched_at: now,
            refresh: refresh.or_else(|| kept.and_then(|kept| kept.refresh.clone())),
            fields: Value::Object(fields.into()),
            cookies: Vec::new(),
        })
    }

    /// Takes something out of an answer: from the place that the spec gives, else by the name of RFC 6749.
    fn value(&self, name: &str, usual: &str, answer: &Answer, scope: &Scope) -> Result<Option<Value>, EvalError> {
        Ok(self.found(name, usual, answer, scope)?.filter(|value| !value.is_null()))
    }

    /// Finds something in an answer, null too.
    fn found(&self, name: &str, usual: &str, answer: &Answer, scope: &Scope) -> Result<Option<Value>, EvalError> {
        match self.answer.get(name) {
            Some(place) => place.take(answer, scope),
            None => JsonPath::new(format!("$.{usual}"), Span::default()).value(answer.value()),
        }
    }

    /// Takes a text out of an answer that is never shown.
    fn taken(&self, name: &str, usual: &str, answer: &Answer, scope: &Scope) -> Result<Option<Secret>, EvalError> {
        // `true` is no token: it says that there is one somewhere else.
        let found = self.value(name, usual, answer, scope)?.filter(|value| !matches!(value, Value::Bool(_)));
        let text = found.as_ref().and_then(Value::text).filter(|text| !text.is_empty());
        Ok(text.map(|text| Secret::new(&*text)))
    }

    /// Returns what takes the secrets out of what a server says: it may repeat what it was asked.
    pub(super) fn redactor(&self, kept: Option<&Token>, scope: &Scope) -> Redactor {
        let templates = [&self.client_secret, &self.password, &self.refresh_token];
        let told = templates.into_iter().flatten().filter_map(|template| template.render_text(scope).ok());
        let known = kept.into_iter().flat_map(Token::secrets).cloned();
        Redactor::new(told.map(Secret::new).chain(known))
    }
}

/// Returns the time now.
pub(super) fn now(scope: &Scope, span: Span) -> Result<Timestamp, EvalError> {
    scope.host().map(|host| host.now()).ok_or_else(|| EvalError::new("the time is not known here", span))
}

/// Reads an answer that is a form, as those of GitHub and of old servers are, as one with an object.
pub(super) fn form_of(answer: &Answer) -> Option<Answer> {
    let Value::String(text) = answer.value() else { return None };
    let kind = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
    let is_form = kind.contains("x-www-form-urlencoded")
        || ["access_token=", "error="].iter().any(|start| text.trim_start().starts_with(start));
    if !is_form {
        return None;
    }
    let pairs = form_urlencoded::parse(text.trim().as_bytes());
    let members: Members = pairs.map(|(name, value)| (name.as_ref().into(), Value::from(value.as_ref()))).collect();
    let read = Answer::new(answer.status, answer.headers.clone(), answer.url.clone(), answer.body.clone());
    Some(read.with_value(Value::Object(members.into())))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::{Secret, Value};

    use crate::answer::tests::answer;
    use crate::auth::{OAuth2Auth, Token};
    use crate::draft::tests::{read, scope};

    fn auth(yaml: &str) -> OAuth2Auth {
        read(&format!("grant: client_credentials\ntoken_url: https://login.test/token\n{yaml}"))
    }

    /// Shows a token: value, end, refresh token, fields.
    fn check(yaml: &str, text: &str, expected: &str) {
        let auth = auth(yaml);
        let kept = Token { refresh: Some(Secret::new("old-refresh")), ..Token::default() };
        let shown = match auth.answered(&answer(text), Some(&kept), &scope("{}")) {
            Ok(token) => {
                assert_eq!(token.fetched_at.to_string(), "2025-03-01T10:00:00Z");
                let text = |secret: Option<&Secret>| secret.map_or("-".to_owned(), |it| it.expose().to_owned());
                let end = token.expires_at.map_or("-".to_owned(), |at| at.to_string());
                format!(
                    "{} {end} {} {}",
                    text(token.value.as_ref()),
                    text(token.refresh.as_ref()),
                    token.fields.to_json()
                )
            }
            Err(error) => format!("{error}{}", if error.is_temporary() { " (temporary)" } else { "" }),
        };
        assert_eq!(shown, expected, "{yaml} {text}");
    }

    #[test]
    fn reads_the_names_of_rfc_6749() {
        let hour = "2025-03-01T11:00:00Z";
        check(
            "",
            r#"200

{"access_token": "a", "token_type": "bearer", "expires_in": 3600, "refresh_token": "new"}"#,
            &format!("a {hour} new {{}}"),
        );
        check("", "200\n\n{\"access_token\": \"a\", \"expires_in\": \"3600\"}", &format!("a {hour} old-refresh {{}}"));
        check("", "200\n\n{\"access_token\": \"a\", \"refresh_token\": \"\"}", "a - old-refresh {}");
        check(
            "",
            "200\n\n{\"access_token\": \"a\", \"refresh_token\": null, \"expires_in\": null}",
            "a - old-refresh {}",
        );
        check("", "201\n\n{\"access_token\": 12345}", "12345 - old-refresh {}");
        for nothing in ["0", "-1", "\"\"", "\"soon\"", "{}", "1e999"] {
            check("", &format!("200\n\n{{\"access_token\": \"a\", \"expires_in\": {nothing}}}"), "a - old-refresh {}");
        }
    }

    #[test]
    fn takes_what_it_needs_from_any_place() {
        check(
            "answer: {token: $.data.jwt, expires_in: $.data.until, refresh_token: header.X-Refresh, instance_url: $.instance_url, gone: $.gone, none: $.none}",
            r#"200
X-Refresh: r2

{"data": {"jwt": "j", "until": "2025-03-01T12:00:00Z"}, "instance_url": "https://eu.test", "none": null}"#,
            r#"j 2025-03-01T12:00:00Z r2 {"instance_url":"https://eu.test"}"#,
        );
        check(
            "answer: {token: cookie.sid, expires_at: $.end}",
            "200\nSet-Cookie: sid=c1; Path=/\n\n{\"end\": 1740826800000}",
            "c1 2025-03-01T11:00:00Z old-refresh {}",
        );
        check(
            "answer: {token: '{{ response.body.a }}.{{ response.body.b }}', n: '{{ response.body.n * 2 }}'}",
            "200\n\n{\"a\": \"x\", \"b\": \"y\", \"n\": 4}",
            "x.y - old-refresh {\"n\":8}",
        );
        check("answer: {token: $}", "200\nContent-Type: text/plain\n\nplain-token", "plain-token - old-refresh {}");
        check("answer: {token: $}", "200\n\n\"quoted\"", "quoted - old-refresh {}");
        check("answer: {token: '$[0].token'}", "200\n\n[{\"token\": \"t\"}]", "t - old-refresh {}");
    }

    #[test]
    fn reads_forms_of_old_servers() {
        let form = "200\nContent-Type: application/x-www-form-urlencoded\n\n";
        check("", &format!("{form}access_token=g%2Bh&scope=repo&token_type=bearer"), "g+h - old-refresh {}");
        check(
            "",
            "200\nContent-Type: text/plain\n\naccess_token=f&expires_in=60",
            "f 2025-03-01T10:01:00Z old-refresh {}",
        );
        check(
            "",
            &format!("{form}error=bad_verification_code&error_description=The+code+is+wrong."),
            "the provider refuses: bad_verification_code (The code is wrong.), status 200",
        );
    }

    #[test]
    fn says_why_it_was_refused() {
        let cases = [
            (
                "400\n\n{\"error\": \"invalid_grant\", \"error_description\": \"gone\"}",
                "the provider refuses: invalid_grant (gone), status 400",
            ),
            ("401\n\n{\"error\": \"invalid_client\"}", "the provider refuses: invalid_client, status 401"),
            ("200\n\n{\"ok\": false, \"error\": \"invalid_code\"}", "the provider refuses: invalid_code, status 200"),
            (
                "503\n\n{\"error\": \"temporarily_unavailable\"}",
                "the provider refuses: temporarily_unavailable, status 503 (temporary)",
            ),
            ("400\n\n{\"error\": \"server_error\"}", "the provider refuses: server_error, status 400 (temporary)"),
            (
                "401\n\n{\"error\": {\"code\": 401, \"message\": \"bad key\", \"status\": \"UNAUTHENTICATED\"}}",
                "the provider refuses: 401 (bad key), status 401",
            ),
            (
                "400\n\n{\"errorCode\": \"E0000004\", \"errorSummary\": \"Authentication failed\"}",
                "the provider refuses: E0000004 (Authentication failed), status 400",
            ),
            ("403\n\n{\"message\": \"Forbidden\"}", "the provider refuses: Forbidden, status 403"),
            (
                "502\n\n<html>\n Bad   gateway</html>",
                "the token URL answered 502: <html> Bad gateway</html> (temporary)",
            ),
            ("500\n\n", "the token URL answered 500 (temporary)"),
            ("302\nLocation: /login?state=hush\n\n", "the token URL answered 302, a redirect to `api.test`"),
            (
                "307\nLocation: https://sso.test:8443/hush\n\n{\"message\": \"moved\"}",
                "the token URL answered 307, a redirect to `sso.test:8443`",
            ),
            ("302\n\n", "the token URL answered 302"),
            // A token in an answer that fails is no token.
            ("400\n\n{\"access_token\": \"a\"}", "the token URL answered 400: it has `access_token`"),
        ];
        for (text, expected) in cases {
            check("", text, expected);
        }
    }

    #[test]
    fn an_answer_without_a_token_names_what_it_has_but_no_value() {
        let cases = [
            (
                "200\n\n{\"data\": {\"jwt\": \"hush\", \"ttl\": 5}, \"id\": \"hush\"}",
                "the answer of the token URL has no `$.access_token`: it has `data.jwt`, `data.ttl`, `id`",
            ),
            ("200\n\n", "the answer of the token URL has no `$.access_token`: it is empty"),
            ("200\n\n{}", "the answer of the token URL has no `$.access_token`: it is an empty object"),
            ("200\n\n[\"hush\"]", "the answer of the token URL has no `$.access_token`: it is a list"),
            ("200\n\n<html>hush</html>", "the answer of the token URL has no `$.access_token`: it is not JSON"),
            (
                "200\n\n{\"access_token\": \"\", \"error\": \"\"}",
                "`$.access_token` in the answer of the token URL is empty: it has `access_token`, `error`",
            ),
            (
                "200\n\n{\"access_token\": {\"v\": \"hush\"}}",
                "`$.access_token` in the answer of the token URL is an object, not a text: it has `access_token.v`",
            ),
            (
                "200\n\n{\"access_token\": null, \"jwt\": \"hush\"}",
                "`$.access_token` in the answer of the token URL is null: it has `access_token`, `jwt`",
            ),
            (
                "200\n\n{\"access_token\": true}",
                "`$.access_token` in the answer of the token URL is a boolean, not a text: it has `access_token`",
            ),
            (
                "200\n\n{\"access_token\": [\"hush\"]}",
                "`$.access_token` in the answer of the token URL is a list, not a text: it has `access_token`",
            ),
        ];
        for (text, expected) in cases {
            check("", text, expected);
        }
        check(
            "answer: {token: $.data.token}",
            "200\n\n{\"access_token\": \"hush\"}",
            "the answer of the token URL has no `$.data.token`: it has `access_token`",
        );
    }

    #[test]
    fn a_server_that_repeats_a_secret_is_not_quoted() {
        check(
            "client_secret: '{{ secrets.key }}'\npassword: pa55word",
            r#"400

{"error": "invalid_client", "error_description": "s/3+c r%t\"é is wrong, pa55word too, and old-refresh"}"#,
            "the provider refuses: invalid_client (*** is wrong, *** too, and ***), status 400",
        );
    }

    #[test]
    fn says_what_to_do() {
        let remedy = |grant: &str, error: &str| {
            let auth: OAuth2Auth = read(&format!("grant: {grant}\ntoken_url: https://login.test/token"));
            let text = format!("400\n\n{{\"error\": \"{error}\"}}");
            let error = auth.answered(&answer(&text), None, &scope("{}")).unwrap_err();
            auth.remedy(&error).unwrap_or_default()
        };
        assert!(remedy("authorization_code", "invalid_grant").contains("engine auth login"));
        assert!(remedy("refresh_token", "invalid_grant").contains("put a new one"));
        assert!(remedy("password", "invalid_grant").contains("`password`"));
        assert!(remedy("client_credentials", "invalid_client").contains("`client_auth`"));
        assert!(remedy("client_credentials", "invalid_scope").contains("`scope_separator`"));
        assert_eq!(remedy("client_credentials", "odd"), "");
    }

    #[test]
    fn what_is_not_repeated_still_holds() {
        let auth = auth("answer: {realm: $.realm}");
        let kept = Token { fields: Value::object([("realm", Value::from("1"))]), ..Token::default() };
        let token = auth.answered(&answer("200\n\n{\"access_token\": \"a\"}"), Some(&kept), &scope("{}")).unwrap();
        assert_eq!(token.fields.to_json(), "{\"realm\":\"1\"}");
        let answer = answer("200\n\n{\"access_token\": \"a\", \"realm\": \"2\"}");
        let token = auth.answered(&answer, Some(&kept), &scope("{}")).unwrap();
        assert_eq!(token.fields.to_json(), "{\"realm\":\"2\"}");
    }
}
