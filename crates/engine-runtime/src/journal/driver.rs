//! The task that writes a journal: what has come up since it wrote last, all at once.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::store::{Lease, RunChanges, Standing};
use super::{Buffer, Shared};
use crate::machine::Event;
use crate::pending::Keeping;
use crate::state::{StateError, StateStore};
use crate::world::Clock;

/// How long events wait for others.
const LAG: Duration = Duration::from_millis(50);

/// How long a run is held without a word.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// How often a lease is renewed where nothing else is written.
const RENEWED: Duration = Duration::from_secs(3);

/// How many bytes of events are written at once at the most.
pub(super) const MUCH: usize = 1 << 18;

/// After how many chunks the state of all is written anew.
const CHUNKS: i64 = 200;

/// Writes the journal of a run.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) run: String,
    pub(super) holder: String,
    pub(super) store: Arc<dyn StateStore>,
    pub(super) clock: Arc<dyn Clock>,
    /// The number of the next chunk.
    pub(super) next: i64,
}

impl Driver {
    /// Writes until the journal is closed, or can't be written any more.
    pub(super) async fn drive(mut self) {
        let mut since = 0_i64;
        let mut last = self.clock.now();
        loop {
            self.wait(last).await;
            let mut buffer = std::mem::take(&mut *self.shared.buffer());
            let mut changes = std::mem::take(&mut buffer.changes);
            let is_whole = buffer.is_whole || since >= CHUNKS;
            if is_whole {
                let state = self.state(&mut buffer, &mut changes);
                changes.snapshot = Some((self.next, state));
                since = 0;
            } else if !buffer.events.is_empty() {
                changes.chunk = Some((self.next, std::mem::take(&mut buffer.events)));
                self.next += 1;
                since += 1;
            }
            changes.requests = self.shared.requests.take();
            last = self.clock.now();
            let lease = Lease { holder: self.holder.clone(), now: last, time: LEASE };
            let done = match self.commit(&lease, changes, std::mem::take(&mut buffer.keepings)).await {
                Ok(Standing::Held) => Ok(()),
                Ok(Standing::Cancelled) => {
                    self.cancel();
                    Ok(())
                }
                Ok(Standing::Lost) => {
                    Err(StateError::new(format!("run `{}` was taken over by another process", self.run))
                        .help("this one was silent for too long; see `engine runs list`"))
                }
                Err(error) => Err(error),
            };
            let failed = done.clone().err();
            for waiting in buffer.waiting {
                // Whoever gave up waiting need not be told.
                _ = waiting.send(done.clone());
            }
            if let Some(error) = failed {
                self.fail(&error);
                return;
            }
            if buffer.is_closed {
                return;
            }
        }
    }

    /// Writes changes, and what is kept for the next runs along with them.
    async fn commit(
        &self,
        lease: &Lease,
        mut changes: RunChanges,
        keepings: Vec<Keeping>,
    ) -> Result<Standing, StateError> {
        for keeping in keepings {
            changes.keep.extend(keeping.beside(&*self.store, false).await?);
        }
        self.store.commit_run(&self.run, lease, changes).await
    }

    /// Waits until there is something to write, or the lease is to be renewed.
    async fn wait(&self, last: jiff::Timestamp) {
        let is_due = |buffer: &Buffer| buffer.is_urgent || buffer.is_closed;
        let until = last.saturating_add(RENEWED).unwrap_or(jiff::Timestamp::MAX);
        loop {
            let (due, has_events) = {
                let buffer = self.shared.buffer();
                (is_due(&buffer), !buffer.events.is_empty())
            };
            if due {
                return;
            }
            if has_events {
                let mut lag = self.clock.sleep(LAG);
                loop {
                    tokio::select! {
                        () = &mut lag => return,
                        () = self.shared.wake.notified() => if is_due(&self.shared.buffer()) { return },
                    }
                }
            }
            let left = until.duration_since(self.clock.now());
            let Some(left) = Duration::try_from(left).ok().filter(|left| !left.is_zero()) else { return };
            tokio::select! {
                () = self.clock.sleep(left) => return,
                () = self.shared.wake.notified() => {}
            }
        }
    }

    /// Returns the state of all, and takes what came up meanwhile along, since it is in it.
    fn state(&self, buffer: &mut Buffer, changes: &mut RunChanges) -> Vec<u8> {
        let machine = self.shared.machine();
        let mut later = self.shared.buffer();
        buffer.waiting.append(&mut later.waiting);
        buffer.is_closed |= later.is_closed;
        let more = std::mem::take(&mut *later);
        changes.acks.extend(more.changes.acks);
        changes.delivered.extend(more.changes.delivered);
        changes.records.extend(more.changes.records);
        changes.keep.extend(more.changes.keep);
        buffer.keepings.extend(more.keepings);
        changes.durable |= more.changes.durable;
        changes.end = more.changes.end.or(changes.end.take());
        changes.steps = more.changes.steps.or(changes.steps.take());
        buffer.events.clear();
        // A machine is always JSON.
        serde_json::to_vec(&*machine).unwrap_or_default()
    }

    fn cancel(&self) {
        if self.shared.machine().is_cancelled() {
            return;
        }
        super::Journal(Arc::clone(&self.shared)).event(Event::Cancelled);
        self.shared.stop.stop();
    }

    fn fail(&self, error: &StateError) {
        *self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        for waiting in std::mem::take(&mut *self.shared.buffer()).waiting {
            _ = waiting.send(Err(error.clone()));
        }
        self.shared.stop.stop();
    }
}
