//! Standard Webhooks: `webhook-signature: v1,BASE64`, over the id, the time and the body with dots between; `v1a` with Ed25519.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{EvalError, Scope};
use engine_request::HashAlgorithm;
use engine_request::auth::{KeyEncoding, PublicKey, SignatureAlgorithm};
use engine_spec::verify::StandardWebhooksVerify;

use super::delivery::{TOLERANCE, is_same};
use super::{Delivery, Refusal, Unsigned, secrets};

/// The names of the three headers, and those that the same headers had before there was a standard.
const HEADERS: [[&str; 3]; 2] =
    [["webhook-id", "webhook-timestamp", "webhook-signature"], ["svix-id", "svix-timestamp", "svix-signature"]];

pub(super) struct StandardWebhooks {
    keys: Vec<Key>,
    tolerance: Duration,
}

enum Key {
    /// `whsec_…`, for `v1`.
    Shared(Vec<u8>),
    /// `whpk_…`, for `v1a`.
    Public(PublicKey),
}

impl StandardWebhooks {
    pub(super) fn new(spec: &StandardWebhooksVerify, scope: &Scope) -> Result<Self, EvalError> {
        let tolerance = spec.tolerance.as_ref().map(|it| it.resolve(scope)).transpose()?;
        let mut keys = Vec::new();
        for (text, span) in secrets::texts(spec.secret.as_slice(), scope)? {
            let text = text.trim();
            keys.push(if text.starts_with("whpk_") {
                let key = PublicKey::read(text).map_err(|error| error.at(span))?;
                if !key.fits(SignatureAlgorithm::Ed25519) {
                    return Err(EvalError::new(format!("the key is {}, not one of Ed25519", key.name()), span));
                }
                Key::Public(key)
            } else if text.starts_with("whsk_") {
                let error = EvalError::new("the key is the private one of the sender", span);
                return Err(error.help("give the public one, which begins with `whpk_`"));
            } else {
                match KeyEncoding::Base64.read(text.strip_prefix("whsec_").unwrap_or(text)) {
                    Some(key) if !key.is_empty() => Key::Shared(key),
                    _ => {
                        let error = EvalError::new("the secret is not in base64", span);
                        return Err(error.help("give the whole text that begins with `whsec_`"));
                    }
                }
            });
        }
        Ok(Self { keys, tolerance: tolerance.map_or(TOLERANCE, engine_request::Period::duration) })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let names = HEADERS.iter().find(|[_, _, signature]| delivery.headers.contains_key(*signature));
        let [id, time, signature] = names.unwrap_or(&HEADERS[0]);
        let (given, id) = (delivery.header(signature)?, delivery.header(id)?);
        let (place, time) = (*time, delivery.header(time)?);
        if id.is_empty() {
            return Err(Refusal::new("the id of the event", "is empty"));
        }
        if !time.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::header(place, "is no time"));
        }
        let message = message(id, time, delivery.body);
        let holds = |key: &Key| match key {
            Key::Shared(key) => {
                let expected = STANDARD.encode(HashAlgorithm::Sha256.mac(key, &message));
                signatures(given, "v1").any(|given| is_same(given.as_bytes(), expected.as_bytes()))
            }
            Key::Public(key) => signatures(given, "v1a").any(|given| {
                STANDARD.decode(given).is_ok_and(|given| key.verifies(SignatureAlgorithm::Ed25519, &message, &given))
            }),
        };
        if self.keys.iter().any(holds) {
            delivery.check_time(&format!("the header `{place}`"), time, self.tolerance)
        } else {
            Err(Refusal::header(signature, "has no signature that fits the event and the secret"))
        }
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let shared = self.keys.iter().find_map(|key| match key {
            Key::Shared(key) => Some(key),
            Key::Public(_) => None,
        });
        let key = shared.ok_or("only the sender has the private key that signs its events")?;
        let (id, time) = (event.id.clone(), event.seconds());
        let signature = STANDARD.encode(HashAlgorithm::Sha256.mac(key, &message(&id, &time, &event.body)));
        event.set_header("webhook-id", id);
        event.set_header("webhook-timestamp", time);
        event.set_header("webhook-signature", format!("v1,{signature}"));
        Ok(())
    }
}

fn message(id: &str, time: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", time.as_bytes(), b".", body].concat()
}

/// Returns the signatures of a version; there may be several of each.
fn signatures<'h>(value: &'h str, version: &'static str) -> impl Iterator<Item = &'h str> {
    value.split(' ').filter_map(move |one| match one.split_once(',') {
        Some((known, signature)) if known == version => Some(signature),
        _ => None,
    })
}

impl std::fmt::Debug for StandardWebhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StandardWebhooks").field("tolerance", &self.tolerance).finish_non_exhaustive()
    }
}
