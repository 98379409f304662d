//! Sets of JSON Web Keys (RFC 7517 §5), as they are published by those who sign tokens.

use std::sync::Arc;

use engine_expr::Value;

use super::{Jwk, PublicKey};

/// The public keys that somebody signs with.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    keys: Vec<SetKey>,
}

/// A key of a set.
#[derive(Clone, Debug)]
pub struct SetKey {
    /// What tokens name it by.
    pub id: Option<Arc<str>>,
    /// The one algorithm that it is for, where it says so.
    pub algorithm: Option<Arc<str>>,
    /// The key.
    pub key: PublicKey,
}

impl JwkSet {
    /// Reads a set. Keys that are not for signatures, or of a kind that is not known here, are left out (RFC 7517 §5).
    ///
    /// # Errors
    ///
    /// Says why it is no set.
    pub fn read(text: &str) -> Result<Self, String> {
        let value = Value::from_json(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let keys = value.get("keys").and_then(Value::as_list).ok_or("it has no list `keys`")?;
        let text = |key: &Value, name: &str| key.get(name).and_then(Value::as_str).map(Arc::from);
        let usable = keys.iter().filter(|key| text(key, "use").is_none_or(|usage: Arc<str>| &*usage == "sig"));
        let keys = usable.filter_map(|value| {
            let key = PublicKey::from_jwk(&Jwk::of(value)?).ok()?;
            Some(SetKey { id: text(value, "kid"), algorithm: text(value, "alg"), key })
        });
        Ok(Self { keys: keys.collect() })
    }

    /// Makes a set of keys without names.
    pub fn of(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self { keys: keys.into_iter().map(|key| SetKey { id: None, algorithm: None, key }).collect() }
    }

    /// Returns the keys that a token may be signed with: those of its `kid`, and those without one.
    pub fn candidates<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a SetKey> {
        self.keys.iter().filter(move |key| match (&key.id, id) {
            (Some(known), Some(id)) => **known == *id,
            _ => true,
        })
    }

    /// Tells whether a key of this name is in it.
    pub fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
