//! What is made with the key of a state: sealed values, fingerprints, and the mark by which a key is known again.
//!
//! All of it is `ring`'s, which is in the program already for TLS.

use engine_runtime::{Kind, StateError, chance};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::hmac;

use super::key::LENGTH;

/// The first byte of a sealed value: how it was sealed.
const FORM: u8 = 1;

/// The keys that are derived from the key of a state (RFC 5869), each for one purpose.
pub(super) struct Cipher {
    sealing: LessSafeKey,
    fingerprints: hmac::Key,
    /// By what the key is known again; nothing can be told from it.
    pub(super) mark: String,
}

/// The length of a derived key.
struct Derived;

impl KeyType for Derived {
    fn len(&self) -> usize {
        LENGTH
    }
}

impl Cipher {
    /// Derives what is needed from a key.
    pub(super) fn new(key: &[u8; LENGTH]) -> Result<Self, StateError> {
        let root = Salt::new(HKDF_SHA256, b"engine state").extract(key);
        let sealing = UnboundKey::new(&CHACHA20_POLY1305, &derive(&root, b"seal")?).map_err(|_| broken())?;
        let fingerprints = hmac::Key::new(hmac::HMAC_SHA256, &derive(&root, b"fingerprint")?);
        let mark = hex(&derive(&root, b"mark")?[..8]);
        Ok(Self { sealing: LessSafeKey::new(sealing), fingerprints, mark })
    }

    /// Seals a value, so that it can be opened only as this kind of thing under this key of the store.
    ///
    /// The form is one byte of 1, the nonce, then the ciphertext with its tag (RFC 8439). Nonces are random: a store would have to keep
    /// billions of tokens before one is likely to come twice.
    pub(super) fn seal(&self, kind: Kind, key: &str, value: &[u8]) -> Result<Vec<u8>, StateError> {
        self.seal_as(super::name_of(kind), key, value)
    }

    /// Seals a value that is no entry of a kind, so that it can be opened only as what it is and under its key.
    pub(super) fn seal_as(&self, what: &str, key: &str, value: &[u8]) -> Result<Vec<u8>, StateError> {
        let nonce: [u8; NONCE_LEN] = chance().ok_or_else(|| StateError::new("the machine gives no random numbers"))?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + value.len() + CHACHA20_POLY1305.tag_len());
        sealed.push(FORM);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let text = sealed.get_mut(1 + NONCE_LEN..).unwrap_or_default();
        let tag = self
            .sealing
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), bound_to(what, key), text)
            .map_err(|_| StateError::new("the value is too long to be encrypted"))?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens a sealed value; nothing where it was changed, moved to another key, or sealed with another key.
    pub(super) fn open(&self, kind: Kind, key: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.open_as(super::name_of(kind), key, sealed)
    }

    /// Opens what [`seal_as`](Self::seal_as) sealed.
    pub(super) fn open_as(&self, what: &str, key: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (form, rest) = sealed.split_first()?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok().filter(|_| *form == FORM)?;
        let mut text = text.to_vec();
        let length = self.sealing.open_in_place(nonce, bound_to(what, key), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// Makes a key of texts that may be secret (HMAC, RFC 2104). Their lengths are part of it, so that no two lists of texts are alike.
    pub(super) fn fingerprint(&self, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.fingerprints);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        hex(&context.sign().as_ref()[..16])
    }
}

fn derive(root: &Prk, purpose: &[u8]) -> Result<[u8; LENGTH], StateError> {
    let mut derived = [0; LENGTH];
    root.expand(&[purpose], Derived).and_then(|key| key.fill(&mut derived)).map_err(|_| broken())?;
    Ok(derived)
}

fn bound_to(what: &str, key: &str) -> Aad<Vec<u8>> {
    Aad::from([what.as_bytes(), b"\0", key.as_bytes()].concat())
}

fn broken() -> StateError {
    StateError::new("no keys can be derived from the key of the state")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes all that is written to it.
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn cipher(byte: u8) -> Cipher {
        Cipher::new(&[byte; LENGTH]).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_under_its_own_key_only() {
        let one = cipher(1);
        let sealed = one.seal(Kind::Token, "a", b"hush").unwrap();
        assert_eq!(one.open(Kind::Token, "a", &sealed).as_deref(), Some(&b"hush"[..]));
        assert_eq!(one.open(Kind::Token, "b", &sealed), None);
        assert_eq!(one.open(Kind::Cursor, "a", &sealed), None);
        assert_eq!(cipher(2).open(Kind::Token, "a", &sealed), None);
        assert!(!sealed.windows(4).any(|part| part == b"hush"));
        assert_ne!(one.seal(Kind::Token, "a", b"hush").unwrap(), sealed);
    }

    #[test]
    fn a_sealed_value_that_was_changed_anywhere_does_not_open() {
        let one = cipher(1);
        let sealed = one.seal(Kind::Token, "a", b"hush").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(one.open(Kind::Token, "a", &changed), None, "byte {at}");
            assert_eq!(one.open(Kind::Token, "a", &sealed[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn fingerprints_are_those_of_one_key_and_one_list() {
        let one = cipher(1);
        assert_eq!(one.fingerprint(&["a", "b"]), one.fingerprint(&["a", "b"]));
        assert_ne!(one.fingerprint(&["a", "b"]), one.fingerprint(&["ab"]));
        assert_ne!(one.fingerprint(&["a", "b"]), one.fingerprint(&["a", "", "b"]));
        assert_ne!(one.fingerprint(&["a"]), cipher(2).fingerprint(&["a"]));
        assert_ne!(one.mark, cipher(2).mark);
    }
}
