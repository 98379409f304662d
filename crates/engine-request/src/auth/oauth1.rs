//! A signature as OAuth 1.0 asks for (RFC 5849).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{EvalError, Scope, Secret, Template, Value};
use http::header::CONTENT_TYPE;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use super::crypto::{HostRandom, KeyError, PrivateKey, Scheme};
use super::{Authenticate, Held, host_of, proof};
use crate::encoding::segment;
use crate::{Draft, HashAlgorithm, Method, Prepared};

/// Signs every request as OAuth 1.0 asks for (RFC 5849).
///
/// The fields of a form are signed too; other bodies are not.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "oauth1 auth", deny_unknown_fields)]
#[schemars(rename = "OAuth1Auth")]
pub struct OAuth1Auth {
    /// The name of the application at the API.
    pub consumer_key: Template,
    /// The secret of the application; with `RSA-SHA1` its private key in PEM form.
    pub consumer_secret: Template,
    /// The token of the user.
    pub token: Option<Template>,
    /// The secret of the token.
    pub token_secret: Option<Template>,
    /// How the signature is made; `HMAC-SHA1` if not given.
    pub signature_method: Option<OAuth1Method>,
    /// The realm in the `Authorization` header.
    pub realm: Option<Template>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

/// How an OAuth 1.0 signature is made (RFC 5849 §3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "signature method")]
#[schemars(rename = "OAuth1Method")]
pub enum OAuth1Method {
    /// With SHA-1 and the shared secrets.
    #[default]
    #[serde(rename = "HMAC-SHA1")]
    HmacSha1,
    /// With SHA-256 and the shared secrets.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
    /// With SHA-1 and a private key.
    #[serde(rename = "RSA-SHA1")]
    RsaSha1,
    /// The secrets themselves.
    #[serde(rename = "PLAINTEXT")]
    Plaintext,
}

impl OAuth1Method {
    /// Returns its name in a request.
    fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
            Self::RsaSha1 => "RSA-SHA1",
            Self::Plaintext => "PLAINTEXT",
        }
    }
}

impl Authenticate for OAuth1Auth {
    fn apply(&self, _draft: &mut Draft, _scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        Ok(())
    }

    fn sign(&self, request: &mut Prepared, scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        let span = self.consumer_secret.span();
        let Some(host) = scope.host() else { return Err(KeyError::NoRandomness.at(span)) };
        let mut random = HostRandom::of(scope).map_err(|error| error.at(span))?;
        let method = self.signature_method.unwrap_or_default();
        let consumer_secret = self.consumer_secret.render_text(scope)?;
        let token_secret = self.token_secret.as_ref().map_or(Ok(String::new()), |secret| secret.render_text(scope))?;
        request.hide(&consumer_secret);
        request.hide(&token_secret);

        let mut params = vec![
            ("oauth_consumer_key", proof(&self.consumer_key, "consumer key", scope)?),
            ("oauth_nonce", random.nonce()),
            ("oauth_signature_method", method.name().to_owned()),
            ("oauth_timestamp", host.now().as_second().to_string()),
            ("oauth_version", "1.0".to_owned()),
        ];
        if let Some(token) = &self.token {
            params.push(("oauth_token", proof(token, "token", scope)?));
        }
        let base = base_string(request, &params);
        let signature =
            sign(method, &base, &consumer_secret, &token_secret, &mut random).map_err(|error| error.at(span))?;
        params.push(("oauth_signature", signature));

        let mut parts: Vec<String> = Vec::new();
        if let Some(realm) = &self.realm {
            let realm = realm.render_text(scope)?.replace('\\', "\\\\").replace('"', "\\\"");
            parts.push(format!("realm=\"{realm}\""));
        }
        parts.extend(params.iter().map(|(name, value)| format!("{name}=\"{}\"", segment(value))));
        let authorization = Value::Secret(Secret::new(format!("OAuth {}", parts.join(", "))));
        request.put_header("Authorization", &authorization, self.consumer_key.span())
    }
}

impl OAuth1Auth {
    /// Says what is wrong with a private key that is written into the spec; nothing of one that is known only while running.
    pub fn problem(&self) -> Option<EvalError> {
        let method = self.signature_method.filter(|method| *method == OAuth1Method::RsaSha1)?;
        let text = self.consumer_secret.as_literal()?.text()?;
        let found = PrivateKey::read(&text).and_then(|key| key.fits(Scheme::Pkcs1(HashAlgorithm::Sha1), method.name()));
        found.err().map(|error| error.at(self.consumer_secret.span()))
    }
}

/// Makes the signature of a base string (RFC 5849 §3.4.2 to §3.4.4).
fn sign(
    method: OAuth1Method,
    base: &str,
    consumer_secret: &str,
    token_secret: &str,
    random: &mut HostRandom,
) -> Result<String, KeyError> {
    let key = format!("{}&{}", segment(consumer_secret), segment(token_secret));
    let bytes = match method {
        OAuth1Method::HmacSha1 => HashAlgorithm::Sha1.mac(key.as_bytes(), base.as_bytes()),
        OAuth1Method::HmacSha256 => HashAlgorithm::Sha256.mac(key.as_bytes(), base.as_bytes()),
        OAuth1Method::RsaSha1 => {
            let key = PrivateKey::read(consumer_secret)?;
            key.sign(Scheme::Pkcs1(HashAlgorithm::Sha1), method.name(), base.as_bytes(), random)?
        }
        OAuth1Method::Plaintext => return Ok(key),
    };
    Ok(STANDARD.encode(bytes))
}

