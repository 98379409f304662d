//! Keeps events in a database, many in a row. Knows nothing of encryption.

use engine_runtime::Put;
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, params};

use super::event::SealedEvent;

/// Keeps events, one after another.
pub(super) struct EventKeeper<'c> {
    connection: &'c Connection,
    /// Keeps one that has no partition.
    alone: CachedStatement<'c>,
}

impl<'c> EventKeeper<'c> {
    /// Begins with a connection, within a transaction.
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let alone = connection.prepare_cached(
            "INSERT INTO events (id, flow, came_by, kind, ready, received_at, due_at, status, failures, content)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, 'waiting', 0, ?7)
             ON CONFLICT (id) DO NOTHING",
        )?;
        Ok(Self { connection, alone })
    }

    /// Keeps an event, if it is not known already.
    pub(super) fn keep(&mut self, event: &SealedEvent) -> rusqlite::Result<Put> {
        if let Some((key, until)) = &event.key
            && let Some(event) = self.known(event, key, *until)?
        {
            return Ok(Put::Known { event });
        }
        let (kind, received_at, due_at) =
            (event.kind.as_str(), event.received_at.as_microsecond(), event.due_at.as_microsecond());
        match &event.part {
            None => self.alone.execute(params![
                event.id,
                event.flow,
                event.trigger,
                kind,
                received_at,
                due_at,
                event.content
            ])?,
            Some(part) => self
                .connection
                .prepare_cached(
                    "INSERT INTO events (id, flow, came_by, kind, ready, received_at, due_at, status, failures, content, part)
                     VALUES (?1, ?2, ?3, ?4,
                         NOT EXISTS (SELECT 1 FROM events WHERE flow = ?2 AND part = ?8 AND ended_at IS NULL),
                         ?5, ?6, 'waiting', 0, ?7, ?8)
                     ON CONFLICT (id) DO NOTHING",
                )?
                .execute(params![
                    event.id,
                    event.flow,
                    event.trigger,
                    kind,
                    received_at,
                    due_at,
                    event.content,
                    part
                ])?,
        };
        Ok(Put::Kept)
    }

    /// Takes note of the key of an event; returns the event that has it already.
    fn known(&self, event: &SealedEvent, key: &str, until: Timestamp) -> rusqlite::Result<Option<String>> {
        let kept = self
            .connection
            .prepare_cached(
                "INSERT INTO event_keys (key, event, until) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET event = excluded.event, until = excluded.until
                 WHERE until <= ?4 OR event = excluded.event",
            )?
            .execute(params![key, event.id, until.as_microsecond(), event.received_at.as_microsecond()])?;
        if kept > 0 {
            return Ok(None);
        }
        let mut known = self.connection.prepare_cached("SELECT event FROM event_keys WHERE key = ?1")?;
        known.query_row([key], |row| row.get(0)).map(Some)
    }
}
