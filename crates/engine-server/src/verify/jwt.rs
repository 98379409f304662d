//! A JSON Web Token (RFC 7519), signed with a key that the spec says or the sender publishes.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use engine_expr::{EvalError, Number, Scope, Value};
use engine_request::auth::{JwkSet, JwtAlgorithm, PublicKey};
use engine_request::{HashAlgorithm, OneOrMany, Target};
use engine_spec::verify::JwtVerify;
use jiff::Timestamp;

use super::bearer::after_scheme;
use super::delivery::is_same;
use super::parts::hex;
use super::secrets::{self, Secrets};
use super::{Delivery, Refusal, Unsigned};

/// By how much clocks may differ if the spec does not say.
const LEEWAY: Duration = Duration::from_mins(1);
/// How long a token that is made here holds.
const LIFETIME: i64 = 300;

pub(super) struct Jwt {
    algorithms: Vec<JwtAlgorithm>,
    keys: Keys,
    issuers: Vec<String>,
    audiences: Vec<String>,
    home: Target,
    prefix: Option<String>,
    body_hash: Option<String>,
    leeway: Duration,
}

enum Keys {
    Shared(Secrets),
    Public(JwkSet),
    Published(String),
}

impl Jwt {
    pub(super) fn new(spec: &JwtVerify, scope: &Scope) -> Result<Self, EvalError> {
        let tolerance = spec.tolerance.as_ref().map(|it| it.resolve(scope)).transpose()?;
        let is_shared = spec.algorithms.as_slice().iter().any(|algorithm| algorithm.is_shared());
        let texts = |list: Option<&OneOrMany<_>>| match list {
            Some(list) => secrets::texts(list.as_slice(), scope),
            None => Ok(Vec::new()),
        };
        let keys = match (&spec.key, &spec.jwks_url) {
            (Some(key), _) if is_shared => {
                Keys::Shared(Secrets::new(key, spec.key_encoding.unwrap_or_default(), scope)?)
            }
            (Some(key), _) => {
                let read = |(text, span): (String, _)| PublicKey::read(&text).map_err(|error| error.at(span));
                let keys = texts(Some(key))?.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
                Keys::Public(JwkSet::of(keys))
            }
            (None, Some(url)) => Keys::Published(url.render_text(scope)?),
            (None, None) => Keys::Public(JwkSet::default()),
        };
        let home = spec.place.as_ref().map(|place| place.target().clone());
        let home = home.unwrap_or_else(|| Target::Header("authorization".into()));
        let is_authorization = matches!(&home, Target::Header(name) if name.eq_ignore_ascii_case("authorization"));
        let usual = is_authorization.then(|| "Bearer".to_owned());
        let only = |list: Vec<(String, _)>| list.into_iter().map(|(text, _)| text).collect();
        Ok(Self {
            algorithms: spec.algorithms.as_slice().to_vec(),
            keys,
            issuers: only(texts(spec.issuer.as_ref())?),
            audiences: only(texts(spec.audience.as_ref())?),
            home,
            prefix: spec.prefix.as_ref().map(ToString::to_string).or(usual),
            body_hash: spec.body_hash.as_ref().map(ToString::to_string),
            leeway: tolerance.map_or(LEEWAY, engine_request::Period::duration),
        })
    }

    pub(super) fn jwks_url(&self) -> Option<&str> {
        match &self.keys {
            Keys::Published(url) => Some(url),
            Keys::Shared(_) | Keys::Public(_) => None,
        }
    }

    pub(super) fn key_id(&self, delivery: &Delivery<'_>) -> Option<String> {
        let token = self.token(delivery).ok()?;
        let header = part(token.split('.').next()?)?;
        header.get("kid").and_then(Value::as_str).map(str::to_owned)
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>, published: Option<&JwkSet>) -> Result<(), Refusal> {
        let token = self.token(delivery)?;
        let refuse = |reason: &'static str| Err(Refusal::new("the token", reason));
        let Some((message, signature)) = token.rsplit_once('.') else { return refuse("is no JSON Web Token") };
        let Some((header, claims)) = message.split_once('.') else { return refuse("is no JSON Web Token") };
        let (Some(header), Ok(signature)) = (part(header), URL_SAFE_NO_PAD.decode(signature)) else {
            return refuse("is no JSON Web Token");
        };
        let said = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        // The token chooses among what the spec allows, and never what the key is used for.
        let Some(algorithm) = self.algorithms.iter().find(|algorithm| algorithm.name() == said) else {
            return refuse("is signed with an algorithm that is not allowed");
        };
        if header.get("crit").is_some() {
            return refuse("asks for something that is not known here (`crit`)");
        }
        if !self.holds(*algorithm, &header, message, &signature, delivery, published)? {
            return refuse("has a signature that fits none of the keys");
        }
        let Some(claims) = part(claims) else { return refuse("has claims that are no JSON object") };
        self.check_claims(&claims, delivery)
    }