/// Writes what is signed: the method, the address, and the params of the header, the query and the form (RFC 5849 §3.4.1).
fn base_string(request: &Prepared, params: &[(&str, String)]) -> String {
    let mut pairs: Vec<(String, String)> = params.iter().map(|(name, value)| (segment(name), segment(value))).collect();
    let mut add = |text: &[u8]| {
        pairs.extend(form_urlencoded::parse(text).map(|(name, value)| (segment(&name), segment(&value))));
    };
    add(request.url.query().unwrap_or_default().as_bytes());
    let content_type = request.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let is_form = content_type.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if is_form {
        add(&request.body.as_bytes().unwrap_or_default());
    }
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&{}&{}", request.method, segment(&address(&request.url)), segment(&pairs.join("&")))
}

/// Writes where a request goes, without its query (RFC 5849 §3.4.1.2).
fn address(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), host_of(url), url.path())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::{HostRandom, OAuth1Method, base_string, sign};
    use crate::auth::tests::{request, scope_at, sign as sign_by};

    fn signature(method: OAuth1Method, base: &str, consumer_secret: &str, token_secret: &str) -> String {
        let scope = scope_at("2025-03-01T10:00:00Z", &[]);
        sign(method, base, consumer_secret, token_secret, &mut HostRandom::of(&scope).unwrap()).unwrap()
    }

    /// RFC 5849 §1.2: the three requests of its story.
    #[test]
    fn signs_as_the_story_of_the_rfc() {
        let own = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            let common = [("oauth_consumer_key", "dpf43f3p2l4k3l03"), ("oauth_signature_method", "HMAC-SHA1")];
            common.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        for (line, more, token_secret, expected) in [
            (
                "POST https://photos.example.net/initiate",
                own(&[
                    ("oauth_timestamp", "137131200"),
                    ("oauth_nonce", "wIjqoS"),
                    ("oauth_callback", "http://printer.example.com/ready"),
                ]),
                "",
                "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
            ),
            (
                "POST https://photos.example.net/token",
                own(&[
                    ("oauth_token", "hh5s93j4hdidpola"),
                    ("oauth_timestamp", "137131201"),
                    ("oauth_nonce", "walatlh"),
                    ("oauth_verifier", "hfdp7dh39dks9884"),
                ]),
                "hdhd0244k9j7ao03",
                "gKgrFCywp7rO0OXSjdot/IHF7IU=",
            ),
            (
                "GET http://photos.example.net/photos?file=vacation.jpg&size=original",
                own(&[
                    ("oauth_token", "nnch734d00sl2jdk"),
                    ("oauth_timestamp", "137131202"),
                    ("oauth_nonce", "chapoH"),
                ]),
                "pfkkdhi9sl3r4s00",
                "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
            ),
        ] {
            let base = base_string(&request(line, "", ""), &more);
            assert_eq!(signature(OAuth1Method::HmacSha1, &base, "kd94hf93k423kf44", token_secret), expected, "{line}");
        }
    }

    /// RFC 5849 §3.4.1.1: a query, a form, names that repeat, and texts that are encoded already.
    #[test]
    fn writes_the_base_string_of_the_rfc() {
        let mut request = request(
            "POST http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
            "",
            "form: {c2: '', a3: 2 q}",
        );
        assert_eq!(request.body.as_bytes().unwrap(), "c2=&a3=2+q");
        let params = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let with_form = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7";
        assert_eq!(base_string(&request, &params), with_form);
        assert_eq!(
            signature(OAuth1Method::HmacSha1, with_form, "j49sk3j29djd", "dh893hdasih9"),
            "r6/TJjbCOr97/+UU0NsvSne7s5g="
        );
        request.headers.insert("content-type", "text/plain".parse().unwrap());
        assert!(!base_string(&request, &params).contains("c2%3D%26"));
    }

    #[test]
    fn every_method_signs() {
        // The second is what `openssl dgst -sha256 -hmac 'c%2F&t%2B' -binary | base64` makes of it.
        assert_eq!(signature(OAuth1Method::Plaintext, "b", "c/", "t+"), "c%2F&t%2B");
        assert_eq!(
            signature(OAuth1Method::HmacSha256, "b", "c/", "t+"),
            "skbLSCvgqtvOiBgQKjiZ3p0abD5W04o4RMWnp3zCa8E="
        );
        let rsa = signature(OAuth1Method::RsaSha1, "b", crate::auth::crypto::tests::RSA, "");
        assert_eq!(rsa.len(), 344);
    }

    #[test]
    fn says_all_of_it_in_the_header() {
        let scope = scope_at("2009-02-13T23:31:30Z", &[("consumer", "c"), ("token", "t")]);
        let yaml = "{type: oauth1, consumer_key: 'a b', consumer_secret: '{{ secrets.consumer }}', token: tk, token_secret: '{{ secrets.token }}', signature_method: PLAINTEXT, realm: 'a\"b'}";
        let mut request = request("GET https://api.test/a", "", "");
        sign_by(yaml, &mut request, &scope).unwrap();
        let header = request.headers.get("authorization").unwrap();
        assert!(header.is_sensitive());
        assert_eq!(
            header,
            "OAuth realm=\"a\\\"b\", oauth_consumer_key=\"a%20b\", oauth_nonce=\"123456789abcdef0123456789abcdef0\", oauth_signature_method=\"PLAINTEXT\", oauth_timestamp=\"1234567890\", oauth_version=\"1.0\", oauth_token=\"tk\", oauth_signature=\"c%26t\""
        );
        let yaml = "{type: oauth1, consumer_key: k, consumer_secret: s, signature_method: RSA-SHA1}";
        let error = sign_by(yaml, &mut request, &scope).unwrap_err();
        assert!(error.starts_with("the key is not in PEM form; "), "{error}");
    }
}
