//! JSON Web Keys (RFC 7517).

use engine_expr::Value;

use super::key_encoding::base64;
use super::{Curve, KeyError};

/// A JSON Web Key.
pub(crate) struct Jwk(Value);

impl Jwk {
    /// Reads one; nothing where the text is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if !text.trim_start().starts_with('{') {
            return None;
        }
        Self::of(&Value::from_json(text.trim()).ok()?)
    }

    /// Takes one of a set; nothing where the value is none.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        value.get("kty")?;
        Some(Self(value.clone()))
    }

    /// Returns what kind of key it is: `RSA`, `EC`, `OKP`, `oct`.
    pub(crate) fn kind(&self) -> &str {
        self.0.get("kty").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the curve of an `EC` key.
    pub(crate) fn curve(&self) -> Option<Curve> {
        Curve::named(self.curve_name())
    }

    /// Returns the name of the curve.
    pub(crate) fn curve_name(&self) -> &str {
        self.0.get("crv").and_then(Value::as_str).unwrap_or_default()
    }

    /// Tells whether it has a member.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// Returns the bytes of a member.
    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, KeyError> {
        self.0.get(name).and_then(Value::as_str).and_then(base64).ok_or(KeyError::Damaged)
    }
}