    fn holds(
        &self,
        algorithm: JwtAlgorithm,
        header: &Value,
        message: &str,
        signature: &[u8],
        delivery: &Delivery<'_>,
        published: Option<&JwkSet>,
    ) -> Result<bool, Refusal> {
        let set = match (&self.keys, published) {
            (Keys::Shared(secrets), _) => {
                let Some(hash) = algorithm.shared() else { return Ok(false) };
                let keys = secrets.of(delivery)?;
                return Ok(keys.iter().any(|key| is_same(&hash.mac(key, message.as_bytes()), signature)));
            }
            (Keys::Public(set), _) => set,
            (Keys::Published(_), Some(set)) => set,
            (Keys::Published(_), None) => {
                return Err(Refusal::new("the keys of the sender", "could not be fetched"));
            }
        };
        let Some(public) = algorithm.public() else { return Ok(false) };
        // Two numbers one after the other; DER is for others (RFC 7518 §3.4).
        let length = match algorithm {
            JwtAlgorithm::Es256 => Some(64),
            JwtAlgorithm::Es384 => Some(96),
            JwtAlgorithm::Es512 => Some(132),
            _ => None,
        };
        if length.is_some_and(|length| signature.len() != length) {
            return Ok(false);
        }
        let id = header.get("kid").and_then(Value::as_str);
        Ok(set
            .candidates(id)
            .filter(|key| key.algorithm.as_deref().is_none_or(|known| known == algorithm.name()))
            .any(|key| key.key.verifies(public, message.as_bytes(), signature)))
    }

    /// Checks the time, who made it and for whom (RFC 7519 §4.1).
    fn check_claims(&self, claims: &Value, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let refuse = |reason: &'static str| Err(Refusal::new("the token", reason));
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(time_of(number)),
            Some(_) => Err(Refusal::new("the token", format!("has a claim `{name}` that is no number"))),
        };
        let now = delivery.now;
        let Some(end) = time("exp")? else { return refuse("does not say when it ends (`exp`)") };
        if now >= end && now.saturating_duration_since(end) >= self.leeway {
            return refuse("is over");
        }
        if time("nbf")?.is_some_and(|begin| begin.saturating_duration_since(now) > self.leeway) {
            return refuse("does not hold yet (`nbf`)");
        }
        if time("iat")?.is_some_and(|made| made.saturating_duration_since(now) > self.leeway) {
            return refuse("was made in the future (`iat`)");
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if !self.issuers.is_empty() && !text("iss").is_some_and(|by| self.issuers.iter().any(|known| known == by)) {
            return refuse("was made by somebody else (`iss`)");
        }
        if !self.audiences.is_empty() {
            let is_for = |whom: &str| self.audiences.iter().any(|known| known == whom);
            let one = text("aud").is_some_and(is_for);
            let list = claims.get("aud").and_then(Value::as_list).unwrap_or_default();
            if !one && !list.iter().filter_map(Value::as_str).any(is_for) {
                return refuse("is for somebody else (`aud`)");
            }
        }
        if let Some(name) = &self.body_hash {
            let digest = HashAlgorithm::Sha256.digest(delivery.body);
            let texts = [hex(&digest), STANDARD.encode(&digest), URL_SAFE_NO_PAD.encode(&digest)];
            let given = text(name).unwrap_or_default();
            if !texts.iter().any(|expected| is_same(given.as_bytes(), expected.as_bytes())) {
                return refuse("is for another body");
            }
        }
        Ok(())
    }

    fn token<'d>(&self, delivery: &Delivery<'d>) -> Result<&'d str, Refusal> {
        let value = match &self.home {
            Target::Query(name) => delivery.query(name)?,
            Target::Header(name) => delivery.header(&name.to_ascii_lowercase())?,
            _ => return Err(Refusal::new("the token", "is nowhere in the event")),
        };
        match &self.prefix {
            Some(prefix) => after_scheme(value, prefix)
                .ok_or_else(|| Refusal::new("the token", format!("does not stand after `{prefix}`"))),
            None => Ok(value),
        }
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let Keys::Shared(secrets) = &self.keys else {
            return Err("only the sender has the private key that signs its tokens".to_owned());
        };
        let (key, now) = (secrets.first(&event.event)?, event.now.as_second());
        let algorithm = self.algorithms.iter().find_map(|it| it.shared().map(|hash| (it.name(), hash)));
        let (name, hash) = algorithm.ok_or("no algorithm with a shared key is allowed")?;
        let mut claims = vec![("iat", Value::from(now)), ("exp", Value::from(now + LIFETIME))];
        claims.extend(self.issuers.first().map(|issuer| ("iss", Value::from(issuer.as_str()))));
        claims.extend(self.audiences.first().map(|audience| ("aud", Value::from(audience.as_str()))));
        let digest = HashAlgorithm::Sha256.digest(&event.body);
        claims.extend(self.body_hash.as_deref().map(|name| (name, Value::from(hex(&digest)))));
        let header = Value::object([("alg", Value::from(name)), ("typ", Value::from("JWT"))]);
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_json());
        let message = format!("{}.{}", encode(&header), encode(&Value::object(claims)));
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(hash.mac(&key, message.as_bytes())));
        let text = match &self.prefix {
            Some(prefix) => format!("{prefix} {token}"),
            None => token,
        };
        match &self.home {
            Target::Query(name) => event.query.push((name.to_string(), text)),
            Target::Header(name) => event.set_header(name, text),
            _ => return Err("a token can't be put there".to_owned()),
        }
        Ok(())
    }
}

/// Reads a part of a token: a JSON object.
fn part(text: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let value = Value::from_json(std::str::from_utf8(&bytes).ok()?).ok()?;
    value.as_object().is_some().then_some(value)
}

fn time_of(number: &Number) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "parts of a second don't matter, and too large a number is no time"
    )]
    Timestamp::from_second(number.as_f64() as i64).ok()
}

/// Differences of times that are never below zero.
trait Since {
    fn saturating_duration_since(self, earlier: Self) -> Duration;
}

impl Since for Timestamp {
    fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::try_from(self.duration_since(earlier)).unwrap_or_default()
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}
