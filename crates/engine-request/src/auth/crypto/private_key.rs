//! Private keys: RSA, elliptic curves, Ed25519.

use ed25519_dalek::Signer;
use p256::pkcs8::der::Decode;
use p256::pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::traits::SignatureScheme;
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey};
use sec1::EcPrivateKey;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::pem::Pem;
use super::{Curve, HostRandom, Jwk, KeyError};
use crate::HashAlgorithm;

/// A key that signs, and that only one side has.
pub(crate) enum PrivateKey {
    /// For RSA.
    Rsa(Box<RsaPrivateKey>),
    /// For ECDSA on P-256.
    P256(p256::ecdsa::SigningKey),
    /// For ECDSA on P-384.
    P384(p384::ecdsa::SigningKey),
    /// For ECDSA on P-521.
    P521(p521::ecdsa::SigningKey),
    /// For Ed25519.
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

/// How a signature is made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RSA, PKCS #1 v1.5 (RFC 8017 §8.2).
    Pkcs1(HashAlgorithm),
    /// RSA, PSS with a salt as long as the hash (RFC 8017 §8.1).
    Pss(HashAlgorithm),
    /// ECDSA, the two numbers one after the other (RFC 7518 §3.4).
    Ecdsa(Curve),
    /// Ed25519 (RFC 8032).
    Ed25519,
}

pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

impl PrivateKey {
    /// Reads a key: a PEM text (PKCS #8, PKCS #1 or SEC 1) or a JSON Web Key.
    pub(crate) fn read(text: &str) -> Result<Self, KeyError> {
        if text.trim().is_empty() {
            return Err(KeyError::Empty);
        }
        match Jwk::read(text) {
            Some(key) => Self::from_jwk(&key),
            None => Self::from_pem(text),
        }
    }

    fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut other = None;
        for part in Pem::all(text) {
            match part.label {
                "PRIVATE KEY" => return Self::from_pkcs8(&part.bytes()?),
                "RSA PRIVATE KEY" => {
                    let key = RsaPrivateKey::from_pkcs1_der(&part.bytes()?).map_err(|_| KeyError::Damaged)?;
                    return Ok(Self::Rsa(Box::new(key)));
                }
                "EC PRIVATE KEY" => return Self::from_sec1(&part.bytes()?, None),
                "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
                label if label.ends_with("PRIVATE KEY") => return Err(KeyError::Unknown),
                label if label.ends_with("PUBLIC KEY") => other = Some("a public key"),
                label if label.ends_with("CERTIFICATE") => other = Some("a certificate"),
                _ => {}
            }
        }
        Err(match other {
            Some(other) => KeyError::NotPrivate(other),
            // A text that begins and does not end was cut off.
            None if text.contains("-----BEGIN ") => KeyError::Damaged,
            None => KeyError::NoPem,
        })
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = PrivateKeyInfoRef::from_der(bytes).map_err(|_| KeyError::Damaged)?;
        match key.algorithm.oid {
            RSA => RsaPrivateKey::from_pkcs1_der(key.private_key.as_bytes())
                .map(|key| Self::Rsa(Box::new(key)))
                .map_err(|_| KeyError::Damaged),
            ELLIPTIC => {
                let curve = key.algorithm.parameters_oid().map_err(|_| KeyError::Unknown)?;
                Self::from_sec1(key.private_key.as_bytes(), Some(curve))
            }
            ED25519 => ed25519_dalek::SigningKey::try_from(key)
                .map(|key| Self::Ed25519(Box::new(key)))
                .map_err(|_| KeyError::Damaged),
            _ => Err(KeyError::Unknown),
        }
    }

    /// Reads a key of SEC 1, which may leave the curve to what it is wrapped in.
    fn from_sec1(bytes: &[u8], curve: Option<ObjectIdentifier>) -> Result<Self, KeyError> {
        let key = EcPrivateKey::try_from(bytes).map_err(|_| KeyError::Damaged)?;
        let number = curve.or_else(|| key.parameters.as_ref().and_then(|known| known.named_curve()));
        let curve = match number {
            Some(number) => Curve::numbered(number),
            None => Curve::sized(key.private_key.len()),
        };
        Self::on(curve.ok_or(KeyError::Unknown)?, key.private_key)
    }

    fn from_jwk(key: &Jwk) -> Result<Self, KeyError> {
        if key.kind() == "oct" {
            return Err(KeyError::NotPrivate("a shared key"));
        }
        if !key.has("d") {
            return Err(KeyError::NotPrivate("a public key"));
        }
        match key.kind() {
            "RSA" => {
                let number = |name| Ok(BoxedUint::from_be_slice_vartime(&key.bytes(name)?));
                let primes = if key.has("p") { vec![number("p")?, number("q")?] } else { Vec::new() };
                let key = RsaPrivateKey::from_components(number("n")?, number("e")?, number("d")?, primes);
                key.map(|key| Self::Rsa(Box::new(key))).map_err(|_| KeyError::Damaged)
            }
            "EC" => Self::on(key.curve().ok_or(KeyError::Unknown)?, &key.bytes("d")?),
            "OKP" if key.curve_name() == "Ed25519" => ed25519_dalek::SigningKey::try_from(key.bytes("d")?.as_slice())
                .map(|key| Self::Ed25519(Box::new(key)))
                .map_err(|_| KeyError::Damaged),
            _ => Err(KeyError::Unknown),
        }
    }

    /// Takes the number of a key on a curve; some writers leave out its leading zeros.
    fn on(curve: Curve, number: &[u8]) -> Result<Self, KeyError> {
        let missing = curve.size().checked_sub(number.len()).ok_or(KeyError::Damaged)?;
        let number = [vec![0; missing], number.to_vec()].concat();
        match curve {
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(&number).map(Self::P256),
            Curve::P384 => p384::ecdsa::SigningKey::from_slice(&number).map(Self::P384),
            Curve::P521 => p521::ecdsa::SigningKey::from_slice(&number).map(Self::P521),
        }
        .map_err(|_| KeyError::Damaged)
    }

    /// Signs a message. `algorithm` is what the author calls the scheme.
    pub(crate) fn sign(
        &self,
        scheme: Scheme,
        algorithm: &str,
        message: &[u8],
        random: &mut HostRandom,
    ) -> Result<Vec<u8>, KeyError> {
        match (self, scheme) {
            (Self::Rsa(key), Scheme::Pkcs1(hash)) => {
                let hashed = hash.digest(message);
                match hash {
                    HashAlgorithm::Md5 => None,
                    HashAlgorithm::Sha1 => rsa(key, Pkcs1v15Sign::new::<Sha1>(), &hashed, random),
                    HashAlgorithm::Sha256 => rsa(key, Pkcs1v15Sign::new::<Sha256>(), &hashed, random),
                    HashAlgorithm::Sha384 => rsa(key, Pkcs1v15Sign::new::<Sha384>(), &hashed, random),
                    HashAlgorithm::Sha512 => rsa(key, Pkcs1v15Sign::new::<Sha512>(), &hashed, random),
                }
                .ok_or_else(|| KeyError::TooShort(algorithm.to_owned()))
            }
            (Self::Rsa(key), Scheme::Pss(hash)) => {
                let hashed = hash.digest(message);
                match hash {
                    HashAlgorithm::Md5 => None,
                    HashAlgorithm::Sha1 => rsa(key, Pss::<Sha1>::new(), &hashed, random),
                    HashAlgorithm::Sha256 => rsa(key, Pss::<Sha256>::new(), &hashed, random),
                    HashAlgorithm::Sha384 => rsa(key, Pss::<Sha384>::new(), &hashed, random),
                    HashAlgorithm::Sha512 => rsa(key, Pss::<Sha512>::new(), &hashed, random),
                }
                .ok_or_else(|| KeyError::TooShort(algorithm.to_owned()))
            }
            (Self::P256(key), Scheme::Ecdsa(Curve::P256)) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                Ok(signature.to_bytes().to_vec())
            }
            (Self::P384(key), Scheme::Ecdsa(Curve::P384)) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                Ok(signature.to_bytes().to_vec())
            }
            (Self::P521(key), Scheme::Ecdsa(Curve::P521)) => {
                let signature: p521::ecdsa::Signature = key.sign(message);
                Ok(signature.to_bytes().to_vec())
            }
            (Self::Ed25519(key), Scheme::Ed25519) => Ok(key.sign(message).to_bytes().to_vec()),
            (key, scheme) => {
                Err(KeyError::OtherKind { found: key.name(), algorithm: algorithm.to_owned(), needed: scheme.needed() })
            }
        }
    }

    /// Fails where it is a key for other signatures.
    pub(crate) fn fits(&self, scheme: Scheme, algorithm: &str) -> Result<(), KeyError> {
        let fits = matches!(
            (self, scheme),
            (Self::Rsa(_), Scheme::Pkcs1(_) | Scheme::Pss(_))
                | (Self::P256(_), Scheme::Ecdsa(Curve::P256))
                | (Self::P384(_), Scheme::Ecdsa(Curve::P384))
                | (Self::P521(_), Scheme::Ecdsa(Curve::P521))
                | (Self::Ed25519(_), Scheme::Ed25519)
        );
        if fits { Ok(()) } else { Err(self.other_kind(scheme, algorithm)) }
    }

    fn other_kind(&self, scheme: Scheme, algorithm: &str) -> KeyError {
        KeyError::OtherKind { found: self.name(), algorithm: algorithm.to_owned(), needed: scheme.needed() }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "an RSA key",
            Self::P256(_) => "a key on P-256",
            Self::P384(_) => "a key on P-384",
            Self::P521(_) => "a key on P-521",
            Self::Ed25519(_) => "an Ed25519 key",
        }
    }
}

impl Scheme {
    /// Names the key that it needs, with its article.
    pub(crate) fn needed(self) -> &'static str {
        match self {
            Self::Pkcs1(_) | Self::Pss(_) => "an RSA key",
            Self::Ecdsa(Curve::P256) => "a key on P-256",
            Self::Ecdsa(Curve::P384) => "a key on P-384",
            Self::Ecdsa(Curve::P521) => "a key on P-521",
            Self::Ed25519 => "an Ed25519 key",
        }
    }
}

/// Signs what is hashed; fails only where the key has too few bits to hold it.
fn rsa(key: &RsaPrivateKey, padding: impl SignatureScheme, hashed: &[u8], random: &mut HostRandom) -> Option<Vec<u8>> {
    key.sign_with_rng(random, padding, hashed).ok()
}
