//! How the sender of an event proves who it is: one file per kind.

mod basic;
mod bearer;
mod covered;
mod format;
mod github;
mod hmac;
mod jwt;
mod shopify;
mod signature;
mod slack;
mod standard_webhooks;
mod stripe;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use basic::BasicVerify;
pub use bearer::BearerVerify;
pub use format::{SignatureFormat, SignatureText, Written};
pub use github::GitHubVerify;
pub use hmac::HmacVerify;
pub use jwt::JwtVerify;
pub use shopify::ShopifyVerify;
pub use signature::SignatureVerify;
pub use slack::SlackVerify;
pub use standard_webhooks::StandardWebhooksVerify;
pub use stripe::StripeVerify;

/// How the sender of an event proves who it is, over the raw bytes of the event.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "@tag:type:verify", rename_all = "snake_case")]
#[schemars(tag = "type", rename = "Verify")]
pub enum Verify {
    /// By Stripe's `Stripe-Signature` header.
    Stripe(StripeVerify),
    /// By GitHub's `X-Hub-Signature-256` header.
    Github(GitHubVerify),
    /// By Slack's `X-Slack-Signature` header.
    Slack(SlackVerify),
    /// By Shopify's `X-Shopify-Hmac-Sha256` header.
    Shopify(ShopifyVerify),
    /// By the `webhook-signature` header of Standard Webhooks.
    StandardWebhooks(StandardWebhooksVerify),
    /// By a token in the `Authorization` header.
    Bearer(BearerVerify),
    /// By a user name and a password in the `Authorization` header.
    Basic(BasicVerify),
    /// By a signature that is described part by part.
    Hmac(HmacVerify),
    /// By a signature that a public key belongs to.
    Signature(SignatureVerify),
    /// By a JSON Web Token.
    Jwt(JwtVerify),
}
