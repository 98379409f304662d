//! A signature with a private key, known by the public one, that a spec describes part by part.

use engine_expr::{EvalError, Scope};
use engine_request::auth::{PublicKey, SignatureAlgorithm};
use engine_spec::verify::SignatureVerify;

use super::parts::{Parts, Said, unwritten};
use super::{Delivery, Refusal, secrets};

#[derive(Debug)]
pub(super) struct Signature {
    algorithm: SignatureAlgorithm,
    keys: Vec<PublicKey>,
    parts: Parts,
}

impl Signature {
    pub(super) fn new(spec: &SignatureVerify, scope: &Scope) -> Result<Self, EvalError> {
        let said = Said {
            signed: spec.signed.as_ref(),
            place: &spec.place,
            format: spec.format.as_ref(),
            timestamp: spec.timestamp.as_ref(),
            tolerance: spec.tolerance.as_ref(),
        };
        let mut keys = Vec::new();
        for (text, span) in secrets::texts(spec.key.as_slice(), scope)? {
            let key = PublicKey::read(&text).map_err(|error| error.at(span))?;
            if !key.fits(spec.algorithm) {
                let error = EvalError::new(format!("the key is {}, and for another algorithm", key.name()), span);
                return Err(error.help("give the key of this `algorithm`, or choose another one"));
            }
            keys.push(key);
        }
        Ok(Self { algorithm: spec.algorithm, keys, parts: Parts::new(&said, "{signature:base64}", scope)? })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let claimed = self.parts.claimed(delivery)?;
        let signatures = claimed.signatures.iter().filter_map(|text| unwritten(text, self.parts.format.text));
        for signature in signatures.take(MOST) {
            if self.keys.iter().any(|key| key.verifies(self.algorithm, &claimed.message, &signature)) {
                return Ok(());
            }
        }
        Err(Refusal::new(self.parts.home(), "has no signature that fits what is signed and the key"))
    }
}

/// How many signatures of one event are looked at: each costs more than the sender's own work.
const MOST: usize = 8;
