//! What must not be shown: the declared secrets, and the tokens that come while a run goes.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use engine_expr::Secret;
use engine_request::Redactor;

/// Takes secrets out of whatever is shown. All clones know the same ones.
#[derive(Clone, Default)]
pub struct Hidden(Arc<RwLock<Redactor>>);

impl Hidden {
    /// Begins with these secrets.
    pub(crate) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(Arc::new(RwLock::new(Redactor::new(secrets))))
    }

    /// Returns what takes out the secrets that are known by now.
    pub fn redactor(&self) -> Redactor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds secrets.
    pub(crate) fn add<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) {
        let mut redactor = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            redactor.add(secret);
        }
    }

    /// Returns a text with `***` for every secret.
    pub fn redact(&self, text: &str) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner).redact(text)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(***)")
    }
}
