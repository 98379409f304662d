//! A user name and a password: `Authorization: Basic BASE64` (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{EvalError, Scope};
use engine_request::auth::KeyEncoding;
use engine_spec::verify::BasicVerify;

use super::bearer::after_scheme;
use super::delivery::is_same;
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const HEADER: &str = "authorization";

#[derive(Debug)]
pub(super) struct Basic {
    secrets: Secrets,
}

impl Basic {
    pub(super) fn new(spec: &BasicVerify, scope: &Scope) -> Result<Self, EvalError> {
        Ok(Self { secrets: Secrets::new(&spec.secret, KeyEncoding::Text, scope)? })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let given = after_scheme(delivery.header(HEADER)?, "Basic").and_then(|text| STANDARD.decode(text).ok());
        let given = given.ok_or_else(|| Refusal::header(HEADER, "has no `Basic` user and password"))?;
        for key in &*self.secrets.of(delivery)? {
            if is_same(&given, key) {
                return Ok(());
            }
        }
        Err(Refusal::header(HEADER, "has another user or password"))
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let key = self.secrets.first(&event.event)?;
        event.set_header("Authorization", format!("Basic {}", STANDARD.encode(key)));
        Ok(())
    }
}
