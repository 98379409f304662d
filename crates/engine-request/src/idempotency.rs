//! Keys by which an API knows a request that it has already had.

use std::borrow::Cow;

use engine_expr::{EvalError, Scope, Template, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::shape::Shape;
use crate::{Draft, Place};

/// Why a request may be sent again though nobody knows whether the API has done it.
#[derive(Clone, Debug)]
pub enum Idempotency {
    /// The word `natural`: done twice is the same as done once, such as an upsert, or a POST that only asks.
    Natural,
    /// A key by which the API knows what it has had already.
    Key(IdempotencyKey),
}

/// Sends a key with every request that is the same on every attempt, so that the API does it once.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "idempotency", deny_unknown_fields)]
pub struct IdempotencyKey {
    /// Where the key is sent, such as `header.Idempotency-Key`.
    #[serde(rename = "in")]
    pub place: Place,
    /// The key; derived from the run, the step and the record if not given.
    pub key: Option<Template>,
}

impl Idempotency {
    /// Returns the key that is sent, if one is.
    pub fn key(&self) -> Option<&IdempotencyKey> {
        match self {
            Self::Natural => None,
            Self::Key(key) => Some(key),
        }
    }

    /// Puts the key into a draft, where one is sent.
    ///
    /// # Errors
    ///
    /// Fails where the template does or gives nothing.
    pub fn apply(&self, draft: &mut Draft, scope: &Scope, derived: impl FnOnce() -> String) -> Result<(), EvalError> {
        self.key().map_or(Ok(()), |key| key.apply(draft, scope, derived))
    }
}

impl<'de> Deserialize<'de> for Idempotency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        if node.as_str() == Some("natural") {
            return Ok(Self::Natural);
        }
        node.read().map(Self::Key)
    }
}

impl Serialize for Idempotency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Natural => serializer.serialize_str("natural"),
            Self::Key(key) => key.serialize(serializer),
        }
    }
}

impl JsonSchema for Idempotency {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Idempotency".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let key = generator.subschema_for::<IdempotencyKey>();
        let natural = "Done twice is the same as done once: the request is sent again as a PUT is.";
        json_schema!({"anyOf": [{"const": "natural", "description": natural}, key]})
    }
}

impl IdempotencyKey {
    /// Puts the key into a draft: the spec's own, or the one that was derived.
    ///
    /// # Errors
    ///
    /// Fails where the template does or gives nothing.
    fn apply(&self, draft: &mut Draft, scope: &Scope, derived: impl FnOnce() -> String) -> Result<(), EvalError> {
        let key = match &self.key {
            Some(template) => {
                let key = template.render_text(scope)?;
                if key.is_empty() {
                    return Err(EvalError::new("the idempotency key is empty", template.span())
                        .help("make it of what identifies the record"));
                }
                key
            }
            None => derived(),
        };
        draft.put(&self.place, &Value::from(key))
    }
}

/// Derives an idempotency key from what a request is for: the run, the step, the record and whatever else tells it from others.
///
/// It is a UUID (RFC 9562 §5.8), the same in every process for the same parts in the same order.
pub fn derive_key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length keeps `ab`, `c` and `a`, `bc` apart.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let mut number = digest.iter().take(16).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    number = number & !(0xf << 76) | (0x8 << 76);
    number = number & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

#[cfg(test)]
mod tests {
    use super::derive_key;

    fn key(parts: &[&str]) -> String {
        derive_key(parts.iter().map(|part| part.as_bytes()))
    }

    #[test]
    fn the_same_request_has_the_same_key_in_every_process() {
        assert_eq!(key(&["run", "orders", "{\"id\":1}"]), "7129aceb-598b-824a-91ca-596e1d3b21f6");
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
    }
}
