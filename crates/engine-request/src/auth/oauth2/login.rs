//! Logins of a user in a browser (RFC 6749 §4.1, RFC 7636).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine_expr::{EvalError, Scope, Secret, Value};
use engine_source::Span;
use sha2::{Digest, Sha256};
use url::Url;

use super::ask::{Fields, checked_url};
use super::assertion::random;
use super::{OAuth2Auth, TokenAsk, TokenError};

/// A login that a user was asked to allow.
#[derive(Clone, Debug)]
pub struct Login {
    /// The URL to open in a browser.
    pub url: Url,
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// What has to come back with it, so that nobody else's login is taken for this one.
    state: Secret,
    /// What proves that the code is asked for by who began the login (RFC 7636).
    verifier: Option<Secret>,
}

impl OAuth2Auth {
    /// Begins a login that comes back to a URL.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn begin_login(&self, redirect_uri: &str, scope: &Scope) -> Result<Login, TokenError> {
        let Some(authorize_url) = &self.authorize_url else {
            let error = EvalError::new("there is no URL at which the access is allowed", self.token_url.span());
            return Err(error.help("add `authorize_url`").into());
        };
        let span = authorize_url.span();
        let text = checked_url(authorize_url, scope)?;
        let text = text.text().unwrap_or_default();
        let mut url = Url::parse(&text).map_err(|_| EvalError::new("this is not a URL", span))?;
        url.set_fragment(None);
        let state = Secret::new(random(scope, span)?);
        let uses_proof = self.pkce.as_ref().map(|pkce| pkce.resolve(scope)).transpose()?.unwrap_or(true);
        let verifier = if uses_proof { Some(Secret::new(random(scope, span)?)) } else { None };
        let mut fields = Fields::default();
        fields.add("response_type", "code");
        if let Some(client_id) = &self.client_id {
            fields.put("client_id", client_id.render(scope)?);
        }
        fields.add("redirect_uri", redirect_uri);
        self.add_scopes(&mut fields, scope)?;
        if let Some(audience) = &self.audience {
            fields.put("audience", audience.render(scope)?);
        }
        fields.add("state", state.expose());
        if let Some(verifier) = &verifier {
            fields.add("code_challenge", challenge(verifier.expose()));
            fields.add("code_challenge_method", "S256");
        }
        // What the spec writes into the URL itself says it all; but what belongs to this login is ours.
        let ours = ["redirect_uri", "state", "code_challenge", "code_challenge_method"];
        let written: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !ours.contains(&&**name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let query = fields
            .members()
            .iter()
            .filter(|(name, _)| !written.iter().any(|(known, _)| **known == ***name))
            .map(|(name, value)| (name.to_string(), value.text().unwrap_or_default().into_owned()));
        let query: Vec<_> = written.iter().cloned().chain(query).collect();
        url.query_pairs_mut().clear().extend_pairs(query);
        Ok(Login { url, redirect_uri: redirect_uri.to_owned(), state, verifier })
    }

    /// Says what to ask for a token after a user came back with a code.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn ask_with_code(&self, login: &Login, code: &Secret, scope: &Scope) -> Result<TokenAsk, TokenError> {
        let mut fields = Fields::default();
        fields.add("grant_type", "authorization_code");
        fields.put("code", Value::Secret(code.clone()));
        fields.add("redirect_uri", login.redirect_uri.as_str());
        if let Some(verifier) = &login.verifier {
            fields.put("code_verifier", Value::Secret(verifier.clone()));
        }
        let fixed = ["grant_type", "code", "redirect_uri", "code_verifier"];
        let request = self.prepare(&self.token_url, fields, &fixed, None, scope)?;
        Ok(TokenAsk { request, is_refresh: false })
    }
}

impl Login {
    /// Reads the code out of the URL at which the browser came back, or of what a user pasted: that URL, its query, or the code.
    ///
    /// # Errors
    ///
    /// Fails where the provider refuses, where it is another login's, and where there is no code.
    pub fn code(&self, came_back: &str) -> Result<Secret, TokenError> {
        let text = came_back.trim();
        let query = match text.split_once('?') {
            Some((_, query)) => query,
            None if text.contains("code=") || text.contains("error=") => text,
            None if text.is_empty() || text.contains(char::is_whitespace) || text.contains("://") => {
                return Err(no_code("there is no code in it").into());
            }
            // Nobody but the user could have put a bare code here: it needs no state.
            None => return Ok(Secret::new(text)),
        };
        let query = query.split('#').next().unwrap_or_default();
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let member = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
        let state = member("state");
        if state.is_some_and(|state| state != self.state.expose())
            || (state.is_none() && (text.contains("://") || text.starts_with('/')))
        {
            let error = no_code("the login that came back is not the one that was begun here");
            return Err(error.help("begin again, and use the URL that is shown then").into());
        }
        if let Some(error) = member("error") {
            let description = member("error_description").map(str::to_owned);
            return Err(TokenError::Refused { error: error.to_owned(), description, status: 0 });
        }
        match member("code") {
            Some(code) if !code.is_empty() => Ok(Secret::new(code)),
            _ => Err(no_code("there is no code in it").into()),
        }
    }
}

