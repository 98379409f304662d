//! Slack: `X-Slack-Signature: v0=HEX`, over the version, the time of `X-Slack-Request-Timestamp` and the body.

use std::time::Duration;

use engine_expr::{EvalError, Scope};
use engine_request::HashAlgorithm;
use engine_request::auth::KeyEncoding;
use engine_spec::verify::SlackVerify;

use super::delivery::{TOLERANCE, is_same};
use super::parts::hex;
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const SIGNATURE: &str = "x-slack-signature";
const TIME: &str = "x-slack-request-timestamp";

#[derive(Debug)]
pub(super) struct Slack {
    secrets: Secrets,
    tolerance: Duration,
}

impl Slack {
    pub(super) fn new(spec: &SlackVerify, scope: &Scope) -> Result<Self, EvalError> {
        let tolerance = spec.tolerance.as_ref().map(|it| it.resolve(scope)).transpose()?;
        Ok(Self {
            secrets: Secrets::new(&spec.secret, KeyEncoding::Text, scope)?,
            tolerance: tolerance.map_or(TOLERANCE, engine_request::Period::duration),
        })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let (given, time) = (delivery.header(SIGNATURE)?, delivery.header(TIME)?);
        if !time.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::header(TIME, "is no time"));
        }
        for key in &*self.secrets.of(delivery)? {
            if is_same(given.as_bytes(), signature(key, time, delivery.body).as_bytes()) {
                return delivery.check_time("the header `x-slack-request-timestamp`", time, self.tolerance);
            }
        }
        Err(Refusal::header(SIGNATURE, "does not fit the body, the time and the secret"))
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let (key, time) = (self.secrets.first(&event.event)?, event.seconds());
        let signature = signature(&key, &time, &event.body);
        event.set_header("X-Slack-Request-Timestamp", time);
        event.set_header("X-Slack-Signature", signature);
        Ok(())
    }
}

fn signature(key: &[u8], time: &str, body: &[u8]) -> String {
    format!("v0={}", hex(&HashAlgorithm::Sha256.mac(key, &[b"v0:", time.as_bytes(), b":", body].concat())))
}
