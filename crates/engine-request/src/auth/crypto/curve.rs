//! Elliptic curves by name.

use p256::pkcs8::ObjectIdentifier;

/// A curve that signs with ECDSA (RFC 7518 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    /// P-256, with SHA-256.
    P256,
    /// P-384, with SHA-384.
    P384,
    /// P-521, with SHA-512.
    P521,
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Names it, as JSON Web Keys do.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Finds it by its name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name)
    }

    /// Finds it by its number in ASN.1 (RFC 5480 §2.1.1.1).
    pub(crate) fn numbered(number: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| ObjectIdentifier::new_unwrap(curve.number()) == number)
    }

    /// Finds it by the length of its private keys.
    pub(crate) fn sized(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.size() == bytes)
    }

    /// Returns how many bytes a private key has.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn number(self) -> &'static str {
        match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
        }
    }
}
