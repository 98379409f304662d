//! A token: `Authorization: Bearer TOKEN` (RFC 6750 §2.1).

use engine_expr::{EvalError, Scope};
use engine_request::auth::KeyEncoding;
use engine_spec::verify::BearerVerify;

use super::delivery::is_same;
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const HEADER: &str = "authorization";

#[derive(Debug)]
pub(super) struct Bearer {
    secrets: Secrets,
}

impl Bearer {
    pub(super) fn new(spec: &BearerVerify, scope: &Scope) -> Result<Self, EvalError> {
        Ok(Self { secrets: Secrets::new(&spec.secret, KeyEncoding::Text, scope)? })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let given = after_scheme(delivery.header(HEADER)?, "Bearer")
            .ok_or_else(|| Refusal::header(HEADER, "has no `Bearer` token"))?;
        for key in &*self.secrets.of(delivery)? {
            if is_same(given.as_bytes(), key) {
                return Ok(());
            }
        }
        Err(Refusal::header(HEADER, "has another token"))
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let key = self.secrets.first(&event.event)?;
        event.set_header("Authorization", format!("Bearer {}", String::from_utf8_lossy(&key)));
        Ok(())
    }
}

/// Returns what stands after the scheme, whose letters may be small or large (RFC 9110 §11.1).
pub(super) fn after_scheme<'h>(value: &'h str, scheme: &str) -> Option<&'h str> {
    let (given, rest) = value.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim_start_matches(' '))
}
