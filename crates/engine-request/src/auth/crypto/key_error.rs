//! Why a key can't sign. Never says anything of the key but what kind it is.

use engine_expr::EvalError;
use engine_source::Span;
use thiserror::Error;

/// Why a key can't sign.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum KeyError {
    /// It is neither PEM nor a JSON Web Key.
    #[error("the key is not in PEM form")]
    NoPem,
    /// There is no private key in it, but something else.
    #[error("the key is {0}, not a private key")]
    NotPrivate(&'static str),
    /// It needs a password.
    #[error("the key is encrypted with a password")]
    Encrypted,
    /// It begins as a key should, and goes on otherwise.
    #[error("the key is damaged")]
    Damaged,
    /// It is a key that nothing here signs with.
    #[error("the key is of a kind that is not known here")]
    Unknown,
    /// It is a key, and not of the kind that is needed.
    #[error("{found} can't sign with `{algorithm}`")]
    OtherKind {
        /// What it is, with its article.
        found: &'static str,
        /// The name of the algorithm.
        algorithm: String,
        /// What is needed, with its article.
        needed: &'static str,
    },
    /// The numbers in it have no room for the signature.
    #[error("the RSA key is too short for `{0}`")]
    TooShort(String),
    /// It is not written as is said.
    #[error("the key is not in {0}")]
    NotEncoded(&'static str),
    /// There is nothing.
    #[error("the key is empty")]
    Empty,
    /// It is a file with a key for another kind of signatures.
    #[error("the key is in PEM form, and `{0}` takes a shared one")]
    NotShared(String),
    /// Nothing gives random numbers.
    #[error("there is no randomness here")]
    NoRandomness,
}

impl KeyError {
    /// Says where the key is, and what to do.
    pub(crate) fn at(&self, span: Span) -> EvalError {
        let help = match self {
            Self::NoPem => {
                "give the text of the file that begins with `-----BEGIN PRIVATE KEY-----`, or a JSON Web Key".to_owned()
            }
            Self::NotPrivate(_) => "give the private key that belongs to it".to_owned(),
            Self::Encrypted => "take the password off with `openssl pkey -in key.pem -out plain.pem`".to_owned(),
            Self::Damaged => "check that the secret holds the whole file".to_owned(),
            Self::Unknown => "use an RSA key, one on P-256, P-384 or P-521, or an Ed25519 key".to_owned(),
            Self::OtherKind { needed, .. } => format!("give {needed}, or choose another algorithm"),
            Self::TooShort(_) => "give a key of at least 2048 bits".to_owned(),
            Self::NotEncoded(_) => "check `key_encoding`, and that the secret is whole".to_owned(),
            Self::Empty => "check the secret that it is made of".to_owned(),
            Self::NotShared(_) => {
                "choose an algorithm for that key, such as `RS256` or `ES256`, or give the shared key".to_owned()
            }
            Self::NoRandomness => return EvalError::new(self.to_string(), span),
        };
        EvalError::new(self.to_string(), span).help(help)
    }
}
