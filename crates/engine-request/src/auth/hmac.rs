//! A signature over the request with a shared key.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{Dynamic, EvalError, Host, Scope, Secret, Template, Value};
use engine_source::Map;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crypto::{HostRandom, KeyError};
use super::{Authenticate, Held, KeyEncoding, host_of};
use crate::{Draft, HashAlgorithm, Method, Needs, Place, Prepared, Target};

/// Signs every request with a shared key (RFC 2104).
///
/// What is signed and what is sent know the same `timestamp`, `nonce` and `now()`: those of the moment of signing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "hmac auth", deny_unknown_fields)]
#[schemars(rename = "HmacAuth")]
pub struct HmacAuth {
    /// The hash function; `sha256` if not given.
    pub algorithm: Option<HashAlgorithm>,
    /// The shared key.
    pub key: Template,
    /// How the key is written; `text` if not given.
    pub key_encoding: Option<KeyEncoding>,
    /// What is signed, over `request`: `method`, `url`, `path`, `query`, `headers`, `body` (the text that is sent), `timestamp`
    /// (seconds since 1970), `nonce`.
    pub message: Template,
    /// How the signature is written; `hex` if not given.
    pub encoding: Option<SignatureEncoding>,
    /// Where the signature is sent: `header.NAME`, `query.NAME` or `cookie.NAME`. Only `headers` that name `signature` can stand in for it.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// Headers to send with it, over the same names and `signature`, such as `{X-Timestamp: "{{ request.timestamp }}"}`.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub headers: Map<Dynamic>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

/// How the bytes of a signature are written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "encoding of the signature", rename_all = "snake_case")]
#[schemars(rename = "SignatureEncoding")]
pub enum SignatureEncoding {
    /// Two small hexadecimal digits for each byte.
    #[default]
    Hex,
    /// Base64 with padding (RFC 4648 §4).
    Base64,
}

impl SignatureEncoding {
    fn write(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => super::crypto::hex(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

impl Authenticate for HmacAuth {
    fn apply(&self, _draft: &mut Draft, _scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        Ok(())
    }

    fn sign(&self, request: &mut Prepared, scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        let key_span = self.key.span();
        let at_key = |error: KeyError| error.at(key_span);
        let Some(host) = scope.host() else { return Err(at_key(KeyError::NoRandomness)) };
        let now = host.now();
        let nonce = HostRandom::of(scope).map_err(at_key)?.nonce();
        // A link or a redirect may say an older signature back: it is none of what is signed.
        if let Some(place) = &self.place
            && let Target::Query(name) = place.target()
        {
            request.put_query(name, &Value::Null, place.span())?;
        }
        let scope = scope.hosted(Arc::new(Stopped { now, host: Arc::clone(host) }));
        let scope = scope.with("request", self.request(request, now, &nonce)?);

        let key = self.key.render_text(&scope)?;
        let bytes = self.bytes(&key).map_err(at_key)?;
        request.hide(&key);
        let message = self.message.render_text(&scope)?;
        let mac = self.algorithm.unwrap_or_default().mac(&bytes, message.as_bytes());
        let signature = Value::Secret(Secret::new(self.encoding.unwrap_or_default().write(&mac)));

        if let Some(place) = &self.place {
            match place.target() {
                Target::Header(name) => request.put_header(name, &signature, place.span())?,
                Target::Query(name) => request.put_query(name, &signature, place.span())?,
                Target::Cookie(name) => request.put_cookie(name, &signature, place.span())?,
                Target::Body(_) | Target::Path(_) | Target::Params(_) | Target::Url => {
                    let error = EvalError::new(format!("a signature can't be put into `{place}`"), place.span());
                    return Err(
                        error.help("send it in a header, the query or a cookie: what is signed is ready by then")
                    );
                }
            }
        }
        let scope = scope.with("signature", signature);
        for (name, value) in &self.headers {
            request.put_header(&name.value, &value.evaluate(&scope)?.unwrap_or_default(), value.span())?;
        }
        Ok(())
    }
}

impl HmacAuth {
    /// Says what is wrong with a key that is written into the spec; nothing of one that is known only while running.
    pub fn problem(&self) -> Option<EvalError> {
        let text = self.key.as_literal()?.text()?;
        self.bytes(&text).err().map(|error| error.at(self.key.span()))
    }

    fn bytes(&self, key: &str) -> Result<Vec<u8>, KeyError> {
        let encoding = self.key_encoding.unwrap_or_default();
        let bytes = encoding.read(key).ok_or(KeyError::NotEncoded(encoding.name()))?;
        if bytes.is_empty() { Err(KeyError::Empty) } else { Ok(bytes) }
    }

    /// Makes the `request` that is signed.
    fn request(&self, request: &Prepared, now: Timestamp, nonce: &str) -> Result<Value, EvalError> {
        let mut needs = Needs::default();
        needs.add_template(&self.message);
        self.headers.iter().for_each(|(_, value)| needs.add_dynamic(value));
        let value = request.to_value();
        let mut members = value.as_object().cloned().unwrap_or_default();
        let mut headers = members.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        if !headers.contains("host") {
            headers.insert("host", host_of(&request.url).into());
        }
        for (name, value) in headers.clone().iter() {
            for spelled in needs.spellings(name) {
                headers.insert(&*spelled, value.clone());
            }
        }
        members.insert("headers", Value::Object(headers.into()));
        members.insert("timestamp", now.as_second().into());
        members.insert("nonce", nonce.into());
        let body = request.body.as_bytes().and_then(|bytes| String::from_utf8(bytes.into()).ok());
        if let Some(body) = body {
            // It may have secrets in it, and is used to sign only.
            members.insert("body", Value::Secret(Secret::new(body)));
        } else {
            members.remove("body");
            let names = self.message.names().iter();
            let mut members = names.filter(|name| name.root() == "request").map(|name| name.path.get(1));
            if members.any(|member| member.is_none_or(|member| &**member == "body")) {
                let error = EvalError::new("the body is no text, so that it can't be signed", self.message.span());
                return Err(error.help("sign something else than `request.body`"));
            }
        }
        Ok(Value::Object(members.into()))
    }
}

/// A host whose clock stands still, so that what is signed and what is sent say the same.
struct Stopped {
    now: Timestamp,
    host: Arc<dyn Host>,
}

impl Host for Stopped {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn random(&self) -> u64 {
        self.host.random()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use crate::auth::tests::{request, scope_at, sign};

    /// Signs `PUT https://api.test:8443/v1/orders?b=2&a=1` with a JSON body, in 2009.
    fn signed(yaml: &str) -> Result<String, String> {
        let mut request =
            request("PUT https://api.test:8443/v1/orders?b=2&a=1", "{X-Shop: s}", "json: {n: 1, t: 'a b'}");
        sign(yaml, &mut request, &scope_at("2009-02-13T23:31:30Z", &[("key", "k3y"), ("id", "me")]))?;
        let shown = request.headers.iter().filter(|(name, _)| *name != "content-type" && *name != "x-shop").map(
            |(name, value)| {
                let text = String::from_utf8_lossy(value.as_bytes());
                assert_eq!(value.is_sensitive(), request.redactor().redact(&text) != text, "{name}");
                format!(" {name}: {text}")
            },
        );
        let line = request.shown_url.replace("https://api.test:8443/v1/orders", "");
        Ok(shown.fold(line, |all, one| all + &one))
    }

    #[test]
    fn signs_what_is_sent() {
        // What openssl makes of the same text: `printf … | openssl dgst -sha256 -hmac k3y`.
        let yaml = "{type: hmac, key: '{{ secrets.key }}', in: header.X-Sig, message: '{{ request.method }} {{ request.path }} {{ request.url }} {{ request.query.a }} {{ request.headers[\"X-Shop\"] }} {{ request.headers.host }} {{ request.body }} {{ request.timestamp }}'}";
        assert_eq!(
            signed(yaml).unwrap(),
            "?b=2&a=1 x-sig: 04d15726d1d83994648273e77288fdbcf4ef48ff75c2608140cd036b7705c585"
        );
    }

    #[test]
    fn writes_the_signature_as_is_asked() {
        let yaml = |more: &str| format!("{{type: hmac, key: '{{{{ secrets.key }}}}', message: m, {more}}}");
        for (more, expected) in [
            ("in: query.sig", "?b=2&a=1&sig=***"),
            ("in: header.S, algorithm: md5", "?b=2&a=1 s: d2174461b714fd8640ac17b53886a054"),
            ("in: header.S, algorithm: sha1, encoding: base64", "?b=2&a=1 s: 4Haanji1fdXPo82hkv06WWjqAYU="),
            (
                "in: header.S, algorithm: sha384",
                "?b=2&a=1 s: 549b66f06c7b6c2c459ff6034f03d1a404cacc4b1501440797ad19ad8d47036ae60afc881044193d47a89c1c45d5c66c",
            ),
            (
                "in: header.S, algorithm: sha512, encoding: base64",
                "?b=2&a=1 s: SYgWnqZlRO4+0NHvJRr5RBm042Hm/Udh6sP0CfyhrCMo2MWIChYVpfk2h1KrVpg8kHkAaB1b0suV+PjV5JDAEQ==",
            ),
            ("in: cookie.sig", "?b=2&a=1 cookie: sig=398d386b2165ee4b7eed30af242e4d54dc5786765ee2f97390e9a0833ab3c15f"),
        ] {
            assert_eq!(signed(&yaml(more)).unwrap(), expected, "{more}");
        }
    }

    #[test]
    fn what_is_signed_and_what_is_sent_know_the_same_moment_and_nonce() {
        let yaml = "{type: hmac, key: '{{ secrets.key }}', message: '{{ request.timestamp }}.{{ request.nonce }}', headers: {X-Time: '{{ request.timestamp }}', X-Now: '{{ now() }}', X-Nonce: '{{ request.nonce }}', Authorization: 'HMAC {{ secrets.id }}:{{ signature }}', X-Null: null}}";
        assert_eq!(
            signed(yaml).unwrap(),
            "?b=2&a=1 x-time: 1234567890 x-now: 2009-02-13T23:31:30Z x-nonce: 123456789abcdef0123456789abcdef0 authorization: HMAC me:22c784c19de85d1335d70bb26a5f891f9f19f62025fd4d7460cfe75f68437801"
        );
    }

    #[test]
    fn a_signature_that_is_said_back_is_not_signed() {
        let yaml = "{type: hmac, key: '{{ secrets.key }}', message: '{{ request.url }} {{ request.query | tojson }}', in: query.sig}";
        let scope = scope_at("2009-02-13T23:31:30Z", &[("key", "k3y")]);
        let mut fresh = request("GET https://api.test/orders?a=1%2C2", "", "");
        sign(yaml, &mut fresh, &scope).unwrap();
        let mut again = request("GET https://api.test/orders?a=1%2C2&sig=0ld&s%69g=0lder", "", "");
        sign(yaml, &mut again, &scope).unwrap();
        assert_eq!(fresh.url, again.url);
        sign(yaml, &mut again, &scope).unwrap();
        assert_eq!(fresh.url, again.url);
        assert_eq!(again.shown_url, "https://api.test/orders?a=1%2C2&sig=***");
    }

    #[test]
    fn a_key_may_be_bytes() {
        let yaml = "{type: hmac, key: 6b3379, key_encoding: hex, message: m, in: query.sig}";
        assert_eq!(signed(yaml).unwrap(), "?b=2&a=1&sig=***");
        let yaml = "{type: hmac, key: 6b337, key_encoding: hex, message: m, in: query.sig}";
        assert_eq!(
            signed(yaml).unwrap_err(),
            "the key is not in hex; check `key_encoding`, and that the secret is whole"
        );
        let yaml = "{type: hmac, key: '', message: m, in: query.sig}";
        assert_eq!(signed(yaml).unwrap_err(), "the key is empty; check the secret that it is made of");
    }

    #[test]
    fn is_for_its_methods_only() {
        assert_eq!(signed("{type: hmac, key: k, message: m, in: query.sig, methods: [POST]}").unwrap(), "?b=2&a=1");
    }
}
