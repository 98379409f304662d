//! The randomness of a scope, as cryptography asks for it.

use std::convert::Infallible;

use engine_expr::{Host, Scope};
use rsa::rand_core::{TryCryptoRng, TryRng};

use super::KeyError;

/// The randomness of a scope: for salts, nonces, and to blind a computation with a key.
pub(crate) struct HostRandom<'h>(&'h dyn Host);

impl<'h> HostRandom<'h> {
    /// Takes it from the host of a scope.
    pub(crate) fn of(scope: &'h Scope) -> Result<Self, KeyError> {
        scope.host().map(|host| Self(&**host)).ok_or(KeyError::NoRandomness)
    }

    /// Makes a text of 32 hexadecimal digits that nobody has seen before.
    pub(crate) fn nonce(&self) -> String {
        format!("{:016x}{:016x}", self.0.random(), self.0.random())
    }
}

impl TryRng for HostRandom<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let [a, b, c, d, ..] = self.0.random().to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.random())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            let bytes = self.0.random().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(bytes) {
                *to = from;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for HostRandom<'_> {}
