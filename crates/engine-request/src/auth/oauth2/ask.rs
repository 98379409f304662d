//! Requests for tokens.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{Dynamic, EvalError, Members, Scope, Secret, Template, Value};
use engine_source::{Map, Span};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::{ClientAuth, Grant, OAuth2Auth, TokenError, TokenRequestBody};
use crate::auth::{Token, proof};
use crate::{Body, BodyStep, Draft, Place, Prepared, RequestLine, Target};

/// A request for a token.
#[derive(Clone, Debug)]
pub struct TokenAsk {
    /// The request.
    pub request: Prepared,
    /// Whether it asks with a refresh token.
    pub is_refresh: bool,
}

impl OAuth2Auth {
    /// Says what to ask for a token, with what is known from before: with its refresh token if there is one, else as the
    /// grant says.
    ///
    /// # Errors
    ///
    /// Fails where a user has to allow it first, and where a template does.
    pub fn ask(&self, kept: Option<&Token>, scope: &Scope) -> Result<TokenAsk, TokenError> {
        let first = || match (self.grant, &self.refresh_token) {
            (Grant::RefreshToken, Some(first)) => {
                proof(first, "refresh token", scope).map(|text| Some(Secret::new(text)))
            }
            _ => Ok(None),
        };
        let refresh = match kept.and_then(|token| token.refresh.clone()) {
            Some(refresh) => Some(refresh),
            None => first()?,
        };
        if let Some(refresh) = refresh {
            let request = self.ask_with_refresh(&refresh, scope)?;
            return Ok(TokenAsk { request, is_refresh: true });
        }
        let mut fields = Fields::default();
        match self.grant {
            Grant::AuthorizationCode | Grant::DeviceCode => return Err(TokenError::LoginNeeded),
            Grant::RefreshToken => {
                let error = EvalError::new("there is no refresh token to begin with", self.token_url.span());
                return Err(error.help("give the first one in `refresh_token`").into());
            }
            Grant::ClientCredentials => fields.add("grant_type", "client_credentials"),
            Grant::Password => {
                fields.add("grant_type", "password");
                if let Some(username) = &self.username {
                    fields.put("username", username.render(scope)?);
                }
                if let Some(password) = &self.password {
                    fields.hide("password", password.render_text(scope)?);
                }
            }
            Grant::JwtBearer => fields.add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        }
        self.add_scopes(&mut fields, scope)?;
        if let Some(audience) = &self.audience {
            fields.put("audience", audience.render(scope)?);
        }
        let assertion = match self.grant {
            Grant::JwtBearer => Some(self.grant_assertion(scope)?),
            _ => None,
        };
        let request = self.prepare(&self.token_url, fields, &[], assertion, scope)?;
        Ok(TokenAsk { request, is_refresh: false })
    }

    fn ask_with_refresh(&self, refresh: &Secret, scope: &Scope) -> Result<Prepared, TokenError> {
        let mut fields = Fields::default();
        fields.add("grant_type", "refresh_token");
        fields.put("refresh_token", Value::Secret(refresh.clone()));
        // A token is for what was allowed first (RFC 6749 §6), which nobody else can know here.
        if self.grant == Grant::RefreshToken {
            self.add_scopes(&mut fields, scope)?;
        }
        Ok(self.prepare(&self.token_url, fields, &["grant_type", "refresh_token"], None, scope)?)
    }

    /// Adds what the token is to allow.
    pub(super) fn add_scopes(&self, fields: &mut Fields, scope: &Scope) -> Result<(), EvalError> {
        let mut scopes = Vec::with_capacity(self.scopes.len());
        for one in &self.scopes {
            let text = one.render_text(scope)?;
            if !text.is_empty() {
                scopes.push(text);
            }
        }
        if !scopes.is_empty() {
            fields.add("scope", scopes.join(self.scope_separator.as_deref().unwrap_or(" ")));
        }
        Ok(())
    }

