//! What must not be shown: the declared secrets, and the tokens that come while a run goes.

use std::sync::{Arc, PoisonError, RwLock};

use engine_expr::Secret;
use engine_request::Redactor;

/// Takes secrets out of whatever is shown. All clones know the same ones.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Arc<RwLock<Redactor>>);

impl Hidden {
    /// Begins with these secrets.
    pub(crate) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(Arc::new(RwLock::new(Redactor::new(secrets))))
    }

    /// Adds secrets.
    pub(crate) fn add<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) {
        let mut redactor = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            redactor.add(secret);
        }
    }

    /// Returns a text with `***` for every secret.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner).redact(text)
    }
}
