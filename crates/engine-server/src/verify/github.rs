//! GitHub: `X-Hub-Signature-256: sha256=HEX`, over the body.

use engine_expr::{EvalError, Scope};
use engine_request::HashAlgorithm;
use engine_request::auth::KeyEncoding;
use engine_spec::verify::GitHubVerify;

use super::delivery::is_same;
use super::parts::hex;
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const HEADER: &str = "x-hub-signature-256";

#[derive(Debug)]
pub(super) struct Github {
    secrets: Secrets,
}

impl Github {
    pub(super) fn new(spec: &GitHubVerify, scope: &Scope) -> Result<Self, EvalError> {
        Ok(Self { secrets: Secrets::new(&spec.secret, KeyEncoding::Text, scope)? })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let given = delivery.header(HEADER)?;
        for key in &*self.secrets.of(delivery)? {
            if is_same(given.as_bytes(), signature(key, delivery.body).as_bytes()) {
                return Ok(());
            }
        }
        Err(Refusal::header(HEADER, "does not fit the body and the secret"))
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let key = self.secrets.first(&event.event)?;
        let signature = signature(&key, &event.body);
        event.set_header("X-Hub-Signature-256", signature);
        Ok(())
    }
}

fn signature(key: &[u8], body: &[u8]) -> String {
    format!("sha256={}", hex(&HashAlgorithm::Sha256.mac(key, body)))
}
