//! A token: `Authorization: Bearer TOKEN` (RFC 6750 §2.1), or by itself in another place.

use engine_expr::{EvalError, Scope};
use engine_request::auth::KeyEncoding;
use engine_request::{Place, Target};
use engine_spec::verify::BearerVerify;

use super::delivery::is_same;
use super::parts::{home, text_at};
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const HEADER: &str = "authorization";

#[derive(Debug)]
pub(super) struct Bearer {
    secrets: Secrets,
    place: Option<Place>,
}

impl Bearer {
    pub(super) fn new(spec: &BearerVerify, scope: &Scope) -> Result<Self, EvalError> {
        Ok(Self { secrets: Secrets::new(&spec.secret, KeyEncoding::Text, scope)?, place: spec.place.clone() })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let given = match &self.place {
            Some(place) => text_at(place, delivery)?,
            None => after_scheme(delivery.header(HEADER)?, "Bearer")
                .ok_or_else(|| Refusal::header(HEADER, "has no `Bearer` token"))?
                .to_owned(),
        };
        for key in &*self.secrets.of(delivery)? {
            if is_same(given.as_bytes(), key) {
                return Ok(());
            }
        }
        Err(match &self.place {
            Some(place) => Refusal::new(home(place), "has another token"),
            None => Refusal::header(HEADER, "has another token"),
        })
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        let key = self.secrets.first(&event.event)?;
        let token = String::from_utf8_lossy(&key);
        match self.place.as_ref().map(Place::target) {
            None => event.set_header("Authorization", format!("Bearer {token}")),
            Some(Target::Header(name)) => event.set_header(name, token),
            Some(Target::Query(name)) => event.query.push((name.to_string(), token.into_owned())),
            Some(_) => return Err("the token is in the body, which is sent as it is: write it there".to_owned()),
        }
        Ok(())
    }
}

/// Returns what stands after the scheme, whose letters may be small or large (RFC 9110 §11.1).
pub(super) fn after_scheme<'h>(value: &'h str, scheme: &str) -> Option<&'h str> {
    let (given, rest) = value.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim_start_matches(' '))
}
