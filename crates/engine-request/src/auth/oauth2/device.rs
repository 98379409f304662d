//! Logins of a user on another device (RFC 8628).

use std::time::Duration;

use engine_expr::{EvalError, Scope, Secret, Value};
use jiff::Timestamp;

use super::answered::{form_of, now};
use super::ask::Fields;
use super::refusal::{no_token, redirect, refusal};
use super::{OAuth2Auth, TokenAsk, TokenError};
use crate::auth::Token;
use crate::auth::expiry::end_of;
use crate::{Answer, Prepared};

/// How many seconds a server may ask to wait between two questions, to be believed.
const LONGEST: f64 = 300.0;
/// How long to wait between two questions, if the provider does not say (RFC 8628 §3.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// A code that a user types on another device.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What is asked with.
    code: Secret,
    /// What the user types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Where it need not be typed.
    pub verification_uri_complete: Option<String>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// How long to wait between two questions.
    pub interval: Duration,
}

/// What came of a question whether the user has allowed the access.
#[derive(Clone, Debug)]
pub enum Polled {
    /// Not yet: ask again.
    Pending,
    /// Not yet: ask again, and less often from now on.
    SlowDown,
    /// Yes.
    Token(Box<Token>),
}

impl OAuth2Auth {
    /// Says what to ask for a code.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn ask_for_device_code(&self, scope: &Scope) -> Result<Prepared, TokenError> {
        let Some(device_url) = &self.device_url else {
            let error = EvalError::new("there is no URL that gives codes to devices", self.token_url.span());
            return Err(error.help("add `device_url`").into());
        };
        let mut fields = Fields::default();
        self.add_scopes(&mut fields, scope)?;
        if let Some(audience) = &self.audience {
            fields.put("audience", audience.render(scope)?);
        }
        // The id is a field of this request, however the client proves itself (RFC 8628 §3.1).
        if let Some(client_id) = &self.client_id {
            fields.put("client_id", client_id.render(scope)?);
        }
        Ok(self.prepare(device_url, fields, &["grant_type"], None, scope)?)
    }

    /// Reads the answer with the code.
    ///
    /// # Errors
    ///
    /// Fails where the server refuses, and where there is no code in the answer.
    pub fn device_code_of(&self, answer: &Answer, scope: &Scope) -> Result<DeviceCode, TokenError> {
        let form = form_of(answer);
        let answer = form.as_ref().unwrap_or(answer);
        let redactor = self.redactor(None, scope);
        let value = answer.value();
        let text = |name: &str| {
            // What is shown on a terminal must not control it.
            let plain = |text: std::borrow::Cow<'_, str>| text.chars().filter(|char| !char.is_control()).collect();
            value.get(name).and_then(Value::text).map(plain).filter(|text: &String| !text.is_empty())
        };
        let lacks = |wanted: &str| {
            let error = redirect(answer).or_else(|| refusal(answer, &redactor));
            match error.unwrap_or_else(|| no_token(answer, wanted, None, &redactor)) {
                TokenError::NoToken { message, status } => {
                    TokenError::NoToken { message: message.replace("the token URL", "the device URL"), status }
                }
                other => other,
            }
        };
        if !answer.is_success() {
            return Err(lacks("device_code"));
        }
        let now = now(scope, self.token_url.span())?;
        let seconds = value.get("interval").and_then(Value::text).and_then(|text| text.trim().parse::<f64>().ok());
        let interval = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST).map(Duration::from_secs_f64);
        Ok(DeviceCode {
            code: Secret::new(text("device_code").ok_or_else(|| lacks("device_code"))?),
            user_code: text("user_code").ok_or_else(|| lacks("user_code"))?,
            // The second is what Google calls it.
            verification_uri: text("verification_uri")
                .or_else(|| text("verification_url"))
                .ok_or_else(|| lacks("verification_uri"))?,
            verification_uri_complete: text("verification_uri_complete").or_else(|| text("verification_url_complete")),
            expires_at: value.get("expires_in").and_then(|value| end_of(value, now)),
            interval: interval.unwrap_or(INTERVAL),
        })
    }

    /// Says what to ask whether the user has allowed the access.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn ask_with_device_code(&self, code: &DeviceCode, scope: &Scope) -> Result<TokenAsk, TokenError> {
        let mut fields = Fields::default();
        fields.add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        fields.put("device_code", Value::Secret(code.code.clone()));
        let request = self.prepare(&self.token_url, fields, &["grant_type", "device_code"], None, scope)?;
        Ok(TokenAsk { request, is_refresh: false })
    }

    /// Reads the answer to that.
    ///
    /// # Errors
    ///
    /// Fails where the user refuses, and where the code is too old.
    pub fn polled(&self, answer: &Answer, scope: &Scope) -> Result<Polled, TokenError> {
        match self.answered(answer, None, scope) {
            Ok(token) => Ok(Polled::Token(Box::new(token))),
            Err(error) => match error.code() {
                Some("authorization_pending") => Ok(Polled::Pending),
                Some("slow_down") => Ok(Polled::SlowDown),
                _ => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::Polled;
    use crate::answer::tests::answer;
    use crate::auth::OAuth2Auth;
    use crate::draft::tests::{read, scope};

    const SPEC: &str = "grant: device_code\ntoken_url: https://login.test/token\ndevice_url: https://login.test/device\nclient_id: engine\nscopes: [a]";

    fn body(request: &crate::Prepared) -> String {
        format!("{} {}", request.url, String::from_utf8(request.body.as_bytes().unwrap().to_vec()).unwrap())
    }

    #[test]
    fn asks_for_a_code_and_then_for_the_token() {
        let auth: OAuth2Auth = read(&format!("{SPEC}\nclient_secret: s\nclient_auth: basic"));
        let request = auth.ask_for_device_code(&scope("{}")).unwrap();
        assert_eq!(body(&request), "https://login.test/device scope=a&client_id=engine");
        assert!(request.headers.contains_key("authorization"));
        let auth: OAuth2Auth = read(SPEC);
        let text = "200\n\n{\"device_code\": \"d c\", \"user_code\": \"AB-CD\", \"verification_uri\": \"https://login.test/d\"}";
        let code = auth.device_code_of(&answer(text), &scope("{}")).unwrap();
        let ask = auth.ask_with_device_code(&code, &scope("{}")).unwrap();
        assert_eq!(
            body(&ask.request),
            "https://login.test/token grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=d+c&client_id=engine"
        );
    }

    #[test]
    fn reads_the_code() {
        let check = |text: &str, expected: &str| {
            let auth: OAuth2Auth = read(SPEC);
            let shown = match auth.device_code_of(&answer(text), &scope("{}")) {
                Ok(code) => format!(
                    "{} {} {} {} {:?}",
                    code.user_code,
                    code.verification_uri,
                    code.verification_uri_complete.unwrap_or_default(),
                    code.expires_at.map_or("-".to_owned(), |at| at.to_string()),
                    code.interval
                ),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, expected, "{text}");
        };
        check(
            r#"200

{"device_code": "d", "user_code": "AB-CD", "verification_uri": "https://x.test", "verification_uri_complete": "https://x.test?c=AB", "expires_in": 600, "interval": 2}"#,
            "AB-CD https://x.test https://x.test?c=AB 2025-03-01T10:10:00Z 2s",
        );
        check(
            "200\n\n{\"device_code\": \"d\", \"user_code\": 12, \"verification_url\": \"https://x.test\", \"interval\": \"7\"}",
            "12 https://x.test  - 7s",
        );
        check(
            "200\n\n{\"device_code\": \"d\", \"user_code\": \"u\", \"verification_uri\": \"v\", \"interval\": 0}",
            "u v  - 5s",
        );
        check(
            "200\n\n{\"device_code\": \"hush\"}",
            "the answer of the device URL has no `user_code`: it has `device_code`",
        );
        check("400\n\n{\"error\": \"invalid_client\"}", "the provider refuses: invalid_client, status 400");
    }

    #[test]
    fn tells_pending_from_over() {
        let check = |text: &str, expected: &str| {
            let auth: OAuth2Auth = read(SPEC);
            let shown = match auth.polled(&answer(text), &scope("{}")) {
                Ok(Polled::Pending) => "pending".to_owned(),
                Ok(Polled::SlowDown) => "slow down".to_owned(),
                Ok(Polled::Token(token)) => token.value.unwrap().expose().to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, expected, "{text}");
        };
        check("400\n\n{\"error\": \"authorization_pending\"}", "pending");
        // GitHub says it in a good answer.
        check("200\n\n{\"error\": \"authorization_pending\"}", "pending");
        check("400\n\n{\"error\": \"slow_down\"}", "slow down");
        check("200\n\n{\"access_token\": \"a\"}", "a");
        check("400\n\n{\"error\": \"expired_token\"}", "the provider refuses: expired_token, status 400");
        check("400\n\n{\"error\": \"access_denied\"}", "the provider refuses: access_denied, status 400");
    }
}
