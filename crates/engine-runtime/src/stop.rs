//! Stopping a run, or a part of it: asked for once, seen by everything that waits.

use std::sync::Arc;

use futures_util::future::select_all;
use tokio::sync::watch;

/// Asks a run to stop. Clones ask the same run.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Asked>);

#[derive(Debug)]
struct Asked {
    own: watch::Sender<bool>,
    above: Option<Stop>,
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stop {
    /// Makes one that was not asked yet.
    pub fn new() -> Self {
        Self(Arc::new(Asked { own: watch::Sender::new(false), above: None }))
    }

    /// Makes one for a part of what this one stops: it can be asked alone, and is asked when this one is.
    pub(crate) fn child(&self) -> Self {
        Self(Arc::new(Asked { own: watch::Sender::new(false), above: Some(self.clone()) }))
    }

    /// Asks to stop.
    pub fn stop(&self) {
        self.0.own.send_replace(true);
    }

    /// Tells whether it was asked.
    pub fn is_stopped(&self) -> bool {
        self.with_above().any(|stop| *stop.0.own.borrow())
    }

    /// Tells whether what this is a part of was asked.
    pub(crate) fn is_stopped_from_above(&self) -> bool {
        self.0.above.as_ref().is_some_and(Self::is_stopped)
    }

    /// Waits until it is asked.
    pub async fn stopped(&self) {
        let waits = self.with_above().map(|stop| {
            let mut receiver = stop.0.own.subscribe();
            Box::pin(async move {
                // The sender lives as long as `self`, so this ends only when the value is true.
                _ = receiver.wait_for(|stopped| *stopped).await;
            })
        });
        select_all(waits).await;
    }

    fn with_above(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |stop| stop.0.above.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_is_stopped_alone_and_with_the_whole() {
        let whole = Stop::new();
        let (first, second) = (whole.child(), whole.child());
        let inner = second.child();
        first.stop();
        first.stopped().await;
        assert!(!first.is_stopped_from_above());
        assert!(!whole.is_stopped() && !second.is_stopped() && !inner.is_stopped());
        whole.stop();
        inner.stopped().await;
        assert!(inner.is_stopped() && second.is_stopped() && second.is_stopped_from_above());
    }
}
