//! Shopify: `X-Shopify-Hmac-Sha256: BASE64`, over the body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{EvalError, Scope};
use engine_request::HashAlgorithm;
use engine_request::auth::KeyEncoding;
use engine_spec::verify::ShopifyVerify;

use super::delivery::is_same;
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const HEADER: &str = "x-shopify-hmac-sha256";

#[derive(Debug)]
pub(super) struct Shopify {
    secrets: Secrets,
}

impl Shopify {
    pub(super) fn new(spec: &ShopifyVerify, scope: &Scope) -> Result<Self, EvalError> {
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
        event.set_header("X-Shopify-Hmac-Sha256", signature);
        Ok(())
    }
}

fn signature(key: &[u8], body: &[u8]) -> String {
    STANDARD.encode(HashAlgorithm::Sha256.mac(key, body))
}
