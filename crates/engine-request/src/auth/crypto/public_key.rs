//! Public keys: RSA, elliptic curves, Ed25519; and what was signed with the private ones that belong to them.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use engine_expr::EvalError;
use engine_source::Span;
use p256::ecdsa::signature::Verifier;
use p256::pkcs8::der::Decode;
use p256::pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use thiserror::Error;

use super::key_encoding::{base64, read_hex};
use super::pem::Pem;
use super::private_key::{ED25519, ELLIPTIC, RSA};
use super::{Curve, Jwk, Scheme};
use crate::HashAlgorithm;
use crate::auth::SignatureAlgorithm;

/// A key that everyone may have, and that tells who signed something.
#[derive(Clone, Debug)]
pub struct PublicKey(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Rsa(Box<RsaPublicKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Ed25519(Box<Ed25519Key>),
}

/// Why a text is no public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublicKeyError {
    /// It is not written as public keys are.
    #[error("the key is not in PEM form")]
    NoPem,
    /// There is no public key in it, but something else.
    #[error("the key is {0}, not a public key")]
    NotPublic(&'static str),
    /// It begins as a key should, and goes on otherwise.
    #[error("the key is damaged")]
    Damaged,
    /// It is a key that nothing here verifies with.
    #[error("the key is of a kind that is not known here")]
    Unknown,
    /// Its numbers are so small that others can find the private key.
    #[error("the RSA key has only {0} bits")]
    TooShort(u32),
    /// There is nothing.
    #[error("the key is empty")]
    Empty,
}

impl PublicKeyError {
    /// Says where the key is, and what to do.
    pub fn at(&self, span: Span) -> EvalError {
        let help = match self {
            Self::NoPem => {
                "give the text that begins with `-----BEGIN PUBLIC KEY-----`, a JSON Web Key, or the key in base64 or hex"
            }
            Self::NotPublic("a certificate") => "take the key out of it: `openssl x509 -in cert.pem -pubkey -noout`",
            Self::NotPublic(_) => "give the public key that the sender shows",
            Self::Damaged => "check that the text is whole",
            Self::Unknown => "use an RSA key, one on P-256, P-384 or P-521, or an Ed25519 key",
            Self::TooShort(_) => "ask the sender for a key of at least 2048 bits",
            Self::Empty => "check the secret or the input that it is made of",
        };
        EvalError::new(self.to_string(), span).help(help)
    }
}

/// The fewest bits of an RSA key (RFC 7518 §3.3).
const FEWEST_BITS: u32 = 2048;

impl PublicKey {
    /// Reads a key: a PEM text (SPKI or PKCS #1), a JSON Web Key, SPKI in base64, or the 32 bytes of Ed25519 in hex or base64, with or
    /// without the `whpk_` of Standard Webhooks.
    ///
    /// # Errors
    ///
    /// Fails where it is none of these.
    pub fn read(text: &str) -> Result<Self, PublicKeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PublicKeyError::Empty);
        }
        if let Some(key) = Jwk::read(text) {
            return Self::from_jwk(&key);
        }
        if text.contains("-----BEGIN ") {
            return Self::from_pem(text);
        }
        let bare = text.strip_prefix("whpk_").unwrap_or(text);
        let is_hex = bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits: String = bare.split_whitespace().collect();
        let bytes = if is_hex { read_hex(bare) } else { base64(&digits) }.ok_or(PublicKeyError::NoPem)?;
        if bytes.len() == 32 { Self::ed25519(&bytes) } else { Self::from_spki(&bytes) }
    }

    /// Reads a JSON Web Key.
    pub(crate) fn from_jwk(key: &Jwk) -> Result<Self, PublicKeyError> {
        let bytes = |name| key.bytes(name).map_err(|_| PublicKeyError::Damaged);
        match key.kind() {
            "oct" => Err(PublicKeyError::NotPublic("a shared key")),
            "RSA" => {
                let number = |name| Ok(BoxedUint::from_be_slice_vartime(&bytes(name)?));
                Self::rsa(RsaPublicKey::new(number("n")?, number("e")?).map_err(|_| PublicKeyError::Damaged)?)
            }
            "EC" => {
                let curve = key.curve().ok_or(PublicKeyError::Unknown)?;
                let mut point = vec![4];
                for name in ["x", "y"] {
                    let number = bytes(name)?;
                    let missing = curve.size().checked_sub(number.len()).ok_or(PublicKeyError::Damaged)?;
                    point.extend(std::iter::repeat_n(0, missing).chain(number));
                }
                Self::on(curve, &point)
            }
            "OKP" if key.curve_name() == "Ed25519" => Self::ed25519(&bytes("x")?),
            _ => Err(PublicKeyError::Unknown),
        }
    }

    fn from_pem(text: &str) -> Result<Self, PublicKeyError> {
        let mut other = None;
        for part in Pem::all(text) {
            let bytes = || part.bytes().map_err(|_| PublicKeyError::Damaged);
            match part.label {
                "PUBLIC KEY" => return Self::from_spki(&bytes()?),
                "RSA PUBLIC KEY" => {
                    return Self::rsa(RsaPublicKey::from_pkcs1_der(&bytes()?).map_err(|_| PublicKeyError::Damaged)?);
                }
                label if label.ends_with("PRIVATE KEY") => other = Some("a private key"),
                label if label.ends_with("CERTIFICATE") => other = Some("a certificate"),
                _ => {}
            }
        }
        Err(other.map_or(PublicKeyError::Damaged, PublicKeyError::NotPublic))
    }

    /// Reads what says itself which kind of key it is (RFC 5280 §4.1.2.7).
    fn from_spki(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let key = SubjectPublicKeyInfoRef::from_der(bytes).map_err(|_| PublicKeyError::Damaged)?;
        let bits = key.subject_public_key.as_bytes().ok_or(PublicKeyError::Damaged)?;
        match key.algorithm.oid {
            RSA => Self::rsa(RsaPublicKey::from_pkcs1_der(bits).map_err(|_| PublicKeyError::Damaged)?),
            ELLIPTIC => {
                let number: ObjectIdentifier = key.algorithm.parameters_oid().map_err(|_| PublicKeyError::Unknown)?;
                Self::on(Curve::numbered(number).ok_or(PublicKeyError::Unknown)?, bits)
            }
            ED25519 => Self::ed25519(bits),
            _ => Err(PublicKeyError::Unknown),
        }
    }

    fn rsa(key: RsaPublicKey) -> Result<Self, PublicKeyError> {
        let bits = key.n().bits_vartime();
        if bits < FEWEST_BITS { Err(PublicKeyError::TooShort(bits)) } else { Ok(Self(Kind::Rsa(Box::new(key)))) }
    }

    /// Takes a point on a curve (SEC 1 §2.3.4).
    fn on(curve: Curve, point: &[u8]) -> Result<Self, PublicKeyError> {
        match curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map(|key| Kind::P256(Box::new(key))),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map(|key| Kind::P384(Box::new(key))),
            Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map(|key| Kind::P521(Box::new(key))),
        }
        .map(Self)
        .map_err(|_| PublicKeyError::Damaged)
    }

    fn ed25519(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let key = Ed25519Key::try_from(bytes).map_err(|_| PublicKeyError::Damaged)?;
        // With such a key one signature holds for everything.
        if key.is_weak() { Err(PublicKeyError::Damaged) } else { Ok(Self(Kind::Ed25519(Box::new(key)))) }
    }

    /// Tells whether an algorithm is one for this kind of key.
    pub fn fits(&self, algorithm: SignatureAlgorithm) -> bool {
        matches!(
            (&self.0, algorithm.scheme()),
            (Kind::Rsa(_), Scheme::Pkcs1(_) | Scheme::Pss(_))
                | (Kind::P256(_), Scheme::Ecdsa(Curve::P256))
                | (Kind::P384(_), Scheme::Ecdsa(Curve::P384))
                | (Kind::P521(_), Scheme::Ecdsa(Curve::P521))
                | (Kind::Ed25519(_), Scheme::Ed25519)
        )
    }

    /// Names the kind of key with its article.
    pub fn name(&self) -> &'static str {
        match self.0 {
            Kind::Rsa(_) => "an RSA key",
            Kind::P256(_) => "a key on P-256",
            Kind::P384(_) => "a key on P-384",
            Kind::P521(_) => "a key on P-521",
            Kind::Ed25519(_) => "an Ed25519 key",
        }
    }

    /// Tells whether a signature is of whoever has the private key. One of ECDSA is two numbers, one after the other or in DER.
    pub fn verifies(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        /// Reads and verifies a signature on a curve.
        macro_rules! curve {
            ($curve:ident, $key:ident) => {
                $curve::ecdsa::Signature::from_slice(signature)
                    .or_else(|_| $curve::ecdsa::Signature::from_der(signature))
                    .is_ok_and(|signature| $key.verify(message, &signature).is_ok())
            };
        }
        match (&self.0, algorithm.scheme()) {
            (Kind::Rsa(key), Scheme::Pkcs1(hash)) => {
                let hashed = hash.digest(message);
                match hash {
                    HashAlgorithm::Md5 => false,
                    HashAlgorithm::Sha1 => key.verify(Pkcs1v15Sign::new::<Sha1>(), &hashed, signature).is_ok(),
                    HashAlgorithm::Sha256 => key.verify(Pkcs1v15Sign::new::<Sha256>(), &hashed, signature).is_ok(),
                    HashAlgorithm::Sha384 => key.verify(Pkcs1v15Sign::new::<Sha384>(), &hashed, signature).is_ok(),
                    HashAlgorithm::Sha512 => key.verify(Pkcs1v15Sign::new::<Sha512>(), &hashed, signature).is_ok(),
                }
            }
            (Kind::Rsa(key), Scheme::Pss(hash)) => {
                let hashed = hash.digest(message);
                match hash {
                    HashAlgorithm::Md5 | HashAlgorithm::Sha1 => false,
                    HashAlgorithm::Sha256 => key.verify(Pss::<Sha256>::new(), &hashed, signature).is_ok(),
                    HashAlgorithm::Sha384 => key.verify(Pss::<Sha384>::new(), &hashed, signature).is_ok(),
                    HashAlgorithm::Sha512 => key.verify(Pss::<Sha512>::new(), &hashed, signature).is_ok(),
                }
            }
            (Kind::P256(key), Scheme::Ecdsa(Curve::P256)) => curve!(p256, key),
            (Kind::P384(key), Scheme::Ecdsa(Curve::P384)) => curve!(p384, key),
            (Kind::P521(key), Scheme::Ecdsa(Curve::P521)) => curve!(p521, key),
            (Kind::Ed25519(key), Scheme::Ed25519) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            _ => false,
        }
    }
}
