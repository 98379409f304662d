//! A JSON Web Token that is signed here (RFC 7519).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine_expr::{Dynamic, EvalError, Members, Scope, Secret, Setting, Template, Value};
use engine_source::{Map, Span};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bearing::bear;
use super::crypto::{Curve, HostRandom, Jwk, KeyError, PrivateKey, Scheme};
use super::{Authenticate, Held, KeyEncoding, SignatureAlgorithm, Token};
use crate::{Draft, HashAlgorithm, Method, Period, Place};

/// Sends a JSON Web Token that is signed here (RFC 7519).
///
/// One is made for all requests until shortly before its end.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "jwt auth", deny_unknown_fields)]
#[schemars(rename = "JwtAuth")]
pub struct JwtAuth {
    /// How it is signed.
    pub algorithm: JwtAlgorithm,
    /// The key: the shared one, or the private one in PEM form or as a JSON Web Key.
    pub key: Template,
    /// How a shared key is written; `text` if not given.
    pub key_encoding: Option<KeyEncoding>,
    /// What it claims; `iat` and `exp` are added, and null leaves one out.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub claims: Map<Dynamic>,
    /// Members of its header, such as `kid`; `alg` and `typ` are added.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub header: Map<Dynamic>,
    /// How long one is valid; `5m` if not given.
    pub lifetime: Option<Setting<Period>>,
    /// Where it is sent; `header.Authorization` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// What stands before it, as in `api_key` auth; `Bearer` in `header.Authorization` if not given.
    pub prefix: Option<Template>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

/// How a JSON Web Token is signed (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "algorithm")]
#[schemars(rename = "JwtAlgorithm")]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA (PKCS #1 v1.5) with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA (PKCS #1 v1.5) with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// ECDSA on P-521 with SHA-512.
    #[serde(rename = "ES512")]
    Es512,
    /// RSA (PSS) with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA (PSS) with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSA (PSS) with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Authenticate for JwtAuth {
    fn apply(&self, draft: &mut Draft, scope: &Scope, held: &Held) -> Result<(), EvalError> {
        match held.token.as_ref().and_then(|token| token.value.as_ref()) {
            Some(value) => bear(draft, self.place.as_ref(), self.prefix.as_ref(), value.expose(), scope),
            None => Err(EvalError::new("there is no token for the `jwt` auth", self.key.span())),
        }
    }
}

/// How long a token is valid where the spec does not say.
const LIFETIME: Period = Period::from_secs(300);

impl JwtAuth {
    /// Makes a token, and says until when it holds.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where the key can't sign.
    pub fn make(&self, scope: &Scope) -> Result<Token, EvalError> {
        let mut claims = Members::new();
        for (name, value) in &self.claims {
            claims.insert(name.value.clone(), value.evaluate(scope)?.unwrap_or_default());
        }
        let lifetime = self.lifetime.as_ref().map_or(Ok(LIFETIME), |lifetime| lifetime.resolve(scope))?;
        let signer =
            Signer { algorithm: self.algorithm, key: &self.key, encoding: self.key_encoding.unwrap_or_default() };
        signer.token(claims, &self.header, lifetime, scope)
    }
}

/// Makes a signed token of claims, as [`JwtAuth::make`] does: `iat` and `exp` are added where they are not claimed.
pub(crate) fn signed(
    algorithm: JwtAlgorithm,
    key: &Template,
    encoding: KeyEncoding,
    claims: Members,
    header: &Map<Dynamic>,
    lifetime: Period,
    scope: &Scope,
) -> Result<String, EvalError> {
    let signer = Signer { algorithm, key, encoding };
    let token = signer.token(claims, header, lifetime, scope)?;
    Ok(token.value.map(|value| value.expose().to_owned()).unwrap_or_default())
}

/// What signs.
struct Signer<'a> {
    algorithm: JwtAlgorithm,
    key: &'a Template,
    encoding: KeyEncoding,
}

