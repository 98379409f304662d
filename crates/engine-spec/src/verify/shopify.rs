//! Events with Shopify's `X-Shopify-Hmac-Sha256` header.

use engine_expr::Template;
use engine_request::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events with Shopify's `X-Shopify-Hmac-Sha256` header.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "shopify verify", deny_unknown_fields)]
#[schemars(rename = "ShopifyVerify")]
pub struct ShopifyVerify {
    /// The shared secret, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
}