fn no_code(message: &str) -> EvalError {
    EvalError::new(message, Span::default()).help("paste the whole URL that the browser shows in the end")
}

/// Makes the challenge of a proof key (RFC 7636 §4.2).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Secret;

    use super::challenge;
    use crate::auth::OAuth2Auth;
    use crate::draft::tests::{read, scope};

    const SPEC: &str = "grant: authorization_code\ntoken_url: https://login.test/token\nclient_id: engine\nclient_secret: b\nscopes: [a, b]\nauthorize_url: https://login.test/authorize";
    const BACK: &str = "http://127.0.0.1:8910/callback";
    /// What the fixed dice of the tests make.
    const RANDOM: &str = "AAAAAAAAAAcAAAAAAAAABwAAAAAAAAAHAAAAAAAAAAc";

    #[test]
    fn makes_the_challenge_of_rfc_7636() {
        // Its appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn asks_the_user_to_allow_it() {
        let check = |yaml: &str, expected: &str| {
            let auth: OAuth2Auth = read(&format!("{SPEC}{yaml}"));
            let login = auth.begin_login(BACK, &scope("{}")).unwrap();
            let proof = format!("&code_challenge={}&code_challenge_method=S256", challenge(RANDOM));
            let expected = expected
                .replace("BACK", "redirect_uri=http%3A%2F%2F127.0.0.1%3A8910%2Fcallback")
                .replace("STATE", &format!("state={RANDOM}"))
                .replace("&PROOF", &proof);
            assert_eq!(login.url.as_str(), format!("https://login.test/authorize?{expected}"), "{yaml}");
        };
        check("", "response_type=code&client_id=engine&BACK&scope=a+b&STATE&PROOF");
        check("\npkce: false", "response_type=code&client_id=engine&BACK&scope=a+b&STATE");
        check(
            "\naudience: api\nscope_separator: ','",
            "response_type=code&client_id=engine&BACK&scope=a%2Cb&audience=api&STATE&PROOF",
        );
        // What the spec writes itself is not written again, but for what belongs to one login.
        check(
            "?access_type=offline&scope=x&state=y&redirect_uri=z",
            "access_type=offline&scope=x&response_type=code&client_id=engine&BACK&STATE&PROOF",
        );
    }

    #[test]
    fn takes_the_code_of_its_own_login_only() {
        let auth: OAuth2Auth = read(SPEC);
        let login = auth.begin_login(BACK, &scope("{}")).unwrap();
        let check = |came_back: &str, expected: &str| {
            let found = match login.code(&came_back.replace("STATE", RANDOM)) {
                Ok(code) => code.expose().to_owned(),
                Err(error) => format!("! {error}"),
            };
            assert_eq!(found, expected, "{came_back}");
        };
        check("http://127.0.0.1:8910/callback?code=a%2Fb&state=STATE", "a/b");
        check("  https://x.test/cb?state=STATE&code=a+b&iss=y#z\n", "a b");
        check("/callback?code=c&state=STATE", "c");
        check("code=c&state=STATE", "c");
        check("c0de-1", "c0de-1");
        let other = "! the login that came back is not the one that was begun here";
        check("http://127.0.0.1:8910/callback?code=c&state=other", other);
        check("http://127.0.0.1:8910/callback?code=c", other);
        check("code=c&state=other", other);
        check(
            "/callback?error=access_denied&error_description=no%20way&state=STATE",
            "! the provider refuses: access_denied (no way)",
        );
        for nothing in ["/callback?state=STATE", "/callback?code=&state=STATE", "", "two words", "https://x.test/cb"] {
            check(nothing, "! there is no code in it");
        }
    }

    #[test]
    fn asks_for_a_token_with_the_code() {
        let auth: OAuth2Auth = read(&format!("{SPEC}\nrequest: {{fields: {{code: x, more: y}}}}"));
        let login = auth.begin_login(BACK, &scope("{}")).unwrap();
        let ask = auth.ask_with_code(&login, &Secret::new("c/d"), &scope("{}")).unwrap();
        assert!(!ask.is_refresh);
        let body = String::from_utf8(ask.request.body.as_bytes().unwrap().to_vec()).unwrap();
        assert_eq!(
            body,
            format!(
                "grant_type=authorization_code&code=c%2Fd&redirect_uri=http%3A%2F%2F127.0.0.1%3A8910%2Fcallback&code_verifier={RANDOM}&client_id=engine&client_secret=b&more=y"
            )
        );
        assert!(ask.request.redactor().redact(&body).contains("code=***&"), "{body}");
    }
}
