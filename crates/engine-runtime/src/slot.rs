//! The place among those that are worked on at once, which an item gives back while it only waits.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The place of one item.
pub(crate) struct Slot {
    places: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Slot {
    /// Waits for a place.
    pub(crate) async fn take(places: &Arc<Semaphore>) -> Arc<Self> {
        let slot = Self { places: Arc::clone(places), held: Mutex::default() };
        slot.hold().await;
        Arc::new(slot)
    }

    /// Lets others have the place until something has come.
    pub(crate) async fn without<T>(&self, waiting: impl Future<Output = T>) -> T {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        let done = waiting.await;
        self.hold().await;
        done
    }

    async fn hold(&self) {
        if self.held.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        // The places are never closed.
        let permit = Arc::clone(&self.places).acquire_owned().await.ok();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}
