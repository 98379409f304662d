//! The place among those that are worked on at once, which an item gives back while it only waits.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The place of one item.
pub(crate) struct Slot {
    /// That of the item around.
    around: Option<Arc<Self>>,
    places: Arc<Semaphore>,
    held: Mutex<Held>,
    /// Told when the place has come.
    came: watch::Sender<()>,
}

/// Whether the place is held.
enum Held {
    No,
    /// A task waits for it.
    Coming,
    Yes {
        _permit: OwnedSemaphorePermit,
    },
}

impl Slot {
    /// Waits for a place, within that of the item around.
    pub(crate) async fn take(places: &Arc<Semaphore>, around: Option<&Arc<Self>>) -> Arc<Self> {
        let slot = Arc::new(Self {
            around: around.cloned(),
            places: Arc::clone(places),
            held: Mutex::new(Held::No),
            came: watch::Sender::new(()),
        });
        slot.hold().await;
        slot
    }

    /// Lets others have the place, and those around it, until something has come.
    pub(crate) async fn without<T>(self: &Arc<Self>, waiting: impl Future<Output = T>) -> T {
        let mut slots: Vec<&Arc<Self>> = std::iter::successors(Some(self), |slot| slot.around.as_ref()).collect();
        for slot in &slots {
            let held = &mut *slot.held.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(held, Held::Yes { .. }) {
                *held = Held::No;
            }
        }
        let done = waiting.await;
        // As they were taken: nobody holds one within while waiting for the one around it.
        slots.reverse();
        for slot in slots {
            slot.hold().await;
        }
        done
    }

    /// Waits for the place, which several may do that work on one item.
    ///
    /// A task waits in line: whoever asks for it may not be looked at for a while, and must not keep it from others meanwhile.
    async fn hold(self: &Arc<Self>) {
        let mut came = self.came.subscribe();
        loop {
            match &mut *self.held.lock().unwrap_or_else(PoisonError::into_inner) {
                Held::Yes { .. } => return,
                Held::Coming => {}
                held @ Held::No => {
                    *held = Held::Coming;
                    let (slot, places) = (Arc::downgrade(self), Arc::clone(&self.places));
                    tokio::spawn(async move {
                        // The places are never closed.
                        let Ok(permit) = places.acquire_owned().await else { return };
                        if let Some(slot) = slot.upgrade() {
                            *slot.held.lock().unwrap_or_else(PoisonError::into_inner) = Held::Yes { _permit: permit };
                            slot.came.send_replace(());
                        }
                    });
                }
            }
            // The sender is the slot's own.
            _ = came.changed().await;
        }
    }
}
