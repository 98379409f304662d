//! The events of a state on a server: what came with them is sealed before it comes to the database, and opened behind it.

use std::sync::{Arc, Mutex, PoisonError};

use engine_runtime::{
    BoxFuture, EventCount, EventFilter, EventKind, EventStore, Lease, NewEvent, Outcome, Put, Standing, StateError,
    StoredEvent, Wanted,
};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::PostgresState;
use super::database::Database;
use crate::state::event::{self, Pending};
use crate::state::event_store::tell;

impl EventStore for PostgresState {
    fn put_events(&self, events: Vec<NewEvent>) -> BoxFuture<'_, Result<Vec<Put>, StateError>> {
        Box::pin(async move {
            let cipher = self.cipher()?;
            let events = events.into_iter().map(|event| event::seal(&cipher, event)).collect::<Result<_, _>>()?;
            let (told, answer) = oneshot::channel();
            let is_first = {
                let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                pending.push(Pending { events, told });
                pending.len() == 1
            };
            if is_first {
                self.flush(cipher.mark.clone())?;
            }
            answer.await.unwrap_or_else(|_| Err(StateError::new("the thread of the state broke off")))
        })
    }

    fn take_events(&self, wanted: Wanted) -> BoxFuture<'_, Result<Vec<StoredEvent>, StateError>> {
        Box::pin(async move {
            let lease = wanted.lease.clone();
            let take = async move |database: &mut Database| {
                if database.exists().await? { database.take_events(&wanted).await } else { Ok(Vec::new()) }
            };
            let rows = self.ask(take).await?;
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let cipher = self.checked_cipher().await?;
            let mut taken = Vec::with_capacity(rows.len());
            for row in rows {
                match event::open(self.shown(), &cipher, row) {
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
        Box::pin(self.ask(async move |database| {
            if database.exists().await? {
                database.renew_events(&ids, &lease).await
            } else {
                Ok(vec![Standing::Lost; ids.len()])
            }
        }))
    }

    fn settle_event<'a>(
        &'a self,
        id: &'a str,
        lease: Lease,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        let id = id.to_owned();
        // Done twice, since the connection was lost, it is no longer theirs the second time, though it was settled.
        Box::pin(self.ask(async move |database| {
            Ok(database.exists().await? && database.settle_event(&id, &lease, &outcome).await?)
        }))
    }

    fn find_event<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredEvent>, StateError>> {
        let id = id.to_owned();
        Box::pin(async move {
            let find = async move |database: &mut Database| {
                if database.exists().await? { database.find_event(&id).await } else { Ok(None) }
            };
            let Some(row) = self.ask(find).await? else { return Ok(None) };
            let cipher = self.checked_cipher().await?;
            event::open(self.shown(), &cipher, row).map(Some).map_err(|(_, error)| error)
        })
    }

    fn list_events(&self, filter: EventFilter) -> BoxFuture<'_, Result<Vec<StoredEvent>, StateError>> {
        Box::pin(async move {
            let list = async move |database: &mut Database| {
                if database.exists().await? { database.list_events(&filter).await } else { Ok(Vec::new()) }
            };
            Ok(self.ask(list).await?.into_iter().map(|row| row.event).collect())
        })
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
        Box::pin(self.ask(
            async move |database| {
                if database.exists().await? { database.open_flows(kind).await } else { Ok(Vec::new()) }
            },
        ))
    }

    fn count_events(&self) -> BoxFuture<'_, Result<Vec<EventCount>, StateError>> {
        Box::pin(self.ask(
            async |database| {
                if database.exists().await? { database.count_events().await } else { Ok(Vec::new()) }
            },
        ))
    }

    fn forget_events(&self, before: Timestamp, now: Timestamp) -> BoxFuture<'_, Result<u64, StateError>> {
        Box::pin(async move {
            let mut all = 0;
            loop {
                let forget = async move |database: &mut Database| {
                    if database.exists().await? { database.forget_events(before, now).await } else { Ok((0, false)) }
                };
                let (forgotten, has_more) = self.ask(forget).await?;
                all += forgotten;
                if !has_more {
                    return Ok(all);
                }
            }
        })
    }

    fn drop_event<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let id = id.to_owned();
        Box::pin(self.ask(async move |database| Ok(database.exists().await? && database.drop_event(&id).await?)))
    }

    fn event_holders(&self) -> BoxFuture<'_, Result<Vec<String>, StateError>> {
        Box::pin(self.ask(
            async |database| {
                if database.exists().await? { database.event_holders().await } else { Ok(Vec::new()) }
            },
        ))
    }

    fn orphan_events<'a>(&'a self, holder: &'a str, _now: Timestamp) -> BoxFuture<'a, Result<u64, StateError>> {
        let holder = holder.to_owned();
        Box::pin(self.ask(
            async move |database| {
                if database.exists().await? { database.orphan_events(&holder).await } else { Ok(0) }
            },
        ))
    }

    fn wake_event<'a>(&'a self, id: &'a str, _now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        let id = id.to_owned();
        Box::pin(self.ask(async move |database| Ok(database.exists().await? && database.wake_event(&id).await?)))
    }

    fn revive_event<'a>(&'a self, id: &'a str, _now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        let id = id.to_owned();
        Box::pin(self.ask(async move |database| Ok(database.exists().await? && database.revive_event(&id).await?)))
    }
}

impl PostgresState {
    /// Keeps all events that wait by the time a connection is free, in one transaction.
    fn flush(&self, mark: String) -> Result<(), StateError> {
        let batch: Arc<Mutex<Option<Arc<Vec<Pending>>>>> = Arc::default();
        let (pending, ours) = (Arc::clone(&self.pending), Arc::clone(&batch));
        let work = async move |database: &mut Database| {
            let batch = {
                let mut batch = ours.lock().unwrap_or_else(PoisonError::into_inner);
                // Done again, it is the same batch.
                Arc::clone(batch.get_or_insert_with(|| Arc::new(taken(&pending))))
            };
            database.make().await?;
            let events: Vec<_> = batch.iter().flat_map(|pending| &pending.events).collect();
            database.put_events(&events, &mark).await
        };
        let (pending, wrong_key) = (Arc::clone(&self.pending), self.wrong_key());
        let told = move |put: Result<Option<Vec<Put>>, StateError>| {
            let batch = batch.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Where no connection was made, nothing was taken either.
            let batch = batch.and_then(Arc::into_inner).unwrap_or_else(|| taken(&pending));
            tell(batch, put.and_then(|put| put.ok_or(wrong_key)));
        };
        self.begin(work, told)
    }
}

fn taken(pending: &Mutex<Vec<Pending>>) -> Vec<Pending> {
    std::mem::take(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner))
}
