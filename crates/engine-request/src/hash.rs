//! Hash functions by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
