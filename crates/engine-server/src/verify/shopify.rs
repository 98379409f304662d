//! Shopify: `X-Shopify-Hmac-Sha256: BASE64`, over the body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{EvalError, Scope, Value};
use engine_request::HashAlgorithm;
use engine_request::auth::KeyEncoding;
use engine_spec::verify::ShopifyVerify;

use super::delivery::is_same;
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const HEADER: &str = "x-shopify-hmac-sha256";
/// What Shopify sends beside the signature, unsigned: a name for each delivery, and what happened.
const DELIVERY: &str = "X-Shopify-Webhook-Id";
const TOPIC: &str = "X-Shopify-Topic";

/// By which member a body shows what it is, and the topic of which that is an example; the first of these that is there says it.
const TOPICS: [(&str, &str); 13] = [
    ("order_edit", "orders/edited"),
    ("inventory_item_id", "inventory_levels/update"),
    ("refund_line_items", "refunds/create"),
    ("tracking_numbers", "fulfillments/create"),
    ("shop_owner", "shop/update"),
    ("abandoned_checkout_url", "checkouts/create"),
    ("financial_status", "orders/create"),
    ("invoice_url", "draft_orders/create"),
    ("variants", "products/create"),
    ("authorization", "order_transactions/create"),
    ("sort_order", "collections/create"),
    ("addresses", "customers/create"),
    ("line_items", "orders/create"),
];

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
        if !event.has_header(DELIVERY) {
            event.set_header(DELIVERY, event.id.clone());
        }
        if let Some(topic) = topic(&event.body).filter(|_| !event.has_header(TOPIC)) {
            event.set_header(TOPIC, topic);
        }
        let key = self.secrets.first(&event.event)?;
        let signature = signature(&key, &event.body);
        event.set_header("X-Shopify-Hmac-Sha256", signature);
        Ok(())
    }
}

/// Tells what happened by what is in the body, for tests of a trigger: it is not told there itself.
fn topic(body: &[u8]) -> Option<&'static str> {
    let body = Value::from_json(std::str::from_utf8(body).ok()?).ok()?;
    TOPICS.iter().find(|(member, _)| body.get(member).is_some()).map(|(_, topic)| *topic)
}

fn signature(key: &[u8], body: &[u8]) -> String {
    STANDARD.encode(HashAlgorithm::Sha256.mac(key, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_happened_by_the_body() {
        for (body, expected) in [
            (r#"{"id": 1, "financial_status": "paid", "line_items": []}"#, Some("orders/create")),
            (r#"{"id": 1, "line_items": [], "abandoned_checkout_url": "https://a.example"}"#, Some("checkouts/create")),
            (r#"{"id": 1, "title": "Bread", "variants": []}"#, Some("products/create")),
            (r#"{"id": 1, "refund_line_items": [], "transactions": []}"#, Some("refunds/create")),
            (r#"{"id": 1, "email": "a@b.example", "addresses": []}"#, Some("customers/create")),
            (r#"{"inventory_item_id": 1, "available": 3}"#, Some("inventory_levels/update")),
            (r#"{"something": 1}"#, None),
            ("no JSON", None),
        ] {
            assert_eq!(topic(body.as_bytes()), expected, "{body}");
        }
    }
}
