//! Hash functions by name.

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use md5::Md5;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A hash function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "hash algorithm", rename_all = "snake_case")]
#[schemars(rename = "HashAlgorithm")]
pub enum HashAlgorithm {
    /// MD5, for old APIs only.
    Md5,
    /// SHA-1, for old APIs only.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Hashes bytes.
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(message).to_vec(),
            Self::Sha1 => Sha1::digest(message).to_vec(),
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    /// Makes the code by which those who share a key know the message for theirs (RFC 2104).
    pub fn mac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => mac::<Md5>(key, message),
            Self::Sha1 => mac::<Sha1>(key, message),
            Self::Sha256 => mac::<Sha256>(key, message),
            Self::Sha384 => mac::<Sha384>(key, message),
            Self::Sha512 => mac::<Sha512>(key, message),
        }
    }
}

fn mac<D: EagerHash>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<D>::new_from_slice(key).expect("a key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
