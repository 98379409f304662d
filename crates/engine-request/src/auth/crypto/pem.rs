//! Texts in PEM form (RFC 7468), as they come out of files, variables and forms.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::KeyError;

/// A part of a PEM text.
pub(crate) struct Pem<'t> {
    /// What it says that it is, such as `PRIVATE KEY`.
    pub(crate) label: &'t str,
    body: &'t str,
}

impl<'t> Pem<'t> {
    /// Goes over the parts of a text.
    ///
    /// Texts in variables often have `\n` in the place of line breaks, or spaces, or nothing at all: the markers tell enough.
    pub(crate) fn all(text: &'t str) -> impl Iterator<Item = Self> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let (_, after) = rest.split_once("-----BEGIN ")?;
            let (label, after) = after.split_once("-----")?;
            let (body, after) = after.split_once("-----END ")?;
            rest = after;
            Some(Self { label: label.trim(), body })
        })
    }

    /// Returns the bytes that it holds.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, KeyError> {
        if self.body.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let digits: String = self.body.replace("\\n", "").replace("\\r", "").split_whitespace().collect();
        STANDARD.decode(digits).map_err(|_| KeyError::Damaged)
    }
}
