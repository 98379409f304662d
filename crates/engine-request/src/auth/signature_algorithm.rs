//! Signatures with two keys: one that signs and is kept, and one that everybody may have.

use engine_expr::{EvalError, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crypto::{Curve, PublicKey, Scheme};
use crate::HashAlgorithm;

/// How something is signed with a private key, and known by the public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "signature algorithm", rename_all = "snake_case")]
#[schemars(rename = "SignatureAlgorithm")]
pub enum SignatureAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    EcdsaSha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaSha384,
    /// ECDSA on P-521 with SHA-512.
    EcdsaSha512,
    /// RSA (PKCS #1 v1.5) with SHA-1, for old senders only.
    RsaSha1,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    RsaSha256,
    /// RSA (PKCS #1 v1.5) with SHA-384.
    RsaSha384,
    /// RSA (PKCS #1 v1.5) with SHA-512.
    RsaSha512,
    /// RSA (PSS) with SHA-256.
    RsaPssSha256,
    /// RSA (PSS) with SHA-384.
    RsaPssSha384,
    /// RSA (PSS) with SHA-512.
    RsaPssSha512,
}

impl SignatureAlgorithm {
    pub(crate) fn scheme(self) -> Scheme {
        match self {
            Self::Ed25519 => Scheme::Ed25519,
            Self::EcdsaSha256 => Scheme::Ecdsa(Curve::P256),
            Self::EcdsaSha384 => Scheme::Ecdsa(Curve::P384),
            Self::EcdsaSha512 => Scheme::Ecdsa(Curve::P521),
            Self::RsaSha1 => Scheme::Pkcs1(HashAlgorithm::Sha1),
            Self::RsaSha256 => Scheme::Pkcs1(HashAlgorithm::Sha256),
            Self::RsaSha384 => Scheme::Pkcs1(HashAlgorithm::Sha384),
            Self::RsaSha512 => Scheme::Pkcs1(HashAlgorithm::Sha512),
            Self::RsaPssSha256 => Scheme::Pss(HashAlgorithm::Sha256),
            Self::RsaPssSha384 => Scheme::Pss(HashAlgorithm::Sha384),
            Self::RsaPssSha512 => Scheme::Pss(HashAlgorithm::Sha512),
        }
    }

    /// Says what is wrong with a public key that is written into the spec; nothing of one that is known only while running.
    pub fn problem(self, key: &Template) -> Option<EvalError> {
        let text = key.as_literal()?.text()?;
        match PublicKey::read(&text) {
            Err(error) => Some(error.at(key.span())),
            Ok(found) => self.mismatch(&found, key),
        }
    }

    /// Says that a key is for other signatures.
    pub fn mismatch(self, found: &PublicKey, key: &Template) -> Option<EvalError> {
        (!found.fits(self)).then(|| {
            let message = format!("{} can't verify what is signed with {}", found.name(), self.scheme().needed());
            EvalError::new(message, key.span()).help("give the key of this algorithm, or choose another algorithm")
        })
    }
}
