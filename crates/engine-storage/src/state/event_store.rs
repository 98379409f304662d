//! The events of a state in a file: what came with them is sealed before it comes to the database, and opened behind it.

use std::sync::Arc;

use engine_runtime::{
    BoxFuture, EventCount, EventFilter, EventKind, EventStore, Lease, NewEvent, Outcome, Put, Standing, StateError,
    StoredEvent, Wanted,
};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::event::{self, Pending, Told};
use super::worker::Files;
use super::{SqliteState, wrong_key};

impl EventStore for SqliteState {
    fn put_events(&self, events: Vec<NewEvent>) -> BoxFuture<'_, Result<Vec<Put>, StateError>> {
        Box::pin(async move {
            let cipher = self.cipher()?;
            let events = events.into_iter().map(|event| event::seal(&cipher, event)).collect::<Result<_, _>>()?;
            let (told, answer) = oneshot::channel();
            if self.line.add(Pending { events, told }) {
                // Whoever comes before the thread is through with them comes along, and all are on disk by one commit.
                let (line, path) = (Arc::clone(&self.line), self.path.clone());
                let (mark, place) = (cipher.mark.clone(), self.key.place());
                let told = Told::of(&line);
                let flush = move |files: &mut Files| {
                    let mut batch = Vec::new();
                    let put = (|| {
                        let database = files.made()?;
                        if database.mark()?.is_some_and(|known| known != mark) {
                            return Err(wrong_key(&path, &place));
                        }
                        database.put_events(&line, &mut batch, &mark)
                    })();
                    if put.is_err() {
                        // All who wait hear why.
                        while line.take(&mut batch) {}
                    }
                    told.done();
                    (batch, put)
                };
                // It is done whether or not somebody waits for this.
                self.begin(|worker| worker.begin(flush, |(batch, put), committed| tell(batch, committed.and(put))))?;
            }
            answer.await.unwrap_or_else(|_| Err(StateError::new("the thread of the state broke off")))
        })
    }

    fn take_events(&self, wanted: Wanted) -> BoxFuture<'_, Result<Vec<StoredEvent>, StateError>> {
        Box::pin(async move {
            let lease = wanted.lease.clone();
            let rows = self
                .on_file(move |files| match files.existing()? {
                    Some(database) => database.take_events(&wanted),
                    None => Ok(Vec::new()),
                })
                .await?;
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let cipher = self.on_file(self.key_check()?).await?;
            let mut taken = Vec::with_capacity(rows.len());
            for row in rows {
                match event::open(&self.path, &cipher, row) {
                    Ok(event) => taken.push(event),
                    // One that nobody can open must not keep the others.
                    Err((event, error)) => {
                        let error = Outcome::Dead { error: error.message };
                        self.settle_event(&event.id, lease.clone(), error).await?;
                    }
                }
            }
            Ok(taken)
        })
    }

    fn renew_events(&self, ids: Vec<String>, lease: Lease) -> BoxFuture<'_, Result<Vec<Standing>, StateError>> {
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.renew_events(&ids, &lease),
            None => Ok(vec![Standing::Lost; ids.len()]),
        }))
    }

    fn settle_event<'a>(
        &'a self,
        id: &'a str,
        lease: Lease,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        let id = id.to_owned();
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.settle_event(&id, &lease, &outcome),
            None => Ok(false),
        }))
    }

    fn find_event<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredEvent>, StateError>> {
        let id = id.to_owned();
        Box::pin(async move {
            let found = self
                .on_file(move |files| match files.existing()? {
                    Some(database) => database.find_event(&id),
                    None => Ok(None),
                })
                .await?;
            let Some(row) = found else { return Ok(None) };
            let cipher = self.on_file(self.key_check()?).await?;
            event::open(&self.path, &cipher, row).map(Some).map_err(|(_, error)| error)
        })
    }

    fn list_events(&self, filter: EventFilter) -> BoxFuture<'_, Result<Vec<StoredEvent>, StateError>> {
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => Ok(database.list_events(&filter)?.into_iter().map(|row| row.event).collect()),
            None => Ok(Vec::new()),
        }))
    }

    fn replay_event<'a>(
        &'a self,
        id: &'a str,
        new_id: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<String>, StateError>> {
        Box::pin(async move {
            let Some(event) = self.find_event(id).await? else { return Ok(None) };
            self.put_events(vec![event.again(new_id, now)]).await?;
            Ok(Some(new_id.to_owned()))
        })
    }

    fn open_flows(&self, kind: EventKind) -> BoxFuture<'_, Result<Vec<String>, StateError>> {
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.open_flows(kind),
            None => Ok(Vec::new()),
        }))
    }

    fn count_events(&self) -> BoxFuture<'_, Result<Vec<EventCount>, StateError>> {
        Box::pin(self.on_file(|files| match files.existing()? {
            Some(database) => database.count_events(),
            None => Ok(Vec::new()),
        }))
    }

    fn forget_events(&self, before: Timestamp, now: Timestamp) -> BoxFuture<'_, Result<u64, StateError>> {
        Box::pin(async move {
            let mut all = 0;
            // Others have their turns between.
            loop {
                let (forgotten, has_more) = self
                    .on_file(move |files| match files.existing()? {
                        Some(database) => database.forget_events(before, now),
                        None => Ok((0, false)),
                    })
                    .await?;
                all += forgotten;
                if !has_more {
                    return Ok(all);
                }
            }
        })
    }

    fn drop_event<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let id = id.to_owned();
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.drop_event(&id),
            None => Ok(false),
        }))
    }

    fn event_holders(&self) -> BoxFuture<'_, Result<Vec<String>, StateError>> {
        Box::pin(self.on_file(|files| match files.existing()? {
            Some(database) => database.event_holders(),
            None => Ok(Vec::new()),
        }))
    }

    fn orphan_events<'a>(&'a self, holder: &'a str, now: Timestamp) -> BoxFuture<'a, Result<u64, StateError>> {
        let holder = holder.to_owned();
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.orphan_events(&holder, now),
            None => Ok(0),
        }))
    }

    fn wake_event<'a>(&'a self, id: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        let id = id.to_owned();
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.wake_event(&id, now),
            None => Ok(false),
        }))
    }

    fn revive_event<'a>(&'a self, id: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        let id = id.to_owned();
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.revive_event(&id, now),
            None => Ok(false),
        }))
    }
}

/// Tells all who wait what became of their events.
pub(super) fn tell(batch: Vec<Pending>, put: Result<Vec<Put>, StateError>) {
    match put {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for pending in batch {
                // Whoever gave up waiting need not be told.
                _ = pending.told.send(Ok(answers.by_ref().take(pending.events.len()).collect()));
            }
        }
        Err(error) => {
            for pending in batch {
                _ = pending.told.send(Err(error.clone()));
            }
        }
    }
}