    /// Makes a request to one of the provider's URLs. `fixed` fields are not replaced by those of `request`.
    pub(super) fn prepare(
        &self,
        url: &Template,
        mut fields: Fields,
        fixed: &[&str],
        assertion: Option<String>,
        scope: &Scope,
    ) -> Result<Prepared, EvalError> {
        let request = self.request.as_ref();
        let span = url.span();
        let line = match request.and_then(|request| request.method) {
            Some(method) => format!("{method} {{+url}}"),
            None => "POST {+url}".to_owned(),
        };
        let line = RequestLine::parse(&line, span).map_err(|_| EvalError::new("this is no request", span))?;
        let params = Value::object([("url", checked_url(url, scope)?)]);
        let mut draft = Draft::build(&line, None, &scope.with("params", params)).map_err(|error| at(span, error))?;
        draft.put(&Place::new(Target::Header("Accept".into())), &Value::from("application/json"))?;
        self.add_client(&mut draft, &mut fields, scope)?;
        if let Some(request) = request {
            replace(&mut fields, &request.fields, fixed, scope)?;
            for (name, value) in &request.headers {
                let found = value.evaluate(scope)?.unwrap_or_default();
                let place = Place::new(Target::Header(Arc::clone(&name.value)));
                draft.put(&place, &found).map_err(|error| at(value.span(), error))?;
            }
        }
        let body = request.and_then(|request| request.body).unwrap_or_default();
        let elsewhere = match (assertion, self.assertion.as_ref().and_then(|assertion| assertion.place.as_ref())) {
            (Some(assertion), Some(place)) => Some((place, assertion)),
            (Some(assertion), None) => {
                fields.hide("assertion", assertion);
                None
            }
            (None, _) => None,
        };
        match body {
            TokenRequestBody::Form => draft.set_body(&Body::Form(fields.into_dynamic(span)), scope)?,
            TokenRequestBody::Json => draft.set_body(&Body::Json(fields.into_dynamic(span)), scope)?,
            TokenRequestBody::Query => {
                for (name, value) in fields.0.iter() {
                    let place = Place::new(Target::Query(Arc::clone(name)));
                    draft.put(&place, value).map_err(|error| at(span, error))?;
                }
            }
        }
        if let Some((place, assertion)) = elsewhere {
            draft.hide(&assertion);
            match (place.target(), body) {
                // There is no body to put it into.
                (Target::Body(steps), TokenRequestBody::Query) => {
                    let name = match &**steps {
                        [BodyStep::Member(name)] => Arc::clone(name),
                        _ => return Err(EvalError::new("the fields are sent in the query", place.span())),
                    };
                    draft.put_secret(&Place::new(Target::Query(name)), assertion)?;
                }
                _ => draft.put_secret(place, assertion)?,
            }
        }
        draft.finish().map_err(|error| at(span, error))
    }

    /// Adds what proves who the client is (RFC 6749 §2.3).
    fn add_client(&self, draft: &mut Draft, fields: &mut Fields, scope: &Scope) -> Result<(), EvalError> {
        let id = self.client_id.as_ref().map(|id| id.render(scope)).transpose()?;
        let secret = self.client_secret.as_ref().map(|secret| secret.render_text(scope)).transpose()?;
        match self.client_auth.unwrap_or_default() {
            ClientAuth::Basic => {
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let id = id.as_ref().and_then(Value::text).unwrap_or_default();
                let secret = secret.unwrap_or_default();
                draft.hide(&secret);
                let (id, secret) = (encode(&id), encode(&secret));
                let credentials = STANDARD.encode(format!("{id}:{secret}"));
                draft.hide(&secret);
                draft.hide(&credentials);
                draft
                    .put_secret(&Place::new(Target::Header("Authorization".into())), format!("Basic {credentials}"))?;
            }
            ClientAuth::Body => {
                if let Some(id) = id {
                    fields.put("client_id", id);
                }
                if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
                    fields.hide("client_secret", secret);
                }
            }
            ClientAuth::PrivateKeyJwt => {
                let assertion = self.client_assertion(scope)?;
                if let Some(id) = id {
                    fields.put("client_id", id);
                }
                fields.add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                fields.hide("client_assertion", assertion);
            }
            ClientAuth::None => {
                if let Some(id) = id {
                    fields.put("client_id", id);
                }
            }
        }
        Ok(())
    }
}

/// The fields of a token request, in their order.
#[derive(Default)]
pub(super) struct Fields(Members);

impl Fields {
    /// Adds a text.
    pub(super) fn add(&mut self, name: &str, text: impl Into<Value>) {
        self.0.insert(name, text.into());
    }

    /// Adds a text that is never shown.
    pub(super) fn hide(&mut self, name: &str, text: String) {
        self.0.insert(name, Value::Secret(Secret::new(text)));
    }

    /// Adds a value.
    pub(super) fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name, value);
    }

    /// Returns the fields.
    pub(super) fn members(&self) -> &Members {
        &self.0
    }

    fn into_dynamic(self, span: Span) -> Dynamic {
        Dynamic::literal(Value::Object(Arc::new(self.0)), span)
    }
}

