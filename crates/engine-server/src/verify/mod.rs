//! How the sender of an event proves who it is, over the raw bytes that came: one file per kind.
//!
//! Pure: keys, bytes and the time come from outside. Signatures are compared in constant time. Why one was refused is for the log;
//! whoever sent it is told nothing.

mod basic;
mod bearer;
mod delivery;
mod github;
mod hmac;
mod jwt;
mod parts;
mod refusal;
mod secrets;
mod shopify;
mod signature;
mod slack;
mod standard_webhooks;
mod stripe;
mod unsigned;

#[cfg(test)]
mod tests;

use engine_expr::{EvalError, Scope};
use engine_request::auth::JwkSet;
use engine_spec::Verify;

pub use delivery::Delivery;
pub use refusal::Refusal;
pub use unsigned::Unsigned;

/// Tells whether events are from whom they say; made once for a trigger.
#[derive(Debug)]
pub struct Verifier(Kind);

#[derive(Debug)]
enum Kind {
    Stripe(stripe::Stripe),
    Github(github::Github),
    Slack(slack::Slack),
    Shopify(shopify::Shopify),
    StandardWebhooks(standard_webhooks::StandardWebhooks),
    Bearer(bearer::Bearer),
    Basic(basic::Basic),
    Hmac(Box<hmac::Hmac>),
    Signature(Box<signature::Signature>),
    Jwt(Box<jwt::Jwt>),
}

impl Verifier {
    /// Makes one of what a spec says, and of the names that its templates may use.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where a key can't be one.
    pub fn new(spec: &Verify, scope: &Scope) -> Result<Self, EvalError> {
        Ok(Self(match spec {
            Verify::Stripe(spec) => Kind::Stripe(stripe::Stripe::new(spec, scope)?),
            Verify::Github(spec) => Kind::Github(github::Github::new(spec, scope)?),
            Verify::Slack(spec) => Kind::Slack(slack::Slack::new(spec, scope)?),
            Verify::Shopify(spec) => Kind::Shopify(shopify::Shopify::new(spec, scope)?),
            Verify::StandardWebhooks(spec) => {
                Kind::StandardWebhooks(standard_webhooks::StandardWebhooks::new(spec, scope)?)
            }
            Verify::Bearer(spec) => Kind::Bearer(bearer::Bearer::new(spec, scope)?),
            Verify::Basic(spec) => Kind::Basic(basic::Basic::new(spec, scope)?),
            Verify::Hmac(spec) => Kind::Hmac(Box::new(hmac::Hmac::new(spec, scope)?)),
            Verify::Signature(spec) => Kind::Signature(Box::new(signature::Signature::new(spec, scope)?)),
            Verify::Jwt(spec) => Kind::Jwt(Box::new(jwt::Jwt::new(spec, scope)?)),
        }))
    }

    /// Tells whether an event is from whom it says.
    ///
    /// `published` are the keys from [`jwks_url`](Self::jwks_url), where there is one.
    ///
    /// # Errors
    ///
    /// Says where it was refused, and why; never what was sent or what it was held against.
    pub fn check(&self, delivery: &Delivery<'_>, published: Option<&JwkSet>) -> Result<(), Refusal> {
        match &self.0 {
            Kind::Stripe(kind) => kind.check(delivery),
            Kind::Github(kind) => kind.check(delivery),
            Kind::Slack(kind) => kind.check(delivery),
            Kind::Shopify(kind) => kind.check(delivery),
            Kind::StandardWebhooks(kind) => kind.check(delivery),
            Kind::Bearer(kind) => kind.check(delivery),
            Kind::Basic(kind) => kind.check(delivery),
            Kind::Hmac(kind) => kind.check(delivery),
            Kind::Signature(kind) => kind.check(delivery),
            Kind::Jwt(kind) => kind.check(delivery, published),
        }
    }

    /// Returns where the public keys of the sender are published, if it says so.
    pub fn jwks_url(&self) -> Option<&str> {
        match &self.0 {
            Kind::Jwt(kind) => kind.jwks_url(),
            _ => None,
        }
    }

    /// Returns the name of the key that a token says it was signed with, where tokens are what proves.
    pub fn key_id(&self, delivery: &Delivery<'_>) -> Option<String> {
        match &self.0 {
            Kind::Jwt(kind) => kind.key_id(delivery),
            _ => None,
        }
    }

    /// Signs an event as its sender does, for tests of a trigger.
    ///
    /// # Errors
    ///
    /// Fails where only the sender has the key, and where a template fails.
    pub fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        match &self.0 {
            Kind::Stripe(kind) => kind.sign(event),
            Kind::Github(kind) => kind.sign(event),
            Kind::Slack(kind) => kind.sign(event),
            Kind::Shopify(kind) => kind.sign(event),
            Kind::StandardWebhooks(kind) => kind.sign(event),
            Kind::Bearer(kind) => kind.sign(event),
            Kind::Basic(kind) => kind.sign(event),
            Kind::Hmac(kind) => kind.sign(event),
            Kind::Signature(_) => Err(
                "only the sender has the private key that signs its events; sign one with a key of your own, and give its public key to the spec"
                    .to_owned(),
            ),
            Kind::Jwt(kind) => kind.sign(event),
        }
    }
}
