//! A signature with a shared key that a spec describes part by part (RFC 2104).

use engine_expr::{EvalError, Scope};
use engine_request::HashAlgorithm;
use engine_spec::verify::HmacVerify;

use super::delivery::is_same;
use super::parts::{Parts, Said, written, written_otherwise};
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

#[derive(Debug)]
pub(super) struct Hmac {
    algorithm: HashAlgorithm,
    secrets: Secrets,
    parts: Parts,
}

impl Hmac {
    pub(super) fn new(spec: &HmacVerify, scope: &Scope) -> Result<Self, EvalError> {
        let said = Said {
            signed: spec.signed.as_ref(),
            place: &spec.place,
            format: spec.format.as_ref(),
            timestamp: spec.timestamp.as_ref(),
            tolerance: spec.tolerance.as_ref(),
        };
        Ok(Self {
            algorithm: spec.algorithm.unwrap_or_default(),
            secrets: Secrets::new(&spec.secret, spec.key_encoding.unwrap_or_default(), scope)?,
            parts: Parts::new(&said, "{signature:hex}", scope)?,
        })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let claimed = self.parts.claimed(delivery)?;
        for key in &*self.secrets.of(delivery)? {
            let (mac, text) = (self.algorithm.mac(key, &claimed.message), self.parts.format.text);
            let is_given = |expected: String| {
                claimed.signatures.iter().any(|given| is_same(given.as_bytes(), expected.as_bytes()))
            };
            if is_given(written(&mac, text)) || written_otherwise(&mac, text).is_some_and(is_given) {
                return Ok(());
            }
        }
        Err(Refusal::new(self.parts.home(), "has no signature that fits what is signed and the secret"))
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let key = self.secrets.first(&event.event)?;
        self.parts.sign(event, &|message| Ok(written(&self.algorithm.mac(&key, message), self.parts.format.text)))
    }
}