impl Signer<'_> {
    /// Makes a token; what is null in its claims and its header is left out.
    fn token(
        &self,
        mut claims: Members,
        header: &Map<Dynamic>,
        lifetime: Period,
        scope: &Scope,
    ) -> Result<Token, EvalError> {
        let span = self.key.span();
        let Some(host) = scope.host() else { return Err(EvalError::new("there is no clock here", span)) };
        let now = host.now();
        let seconds = i64::try_from(lifetime.duration().as_secs()).unwrap_or(i64::MAX);
        for (name, moment) in [("iat", now.as_second()), ("exp", now.as_second().saturating_add(seconds))] {
            if !claims.contains(name) {
                claims.insert(name, moment.into());
            }
        }
        let mut members = Members::new();
        members.insert("alg", self.algorithm.name().into());
        members.insert("typ", "JWT".into());
        for (name, value) in header {
            members.insert(name.value.clone(), value.evaluate(scope)?.unwrap_or_default());
        }
        let (header, claims) = (without_nulls(&members), without_nulls(&claims));
        let expires_at = end(&claims, span)?;
        let key = self.key.render_text(scope)?;
        let value = sign(self.algorithm, &key, self.encoding, &header.to_json(), &claims.to_json(), scope)
            .map_err(|error| error.at(span))?;
        Ok(Token { value: Some(value), expires_at, fetched_at: now, ..Token::default() })
    }
}

fn without_nulls(members: &Members) -> Value {
    Value::object(
        members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())),
    )
}

/// Reads when a token ends, and sees that the moments in it are numbers (RFC 7519 §4.1.4).
fn end(claims: &Value, span: Span) -> Result<Option<Timestamp>, EvalError> {
    for name in ["iat", "exp", "nbf"] {
        match claims.get(name) {
            None | Some(Value::Number(_)) => {}
            Some(other) => {
                let error = EvalError::new(format!("the claim `{name}` of the token is {}", other.a_kind()), span);
                return Err(error.help("give the number of seconds since 1970, or leave it to `lifetime`"));
            }
        }
    }
    Ok(match claims.get("exp") {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "parts of a second don't matter, and too large a number is no time"
        )]
        Some(Value::Number(number)) => Timestamp::from_second(number.as_f64() as i64).ok(),
        _ => None,
    })
}

