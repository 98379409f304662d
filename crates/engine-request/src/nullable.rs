//! Members that may be null.

use serde::{Deserialize, Deserializer};

/// Reads a value that is its default where null is written: null takes off what an API says.
pub fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
