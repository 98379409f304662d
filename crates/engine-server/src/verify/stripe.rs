//! Stripe: `Stripe-Signature: t=TIME,v1=HEX`, over the time, a dot and the body.

use std::time::Duration;

use engine_expr::{EvalError, Scope};
use engine_request::HashAlgorithm;
use engine_request::auth::KeyEncoding;
use engine_spec::verify::StripeVerify;

use super::delivery::{TOLERANCE, is_same};
use super::parts::hex;
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const HEADER: &str = "stripe-signature";

#[derive(Debug)]
pub(super) struct Stripe {
    secrets: Secrets,
    tolerance: Duration,
}

impl Stripe {
    pub(super) fn new(spec: &StripeVerify, scope: &Scope) -> Result<Self, EvalError> {
        let tolerance = spec.tolerance.as_ref().map(|it| it.resolve(scope)).transpose()?;
        Ok(Self {
            secrets: Secrets::new(&spec.secret, KeyEncoding::Text, scope)?,
            tolerance: tolerance.map_or(TOLERANCE, engine_request::Period::duration),
        })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let value = delivery.header(HEADER)?;
        let (mut times, mut signatures) = (Vec::new(), Vec::new());
        for part in value.split(',') {
            match part.split_once('=') {
                Some(("t", time)) => times.push(time),
                Some(("v1", signature)) => signatures.push(signature),
                _ => {}
            }
        }
        let [time] = times.as_slice() else { return Err(Refusal::header(HEADER, "has no time, or more than one")) };
        if signatures.is_empty() {
            return Err(Refusal::header(HEADER, "has no signature of version 1"));
        }
        if !time.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::header(HEADER, "has no time"));
        }
        for key in &*self.secrets.of(delivery)? {
            let expected = signature(key, time, delivery.body);
            if signatures.iter().any(|given| is_same(given.as_bytes(), expected.as_bytes())) {
                return delivery.check_time("the time in the header `stripe-signature`", time, self.tolerance);
            }
        }
        Err(Refusal::header(HEADER, "has no signature that fits the body and the secret"))
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let (key, time) = (self.secrets.first(&event.event)?, event.seconds());
        let signature = signature(&key, &time, &event.body);
        event.set_header("Stripe-Signature", format!("t={time},v1={signature}"));
        Ok(())
    }
}

fn signature(key: &[u8], time: &str, body: &[u8]) -> String {
    hex(&HashAlgorithm::Sha256.mac(key, &[time.as_bytes(), b".", body].concat()))
}