/// Puts the fields of a spec over those that are there; null takes one out.
pub(super) fn replace(fields: &mut Fields, own: &Map<Dynamic>, fixed: &[&str], scope: &Scope) -> Result<(), EvalError> {
    for (name, value) in own {
        if fixed.contains(&&*name.value) {
            continue;
        }
        match value.evaluate(scope)? {
            None | Some(Value::Null) => _ = fields.0.remove(&name.value),
            Some(found) => fields.0.insert(Arc::clone(&name.value), found),
        }
    }
    Ok(())
}

/// Renders a URL of the provider.
pub(super) fn checked_url(template: &Template, scope: &Scope) -> Result<Value, EvalError> {
    let value = template.render(scope)?;
    let is_url = value
        .text()
        .and_then(|text| Url::parse(&text).ok())
        .is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_url {
        return Ok(value);
    }
    let shown = match &value {
        Value::String(text) => format!("`{text}` is not a URL"),
        Value::Secret(_) => "`***` is not a URL".to_owned(),
        other => format!("a URL is needed here, not {}", other.a_kind()),
    };
    Err(EvalError::new(shown, template.span()).help("begin it with `https://` and a host"))
}

/// Places an error that has no place.
fn at(span: Span, error: EvalError) -> EvalError {
    if error.span == Span::default() { EvalError { span, range: None, ..error } } else { error }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use engine_expr::Secret;

    use crate::auth::{OAuth2Auth, Token};
    use crate::draft::tests::{read, scope};
    use crate::{Prepared, Redactor};

    const URL: &str = "token_url: https://login.test/token";

    /// Shows a request: method and URL, headers but for the usual ones, body.
    pub(in crate::auth::oauth2) fn shown(request: &Prepared) -> String {
        let headers = request.headers.iter().filter_map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            (!["accept", "content-type"].contains(&name.as_str())).then(|| format!(" {name}: {text}"))
        });
        let headers: String = headers.collect();
        let body = request.body.as_bytes().unwrap();
        format!("{} {}{headers} {}", request.method, request.url, String::from_utf8_lossy(&body)).trim().to_owned()
    }

    fn ask(yaml: &str, refresh: Option<&str>) -> Result<Prepared, String> {
        let auth: OAuth2Auth = read(&format!("{URL}\n{yaml}"));
        let kept = refresh.map(|text| Token { refresh: Some(Secret::new(text)), ..Token::default() });
        let ask = auth.ask(kept.as_ref(), &scope("{}")).map_err(|error| {
            let help = auth.remedy(&error).unwrap_or_default();
            format!("{error} ({help})")
        })?;
        assert_eq!(ask.is_refresh, refresh.is_some() || yaml.contains("grant: refresh_token"), "{yaml}");
        Ok(ask.request)
    }

    fn check(yaml: &str, refresh: Option<&str>, expected: &str) {
        let shown = ask(yaml, refresh).map_or_else(|error| error, |request| shown(&request));
        assert_eq!(shown, expected, "{yaml}");
    }

    const POST: &str = "POST https://login.test/token";

    #[test]
    fn every_grant_asks_in_its_own_way() {
        let check =
            |yaml: &str, refresh: Option<&str>, expected: &str| check(yaml, refresh, &format!("{POST} {expected}"));
        let cc = "grant: client_credentials\nclient_id: engine\nclient_secret: x y";
        check(cc, None, "grant_type=client_credentials&client_id=engine&client_secret=x+y");
        check(
            &format!("{cc}\nscopes: [a, '', 'b:c']\naudience: https://api.test"),
            None,
            "grant_type=client_credentials&scope=a+b%3Ac&audience=https%3A%2F%2Fapi.test&client_id=engine&client_secret=x+y",
        );
        check(
            &format!("{cc}\nscopes: [a, b]\nscope_separator: ','"),
            None,
            "grant_type=client_credentials&scope=a%2Cb&client_id=engine&client_secret=x+y",
        );
        check(
            "grant: password\nclient_id: engine\nusername: ann\npassword: '{{ secrets.key }}'",
            None,
            "grant_type=password&username=ann&password=s%2F3%2Bc+r%25t%22%C3%A9&client_id=engine",
        );
        let refresh = "grant: refresh_token\nclient_id: engine\nrefresh_token: first\nscopes: [a]";
        check(refresh, None, "grant_type=refresh_token&refresh_token=first&scope=a&client_id=engine");
        check(refresh, Some("later"), "grant_type=refresh_token&refresh_token=later&scope=a&client_id=engine");
        for grant in ["authorization_code", "device_code", "client_credentials", "password"] {
            check(
                &format!(
                    "grant: {grant}\nclient_id: engine\nscopes: [a]\nusername: ann\nauthorize_url: https://x.test"
                ),
                Some("later"),
                "grant_type=refresh_token&refresh_token=later&client_id=engine",
            );
        }
    }

    #[test]
    fn a_client_proves_itself_in_each_way() {
        let check = |yaml: &str, expected: &str| check(&format!("grant: client_credentials\n{yaml}"), None, expected);
        let form = "grant_type=client_credentials";
        // `a:b` and `s+ c` as forms write them, in base64.
        let basic = "authorization: Basic YSUzQWI6cyUyQitjJUMzJUE5";
        check("client_id: a:b\nclient_secret: s+ cé\nclient_auth: basic", &format!("{POST} {basic} {form}"));
        check(
            "client_id: a\nclient_secret: b\nclient_auth: body",
            &format!("{POST} {form}&client_id=a&client_secret=b"),
        );
        check("client_id: a\nclient_secret: b\nclient_auth: none", &format!("{POST} {form}&client_id=a"));
        check("client_id: a\nclient_secret: ''", &format!("{POST} {form}&client_id=a"));
        check("client_id: a", &format!("{POST} {form}&client_id=a"));
        check("scopes: []", &format!("{POST} {form}"));
    }

    #[test]
    fn fields_are_sent_as_the_server_wants_them() {
        let check = |yaml: &str, expected: &str| {
            check(
                &format!("grant: client_credentials\nclient_id: a\nclient_secret: b\nrequest: {yaml}"),
                None,
                expected,
            );
        };
        check(
            "{fields: {resource: [x, y], n: 1}, headers: {X-T: main}}",
            &format!(
                "{POST} x-t: main grant_type=client_credentials&client_id=a&client_secret=b&resource=x&resource=y&n=1"
            ),
        );
        check(
            "{body: json, fields: {nested: {n: 1.50}, flag: true}}",
            &format!(
                r#"{POST} {{"grant_type":"client_credentials","client_id":"a","client_secret":"b","nested":{{"n":1.50}},"flag":true}}"#
            ),
        );
        check(
            "{body: query, method: GET}",
            "GET https://login.test/token?grant_type=client_credentials&client_id=a&client_secret=b",
        );
        // Renamed, left out and replaced.
        check(
            "{fields: {grant_type: account_credentials, app: a, client_id: null}}",
            &format!("{POST} grant_type=account_credentials&client_secret=b&app=a"),
        );
        check(
            "{headers: {Accept: null}}",
            &format!("{POST} grant_type=client_credentials&client_id=a&client_secret=b"),
        );
    }

    #[test]
    fn what_a_refresh_is_made_of_is_not_replaced() {
        check(
            "grant: client_credentials\nrequest: {fields: {grant_type: account_credentials, refresh_token: x, account: 7}}",
            Some("later"),
            &format!("{POST} grant_type=refresh_token&refresh_token=later&account=7"),
        );
    }

    #[test]
    fn asks_for_json_unless_told_otherwise() {
        let request = ask("grant: client_credentials", None).unwrap();
        assert_eq!(request.headers.get("accept").unwrap(), "application/json");
        assert_eq!(request.headers.get("content-type").unwrap(), "application/x-www-form-urlencoded");
        let request = ask("grant: client_credentials\nrequest: {headers: {accept: text/plain}}", None).unwrap();
        assert_eq!(request.headers.get("accept").unwrap(), "text/plain");
    }

    /// Reads a part of a signed token.
    fn part(token: &str, at: usize) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn signed_tokens_claim_what_is_usual() {
        let check = |yaml: &str, name: &str, expected: &str| {
            let request = ask(yaml, None).unwrap();
            let body = request.body.as_bytes().unwrap();
            let mut pairs = url::form_urlencoded::parse(&body);
            let token = pairs.find(|(known, _)| known == name).unwrap().1.into_owned();
            assert_eq!(part(&token, 1), expected, "{yaml}");
            assert!(
                request.redactor().redact(&String::from_utf8_lossy(&body)).contains(&format!("{name}=***")),
                "{yaml}"
            );
        };
        let key = "algorithm: HS256, key: a-key-that-is-long-enough-for-it";
        let (iat, exp) = (1_740_823_200, 1_740_823_500);
        let (aud, jti) = ("https://login.test/token", "AAAAAAAAAAcAAAAAAAAABwAAAAAAAAAHAAAAAAAAAAc");
        check(
            &format!(
                "grant: client_credentials\nclient_id: engine\nclient_auth: private_key_jwt\nassertion: {{{key}}}"
            ),
            "client_assertion",
            &format!(r#"{{"iss":"engine","sub":"engine","aud":"{aud}","jti":"{jti}","iat":{iat},"exp":{exp}}}"#),
        );
        check(
            &format!("grant: jwt_bearer\nassertion: {{{key}, claims: {{iss: me, scope: a, jti: null}}, lifetime: 1m}}"),
            "assertion",
            &format!(r#"{{"aud":"{aud}","iss":"me","scope":"a","iat":{iat},"exp":{}}}"#, iat + 60),
        );
        check(
            &format!(
                "grant: jwt_bearer\nclient_id: engine\nusername: ann\nassertion: {{{key}, claims: {{aud: there}}}}"
            ),
            "assertion",
            &format!(r#"{{"iss":"engine","sub":"ann","aud":"there","jti":"{jti}","iat":{iat},"exp":{exp}}}"#),
        );
        // One key for both: the claims are the grant's.
        let both = format!(
            "grant: jwt_bearer\nclient_id: engine\nclient_auth: private_key_jwt\nassertion: {{{key}, claims: {{sub: ann}}}}"
        );
        let claims = |sub: &str| {
            format!(r#"{{"iss":"engine","sub":"{sub}","aud":"{aud}","jti":"{jti}","iat":{iat},"exp":{exp}}}"#)
        };
        check(&both, "client_assertion", &claims("engine"));
        check(
            &both,
            "assertion",
            &claims("ann").replacen(r#""sub":"ann","#, "", 1).replacen(r#","iat""#, r#","sub":"ann","iat""#, 1),
        );
    }

    #[test]
    fn an_assertion_goes_where_it_is_wanted() {
        let key = "algorithm: HS256, key: a-key-that-is-long-enough-for-it";
        let at = |place: &str, body: &str| {
            let yaml = format!("grant: jwt_bearer\nassertion: {{{key}, in: {place}}}\nrequest: {{body: {body}}}");
            let request = ask(&yaml, None).unwrap();
            let token = |text: &str| text.contains("eyJ");
            assert!(!token(&request.shown_url), "{}", request.shown_url);
            let body = String::from_utf8(request.body.as_bytes().unwrap().to_vec()).unwrap();
            let in_header = request.headers.get("x-jwt").is_some_and(|value| token(value.to_str().unwrap()));
            (
                in_header,
                body.contains("\"jwt\":\"eyJ") || body.contains("jwt=eyJ"),
                request.url.query().is_some_and(token),
            )
        };
        assert_eq!(at("header.X-Jwt", "form"), (true, false, false));
        assert_eq!(at("body.jwt", "form"), (false, true, false));
        assert_eq!(at("body.jwt", "json"), (false, true, false));
        assert_eq!(at("query.jwt", "form"), (false, false, true));
        assert_eq!(at("body.jwt", "query"), (false, false, true));
    }

    #[test]
    fn says_what_is_missing() {
        let cases = [
            ("grant: authorization_code", "nobody has allowed the access yet (run `engine auth login SPEC API`)"),
            ("grant: device_code", "nobody has allowed the access yet (run `engine auth login SPEC API`)"),
            (
                "grant: refresh_token\nrefresh_token: ''",
                "the refresh token is empty (check the secret that it is made of)",
            ),
            ("grant: refresh_token", "there is no refresh token to begin with (give the first one in `refresh_token`)"),
            (
                "grant: jwt_bearer",
                "there is no key to sign a token with (add `assertion: {algorithm: RS256, key: \"{{ secrets.key }}\"}`)",
            ),
            (
                "grant: client_credentials\nclient_auth: private_key_jwt",
                "a client that proves itself by a key needs its id (add `client_id`)",
            ),
        ];
        for (yaml, expected) in cases {
            check(yaml, None, expected);
        }
        let auth: OAuth2Auth = read("grant: client_credentials\ntoken_url: '{{ secrets.key }}'");
        let error = auth.ask(None, &scope("{}")).unwrap_err();
        assert_eq!(error.to_string(), "`***` is not a URL");
    }

    #[test]
    fn no_secret_is_shown() {
        let yaml = "grant: password\nclient_id: engine\nclient_secret: '{{ secrets.key }}'\nusername: u\npassword: pass+word\nrequest: {body: query}";
        let request = ask(yaml, None).unwrap();
        assert_eq!(
            request.shown_url,
            "https://login.test/token?grant_type=password&username=u&password=***&client_id=engine&client_secret=***"
        );
        let yaml = "grant: client_credentials\nclient_id: engine\nclient_secret: p+q/r\nclient_auth: basic";
        let request = ask(yaml, None).unwrap();
        let header = request.headers.get("authorization").unwrap();
        assert!(header.is_sensitive());
        let redactor: Redactor = request.redactor();
        assert_eq!(redactor.redact(header.to_str().unwrap()), "***");
        assert_eq!(redactor.redact("p+q/r p%2Bq%2Fr"), "*** ***");
    }
}
