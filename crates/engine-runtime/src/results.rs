//! What a run leaves behind for who started it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use engine_expr::Value;

/// What the steps of a run have come to, once it has ended. Clones see the same; printing it shows nothing of it.
#[derive(Clone, Default)]
pub struct Results(Arc<OnceLock<Value>>);

impl Results {
    /// Returns what `steps` is at the end of the run, once it has come to it.
    pub fn steps(&self) -> Option<&Value> {
        self.0.get()
    }

    pub(crate) fn set(&self, steps: Value) {
        // A run ends once.
        _ = self.0.set(steps);
    }
}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("is_there", &self.0.get().is_some()).finish()
    }
}
