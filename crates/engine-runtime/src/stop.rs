//! Stopping a run: asked for once, seen by everything that waits.

use std::sync::Arc;

use tokio::sync::watch;

/// Asks a run to stop. Clones ask the same run.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stop {
    /// Makes one that was not asked yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Asks to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Tells whether it was asked.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked.
    pub async fn stopped(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`, so this ends only when the value is true.
        _ = receiver.wait_for(|stopped| *stopped).await;
    }
}