/// Signs a token (RFC 7515 §5.1). The key is a PEM text or a JSON Web Key, or for `HS…` the shared key.
fn sign(
    algorithm: JwtAlgorithm,
    key: &str,
    encoding: KeyEncoding,
    header: &str,
    claims: &str,
    scope: &Scope,
) -> Result<Secret, KeyError> {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = algorithm.sign(key, encoding, message.as_bytes(), scope)?;
    Ok(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// What makes a signature.
enum Means {
    /// A hash with a key that both sides have.
    Mac(HashAlgorithm),
    /// A private key.
    Signature(Scheme),
}

impl JwtAlgorithm {
    /// Returns its name in the header of a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Returns how a token is known by the public key of whoever signed it; nothing where both sides have the same key.
    pub fn public(self) -> Option<SignatureAlgorithm> {
        Some(match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => return None,
            Self::Rs256 => SignatureAlgorithm::RsaSha256,
            Self::Rs384 => SignatureAlgorithm::RsaSha384,
            Self::Rs512 => SignatureAlgorithm::RsaSha512,
            Self::Es256 => SignatureAlgorithm::EcdsaSha256,
            Self::Es384 => SignatureAlgorithm::EcdsaSha384,
            Self::Es512 => SignatureAlgorithm::EcdsaSha512,
            Self::Ps256 => SignatureAlgorithm::RsaPssSha256,
            Self::Ps384 => SignatureAlgorithm::RsaPssSha384,
            Self::Ps512 => SignatureAlgorithm::RsaPssSha512,
            Self::EdDsa => SignatureAlgorithm::Ed25519,
        })
    }

    /// Returns the hash that a shared key goes with; nothing where there are two keys.
    pub fn shared(self) -> Option<HashAlgorithm> {
        match self.means() {
            Means::Mac(hash) => Some(hash),
            Means::Signature(_) => None,
        }
    }

    /// Tells whether both sides have the same key.
    pub fn is_shared(self) -> bool {
        matches!(self.means(), Means::Mac(_))
    }

    /// Returns what makes the signature (RFC 7518 §3, RFC 8037 §3.1).
    fn means(self) -> Means {
        match self {
            Self::Hs256 => Means::Mac(HashAlgorithm::Sha256),
            Self::Hs384 => Means::Mac(HashAlgorithm::Sha384),
            Self::Hs512 => Means::Mac(HashAlgorithm::Sha512),
            Self::Rs256 => Means::Signature(Scheme::Pkcs1(HashAlgorithm::Sha256)),
            Self::Rs384 => Means::Signature(Scheme::Pkcs1(HashAlgorithm::Sha384)),
            Self::Rs512 => Means::Signature(Scheme::Pkcs1(HashAlgorithm::Sha512)),
            Self::Es256 => Means::Signature(Scheme::Ecdsa(Curve::P256)),
            Self::Es384 => Means::Signature(Scheme::Ecdsa(Curve::P384)),
            Self::Es512 => Means::Signature(Scheme::Ecdsa(Curve::P521)),
            Self::Ps256 => Means::Signature(Scheme::Pss(HashAlgorithm::Sha256)),
            Self::Ps384 => Means::Signature(Scheme::Pss(HashAlgorithm::Sha384)),
            Self::Ps512 => Means::Signature(Scheme::Pss(HashAlgorithm::Sha512)),
            Self::EdDsa => Means::Signature(Scheme::Ed25519),
        }
    }

    /// Says what is wrong with a key that is written into the spec; nothing of one that is known only while running.
    pub fn problem(self, key: &Template, encoding: Option<KeyEncoding>) -> Option<EvalError> {
        let text = key.as_literal()?.text()?;
        let found = match self.means() {
            Means::Mac(hash) => self.mac(hash, &text, encoding.unwrap_or_default(), b"").map(drop),
            Means::Signature(scheme) => PrivateKey::read(&text).and_then(|key| key.fits(scheme, self.name())),
        };
        found.err().map(|error| error.at(key.span()))
    }

    fn sign(self, key: &str, encoding: KeyEncoding, message: &[u8], scope: &Scope) -> Result<Vec<u8>, KeyError> {
        match self.means() {
            Means::Mac(hash) => self.mac(hash, key, encoding, message),
            Means::Signature(scheme) => {
                PrivateKey::read(key)?.sign(scheme, self.name(), message, &mut HostRandom::of(scope)?)
            }
        }
    }

    fn mac(self, hash: HashAlgorithm, key: &str, encoding: KeyEncoding, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = match Jwk::read(key) {
            Some(jwk) if jwk.kind() == "oct" => jwk.bytes("k")?,
            _ if key.contains("-----BEGIN ") => return Err(KeyError::NotShared(self.name().to_owned())),
            _ => encoding.read(key).ok_or(KeyError::NotEncoded(encoding.name()))?,
        };
        if key.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(hash.mac(&key, message))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use engine_expr::Secret;

    use super::{JwtAlgorithm, JwtAuth, KeyEncoding, sign};
    use crate::auth::tests::scope_at;
    use crate::auth::{Authenticate, Held, Token};
    use crate::draft::tests::read;
    use crate::{Draft, RequestLine};

    const NOW: &str = "2025-03-01T10:00:00Z";
    /// The claims of RFC 7515 §3.1, line breaks and all.
    const CLAIMS: &str = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

    fn signed(algorithm: JwtAlgorithm, key: &str, header: &str, claims: &str) -> String {
        let scope = scope_at(NOW, &[]);
        sign(algorithm, key, KeyEncoding::Text, header, claims, &scope).unwrap().expose().to_owned()
    }

    #[test]
    fn rfc_7515_a_1_hs256() {
        let key = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
        let token = signed(JwtAlgorithm::Hs256, key, "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", CLAIMS);
        assert_eq!(
            token,
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
    }

    #[test]
    fn rfc_7515_a_2_rs256() {
        let token = signed(JwtAlgorithm::Rs256, super::super::crypto::tests::RSA, r#"{"alg":"RS256"}"#, CLAIMS);
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        assert_eq!(token.rsplit('.').next(), Some(signature));
    }

    #[test]
    fn rfc_8037_a_4_ed25519() {
        let token = signed(
            JwtAlgorithm::EdDsa,
            super::super::crypto::tests::ED25519,
            r#"{"alg":"EdDSA"}"#,
            "Example of Ed25519 signing",
        );
        assert_eq!(
            token,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    /// Makes a token; shows its header and its claims.
    fn made(yaml: &str) -> Result<(String, Token), String> {
        let auth: JwtAuth = read(yaml);
        let scope = scope_at(NOW, &[("key", "k3y"), ("iss", "me")]);
        let token =
            auth.make(&scope).map_err(|error| format!("{}; {}", error.message, error.help.unwrap_or_default()))?;
        let text = token.value.as_ref().unwrap().expose().to_owned();
        let parts: Vec<String> = text
            .split('.')
            .take(2)
            .map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        Ok((parts.join(" "), token))
    }

    #[test]
    fn says_when_it_was_made_and_when_it_ends() {
        let (shown, token) =
            made("{algorithm: HS256, key: '{{ secrets.key }}', claims: {iss: '{{ secrets.iss }}', n: 1}}").unwrap();
        assert_eq!(shown, r#"{"alg":"HS256","typ":"JWT"} {"iss":"me","n":1,"iat":1740823200,"exp":1740823500}"#);
        assert_eq!(token.expires_at.unwrap().as_second(), 1_740_823_500);
        assert_eq!(token.fetched_at.as_second(), 1_740_823_200);
        let (shown, token) = made("{algorithm: HS512, key: k, lifetime: 1h, header: {kid: main, typ: null}}").unwrap();
        assert_eq!(shown, r#"{"alg":"HS512","kid":"main"} {"iat":1740823200,"exp":1740826800}"#);
        assert!(token.is_fresh(token.fetched_at));
    }

    #[test]
    fn what_the_spec_claims_wins() {
        let (shown, token) =
            made("{algorithm: HS384, key: k, claims: {exp: 1740823205, iat: null, nbf: '{{ now().timestamp() }}'}}")
                .unwrap();
        assert_eq!(shown, r#"{"alg":"HS384","typ":"JWT"} {"exp":1740823205,"nbf":1740823200}"#);
        assert_eq!(token.expires_at.unwrap().as_second(), 1_740_823_205);
        let (shown, token) = made("{algorithm: HS384, key: k, claims: {exp: null}}").unwrap();
        assert_eq!(shown, r#"{"alg":"HS384","typ":"JWT"} {"iat":1740823200}"#);
        assert_eq!(token.expires_at, None);
        assert_eq!(
            made("{algorithm: HS384, key: k, claims: {exp: '{{ now() }}'}}").unwrap_err(),
            "the claim `exp` of the token is a string; give the number of seconds since 1970, or leave it to `lifetime`"
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_key_without_showing_it() {
        for (yaml, expected) in [
            (
                "{algorithm: RS256, key: s3cret}",
                "the key is not in PEM form; give the text of the file that begins with `-----BEGIN PRIVATE KEY-----`, or a JSON Web Key",
            ),
            ("{algorithm: HS256, key: ''}", "the key is empty; check the secret that it is made of"),
            ("{algorithm: HS256, key: zw, key_encoding: base64}", "made"),
            (
                "{algorithm: HS256, key: 'z z', key_encoding: base64}",
                "the key is not in base64; check `key_encoding`, and that the secret is whole",
            ),
            (
                "{algorithm: HS256, key: \"-----BEGIN RSA PRIVATE KEY-----\\nAAAA\"}",
                "the key is in PEM form, and `HS256` takes a shared one; choose an algorithm for that key, such as `RS256` or `ES256`, or give the shared key",
            ),
        ] {
            let found = made(yaml);
            assert_eq!(found.map_or_else(|error| error, |_| "made".to_owned()), expected, "{yaml}");
        }
    }

    #[test]
    fn is_put_where_it_is_told_to() {
        let token = Token { value: Some(Secret::new("a.b.c")), ..Token::default() };
        let held = Held { token: Some(Arc::new(token)), ..Held::default() };
        for (yaml, expected) in [
            ("{algorithm: HS256, key: k}", "https://api.test/ Bearer a.b.c"),
            ("{algorithm: HS256, key: k, prefix: JWT, in: header.Authorization}", "https://api.test/ JWT a.b.c"),
            ("{algorithm: HS256, key: k, in: query.token}", "https://api.test/?token=*** "),
        ] {
            let auth: JwtAuth = read(yaml);
            let scope = scope_at(NOW, &[]);
            let line = RequestLine::parse("GET https://api.test/", engine_source::Span::default()).unwrap();
            let mut draft = Draft::build(&line, None, &scope).unwrap();
            auth.apply(&mut draft, &scope, &held).unwrap();
            let request = draft.finish().unwrap();
            let header = request.headers.get("authorization").map(|value| value.to_str().unwrap()).unwrap_or_default();
            assert_eq!(format!("{} {header}", request.shown_url), expected);
        }
    }
}
