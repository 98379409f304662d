//! Keys, and what is signed with them. Knows nothing about requests.

mod curve;
mod host_random;
mod jwk;
mod jwk_set;
mod key_encoding;
mod key_error;
mod pem;
mod private_key;
mod public_key;

pub(crate) use curve::Curve;
pub(crate) use host_random::HostRandom;
pub(crate) use jwk::Jwk;
pub use jwk_set::{JwkSet, SetKey};
pub use key_encoding::KeyEncoding;
pub(crate) use key_encoding::hex;
pub(crate) use key_error::KeyError;
pub(crate) use private_key::{PrivateKey, Scheme};
pub use public_key::{PublicKey, PublicKeyError};

#[cfg(test)]
pub(in crate::auth) mod tests;
