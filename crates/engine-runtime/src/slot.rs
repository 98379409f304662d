//! The place among those that are worked on at once, which an item gives back while it only waits.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The place of one item.
pub(crate) struct Slot {
    /// That of the item around.
    around: Option<Arc<Self>>,
    places: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
    /// Held by whoever waits for the place: what works on one item in several branches has one place.
    turn: tokio::sync::Mutex<()>,
}

impl Slot {
    /// Waits for a place, within that of the item around.
    pub(crate) async fn take(places: &Arc<Semaphore>, around: Option<&Arc<Self>>) -> Arc<Self> {
        let slot = Self {
            around: around.cloned(),
            places: Arc::clone(places),
            held: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        };
        slot.hold().await;
        Arc::new(slot)
    }

    /// Lets others have the place, and those around it, until something has come.
    pub(crate) async fn without<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut slots: Vec<&Self> = std::iter::successors(Some(self), |slot| slot.around.as_deref()).collect();
        for slot in &slots {
            slot.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        let done = waiting.await;
        // As they were taken: nobody holds one within while waiting for the one around it.
        slots.reverse();
        for slot in slots {
            slot.hold().await;
        }
        done
    }

    async fn hold(&self) {
        let _turn = self.turn.lock().await;
        if self.held.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        // The places are never closed.
        let permit = Arc::clone(&self.places).acquire_owned().await.ok();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}
