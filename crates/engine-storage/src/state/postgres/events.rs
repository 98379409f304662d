//! The events of a state, as SQL. Knows nothing of encryption.
//!
//! What is due, and whose lease is over, is told by the clock of the server: those of the machines may differ. Who puts an event of a partition, or ends one, has
//! the partition for itself until the end of the transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use engine_runtime::{EventCount, EventFilter, EventKind, Lease, Outcome, Put, Standing, StoredEvent, Wanted};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row as SqlRow;

use super::database::{Database, damaged};
use crate::postgres::Failure;
use crate::state::event::{self, Columns, Row, SealedEvent};

/// How many events are forgotten at once.
const FORGOTTEN: i64 = 1000;

/// How many flows are looked at at once.
const FLOWS: i64 = 256;

/// What keeps the locks of partitions apart from others.
const PARTS: i32 = 0x656e_6770;

impl Database {
    /// Keeps events, all in one transaction; nothing where another key is in use.
    pub(super) async fn put_events(
        &mut self,
        events: &[&SealedEvent],
        mark: &str,
    ) -> Result<Option<Vec<Put>>, Failure> {
        self.transact(async |this| {
            if !this.keep_mark(mark).await? {
                return Ok(None);
            }
            let known = this.known_events(events).await?;
            let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
            let rows = this.rows("SELECT id FROM events WHERE id = ANY($1)", &[&ids]).await?;
            let mut there = rows.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<String>, _>>()?;
            let mut new = Vec::with_capacity(events.len());
            let mut put = Vec::with_capacity(events.len());
            for event in events {
                match event.key.as_ref().and_then(|(key, _)| known.get(key)) {
                    Some(known) if *known != event.id => put.push(Put::Known { event: known.clone() }),
                    _ => {
                        if there.insert(event.id.clone()) {
                            new.push(*event);
                        }
                        put.push(Put::Kept);
                    }
                }
            }
            if !new.is_empty() {
                this.insert_events(&new).await?;
            }
            Ok(Some(put))
        })
        .await
    }

    /// Keeps the keys of events; returns which event each key stands for.
    async fn known_events(&mut self, events: &[&SealedEvent]) -> Result<HashMap<String, String>, Failure> {
        // In one order, so that no two wait for each other; the first of those with the same key is the one.
        let mut keys: BTreeMap<&str, (&str, Timestamp, Timestamp)> = BTreeMap::new();
        for event in events {
            if let Some((key, until)) = &event.key {
                keys.entry(key).or_insert((&event.id, *until, event.received_at));
            }
        }
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let names: Vec<&str> = keys.keys().copied().collect();
        let ids: Vec<&str> = keys.values().map(|(id, ..)| *id).collect();
        let until: Vec<i64> = keys.values().map(|(_, until, _)| until.as_microsecond()).collect();
        let came: Vec<i64> = keys.values().map(|(.., came)| came.as_microsecond()).collect();
        // Where a key is known and not over, nothing comes back of it; `until` of what is new is greater than `came`.
        let latest = came.iter().copied().max().unwrap_or(0);
        self.execute(
            "INSERT INTO event_keys (key, event, until) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
             ON CONFLICT (key) DO UPDATE SET event = excluded.event, until = excluded.until
             WHERE event_keys.until <= $4",
            &[&names, &ids, &until, &latest],
        )
        .await?;
        let rows = self.rows("SELECT key, event FROM event_keys WHERE key = ANY($1)", &[&names]).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    async fn insert_events(&mut self, events: &[&SealedEvent]) -> Result<(), Failure> {
        let parts: Vec<&str> = events.iter().filter_map(|event| event.part.as_deref()).collect();
        if !parts.is_empty() {
            self.lock_parts(&parts).await?;
        }
        let column = |value: fn(&SealedEvent) -> &str| events.iter().map(|event| value(event)).collect::<Vec<_>>();
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        let parts: Vec<Option<&str>> = events.iter().map(|event| event.part.as_deref()).collect();
        let received: Vec<i64> = events.iter().map(|event| event.received_at.as_microsecond()).collect();
        let wait = |event: &&SealedEvent| micros(event.due_at.duration_since(event.received_at));
        let waits: Vec<i64> = events.iter().map(wait).collect();
        let contents: Vec<&[u8]> = events.iter().map(|event| event.content.as_slice()).collect();
        self.execute(
            "INSERT INTO events (id, flow, came_by, kind, part, ready, received_at, due_at, status, failures, content)
             SELECT id, flow, came_by, kind, part,
                 part IS NULL OR (row_number() OVER (PARTITION BY flow, part ORDER BY at) = 1 AND NOT EXISTS
                     (SELECT 1 FROM events e WHERE e.flow = new.flow AND e.part = new.part AND e.ended_at IS NULL)),
                 received_at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + wait, 'waiting', 0, content
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bytea[])
                 WITH ORDINALITY AS new (id, flow, came_by, kind, part, received_at, wait, content, at)
             ORDER BY at",
            &[
                &column(|event| &event.id),
                &column(|event| &event.flow),
                &column(|event| &event.trigger),
                &kinds,
                &parts,
                &received,
                &waits,
                &contents,
            ],
        )
        .await?;
        Ok(())
    }

    /// Takes partitions until the end of the transaction, in one order.
    async fn lock_parts(&mut self, parts: &[&str]) -> Result<(), Failure> {
        self.rows(
            "SELECT pg_advisory_xact_lock($1, hash)
             FROM (SELECT DISTINCT hashtext(part) AS hash FROM unnest($2::text[]) AS part ORDER BY 1) AS parts",
            &[&PARTS, &parts],
        )
        .await?;
        Ok(())
    }

    /// Takes events that are due; what another process is about to take is left to it.
    pub(super) async fn take_events(&mut self, wanted: &Wanted) -> Result<Vec<Row>, Failure> {
        let (mut flows, mut busy, mut free) = (Vec::new(), Vec::new(), Vec::new());
        let (mut after, mut has_turned) = (wanted.after.clone(), wanted.after.is_empty());
        loop {
            let found = self.flows_after(&after).await?;
            for flow in &found {
                if let Some((under_way, room)) = wanted.room(flow) {
                    flows.push(flow.clone());
                    busy.push(i64::from(under_way));
                    free.push(i64::from(room));
                }
            }
            if !flows.is_empty() || (found.is_empty() && std::mem::replace(&mut has_turned, true)) {
                break;
            }
            after = found.last().cloned().unwrap_or_default();
        }
        if flows.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self
            .rows(
                "WITH clock AS MATERIALIZED (
                     SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now
                 ), due AS MATERIALIZED (
                     SELECT room.busy, e.flow, e.seq, e.due_at
                     FROM clock, unnest($1::text[], $2::bigint[], $3::bigint[]) AS room (flow, busy, free), LATERAL (
                         SELECT flow, seq, due_at FROM events
                         WHERE flow = room.flow AND ready AND ended_at IS NULL AND due_at <= clock.now
                         ORDER BY due_at, seq LIMIT room.free FOR UPDATE SKIP LOCKED
                     ) AS e
                 ), chosen AS (
                     SELECT seq, due_at, busy + row_number() OVER (PARTITION BY flow ORDER BY due_at, seq) AS rank
                     FROM due ORDER BY 3, 2, 1 LIMIT $4
                 ), taken AS (
                     UPDATE events SET status = 'running', holder = $5, due_at = clock.now + $6
                     FROM chosen, clock WHERE events.seq = chosen.seq
                     RETURNING rank, chosen.due_at AS was_due, chosen.seq, id, flow, came_by, kind, received_at, events.due_at,
                         status, failures, error, holder, ended_at, part IS NOT NULL AS in_part, content,
                         EXISTS (SELECT 1 FROM runs WHERE runs.id = events.id) AS begun
                 )
                 SELECT id, flow, came_by, kind, received_at, due_at, status, failures, error, holder, ended_at, in_part,
                     content, begun
                 FROM taken ORDER BY rank, was_due, seq",
                &[
                    &flows,
                    &busy,
                    &free,
                    &i64::from(wanted.most),
                    &wanted.lease.holder,
                    &time_of(&wanted.lease),
                ],
            )
            .await?;
        let taken = |row| {
            let (row, may_have_begun): (Row, bool) = (whole(row)?, row.try_get(13)?);
            Ok(Row { event: StoredEvent { may_have_begun, ..row.event }, ..row })
        };
        rows.iter().map(taken).collect()
    }

    /// Returns some flows that have events which are due, by their names: from flow to flow, however many events each of them has.
    async fn flows_after(&mut self, after: &str) -> Result<Vec<String>, Failure> {
        let rows = self
            .rows(
                "WITH RECURSIVE flows AS (
                     (SELECT flow FROM events WHERE ended_at IS NULL AND ready AND flow > $1 ORDER BY flow LIMIT 1)
                     UNION ALL
                     SELECT (SELECT e.flow FROM events e WHERE e.ended_at IS NULL AND e.ready AND e.flow > flows.flow
                             ORDER BY e.flow LIMIT 1)
                     FROM flows WHERE flows.flow IS NOT NULL
                 ) SELECT flow FROM flows WHERE flow IS NOT NULL AND EXISTS (
                     SELECT 1 FROM events e WHERE e.flow = flows.flow AND e.ended_at IS NULL AND e.ready
                         AND e.due_at <= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
                 ) LIMIT $2",
                &[&after, &FLOWS],
            )
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Renews the leases of events.
    pub(super) async fn renew_events(&mut self, ids: &[String], lease: &Lease) -> Result<Vec<Standing>, Failure> {
        let rows = self
            .rows(
                "UPDATE events SET due_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $3
                 WHERE id = ANY($1) AND holder = $2 RETURNING id",
                &[&ids, &lease.holder, &time_of(lease)],
            )
            .await?;
        let held = rows.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<String>, _>>()?;
        Ok(ids.iter().map(|id| if held.contains(id) { Standing::Held } else { Standing::Lost }).collect())
    }

    /// Says what came of an event.
    pub(super) async fn settle_event(&mut self, id: &str, lease: &Lease, outcome: &Outcome) -> Result<bool, Failure> {
        let now = lease.now.as_microsecond();
        let (status, wait, ended_at, error, failures) = match outcome {
            Outcome::Done => ("done", 0, Some(now), None, 0_i64),
            Outcome::Retry { at, error } => ("waiting", micros(at.duration_since(lease.now)), None, Some(error), 1),
            Outcome::Dead { error } => ("dead", 0, Some(now), Some(error), 1),
            Outcome::Parked { until } => ("waiting", micros(until.duration_since(lease.now)), None, None, 0),
            Outcome::Released => {
                let sql = "UPDATE events SET status = 'waiting', holder = NULL, due_at = least(received_at, due_at)
                           WHERE id = $1 AND holder = $2";
                return Ok(self.execute(sql, &[&id, &lease.holder]).await? > 0);
            }
        };
        let error = error.map(|error| error.replace('\0', "\u{2400}"));
        self.transact(async |this| {
            let Some(row) = this.row("SELECT flow, part FROM events WHERE id = $1", &[&id]).await? else {
                return Ok(false);
            };
            let (flow, part): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(part) = &part {
                this.lock_parts(&[part]).await?;
            }
            let settled = this
                .execute(
                    "UPDATE events SET status = $3, holder = NULL, ended_at = $5, error = $6, failures = failures + $7,
                         due_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $4
                     WHERE id = $1 AND holder = $2",
                    &[&id, &lease.holder, &status, &wait, &ended_at, &error, &failures],
                )
                .await?;
            if settled > 0
                && ended_at.is_some()
                && let Some(part) = &part
            {
                this.execute(NEXT, &[&flow, part]).await?;
            }
            Ok(settled > 0)
        })
        .await
    }

    /// Finds an event.
    pub(super) async fn find_event(&mut self, id: &str) -> Result<Option<Row>, Failure> {
        let found = self
            .row(
                "SELECT id, flow, came_by, kind, received_at, due_at, status, failures, error, holder, ended_at,
                     part IS NOT NULL, content
                 FROM events WHERE id = $1",
                &[&id],
            )
            .await?;
        found.as_ref().map(whole).transpose()
    }

    /// Lists events, the newest first, without what came with them.
    pub(super) async fn list_events(&mut self, filter: &EventFilter) -> Result<Vec<Row>, Failure> {
        let status = filter.status.map(engine_runtime::EventStatus::as_str);
        let rows = self
            .rows(
                "SELECT id, flow, came_by, kind, received_at, due_at, status, failures, error, holder, ended_at,
                     part IS NOT NULL
                 FROM events WHERE ($1::text IS NULL OR flow = $1) AND ($2::text IS NULL OR status = $2)
                 ORDER BY seq DESC LIMIT $3",
                &[&filter.flow, &status, &i64::from(filter.most)],
            )
            .await?;
        rows.iter().map(columns).collect()
    }

    /// Lists the flows that have events of a kind which have not ended.
    pub(super) async fn open_flows(&mut self, kind: EventKind) -> Result<Vec<String>, Failure> {
        let sql = "SELECT DISTINCT flow FROM events WHERE ended_at IS NULL AND kind = $1 ORDER BY flow";
        self.rows(sql, &[&kind.as_str()]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Counts the events that are not done.
    pub(super) async fn count_events(&mut self) -> Result<Vec<EventCount>, Failure> {
        let rows = self
            .rows(
                "SELECT flow, status, count(*), min(received_at) FROM events WHERE ended_at IS NULL GROUP BY flow, status
                 UNION ALL
                 SELECT flow, status, count(*), min(received_at) FROM events WHERE ended_at IS NOT NULL AND status = 'dead'
                 GROUP BY flow, status
                 ORDER BY 1, 2",
                &[],
            )
            .await?;
        let counted = |row: &SqlRow| {
            let (status, count, oldest): (String, i64, i64) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            Ok(EventCount {
                flow: row.try_get(0)?,
                status: event::status(&status).map_err(|why| damaged(&why))?,
                count: u64::try_from(count).unwrap_or(0),
                oldest: Timestamp::from_microsecond(oldest).map_err(|_| damaged(&format!("{oldest} is not a time")))?,
            })
        };
        rows.iter().map(counted).collect()
    }

    /// Forgets some events that were done before a time, and keys whose time is over; returns how many events, and whether there are more.
    pub(super) async fn forget_events(&mut self, before: Timestamp, now: Timestamp) -> Result<(u64, bool), Failure> {
        let events = self
            .execute(
                "DELETE FROM events WHERE seq IN (SELECT seq FROM events
                 WHERE status = 'done' AND ended_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
                &[&before.as_microsecond(), &FORGOTTEN],
            )
            .await?;
        let keys = self
            .execute(
                "DELETE FROM event_keys WHERE key IN
                 (SELECT key FROM event_keys WHERE until <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
                &[&now.as_microsecond(), &FORGOTTEN],
            )
            .await?;
        Ok((events, events.max(keys) == FORGOTTEN.unsigned_abs()))
    }

    /// Forgets an event that nobody holds and that is not done.
    pub(super) async fn drop_event(&mut self, id: &str) -> Result<bool, Failure> {
        self.transact(async |this| {
            let Some(row) = this.row("SELECT flow, part FROM events WHERE id = $1", &[&id]).await? else {
                return Ok(false);
            };
            let (flow, part) = (row.try_get::<_, String>(0)?, row.try_get::<_, Option<String>>(1)?);
            if let Some(part) = &part {
                this.lock_parts(&[part]).await?;
            }
            let sql = "DELETE FROM events WHERE id = $1 AND status IN ('dead', 'waiting')";
            let dropped = this.execute(sql, &[&id]).await?;
            if let Some(part) = part.filter(|_| dropped > 0) {
                this.execute(NEXT, &[&flow, &part]).await?;
            }
            Ok(dropped > 0)
        })
        .await
    }

    /// Lists who holds events.
    pub(super) async fn event_holders(&mut self) -> Result<Vec<String>, Failure> {
        let sql = "SELECT DISTINCT holder FROM events WHERE holder IS NOT NULL ORDER BY holder";
        self.rows(sql, &[]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Lets an event be due.
    pub(super) async fn wake_event(&mut self, id: &str) -> Result<bool, Failure> {
        let sql = "UPDATE events SET due_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
                   WHERE id = $1 AND status = 'waiting'
                       AND due_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        Ok(self.execute(sql, &[&id]).await? > 0)
    }

    /// Lets an event be due again that was given up.
    pub(super) async fn revive_event(&mut self, id: &str) -> Result<bool, Failure> {
        self.transact(async |this| {
            let Some(row) = this.row("SELECT part FROM events WHERE id = $1", &[&id]).await? else {
                return Ok(false);
            };
            if let Some(part) = row.try_get::<_, Option<String>>(0)? {
                this.lock_parts(&[&part]).await?;
            }
            // One of its partition may run by now: then it is the next.
            let sql = "UPDATE events SET status = 'waiting', ended_at = NULL, error = NULL, failures = 0,
                           due_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
                           ready = part IS NULL OR NOT EXISTS (SELECT 1 FROM events e
                               WHERE e.flow = events.flow AND e.part = events.part AND e.ended_at IS NULL)
                       WHERE id = $1 AND status = 'dead'";
            Ok(this.execute(sql, &[&id]).await? > 0)
        })
        .await
    }

    /// Gives back all that a holder held.
    pub(super) async fn orphan_events(&mut self, holder: &str) -> Result<u64, Failure> {
        let sql = "UPDATE events SET status = 'waiting', holder = NULL, due_at = least(received_at, due_at)
                   WHERE holder = $1";
        self.execute(sql, &[&holder]).await
    }
}

/// Lets the next event of a partition be taken, after one that has ended or is gone.
const NEXT: &str = "UPDATE events SET ready = true WHERE seq = (SELECT seq FROM events
                    WHERE flow = $1 AND part = $2 AND ended_at IS NULL ORDER BY seq LIMIT 1)";

/// Returns how long a lease is, in microseconds.
fn time_of(lease: &Lease) -> i64 {
    i64::try_from(lease.time.as_micros()).unwrap_or(i64::MAX / 2)
}

/// Returns how long something is in microseconds, nothing where it was before.
fn micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2).clamp(0, i64::MAX / 2)
}

/// Reads an event with its content.
fn whole(row: &SqlRow) -> Result<Row, Failure> {
    Ok(Row { content: row.try_get(12)?, ..columns(row)? })
}

fn columns(row: &SqlRow) -> Result<Row, Failure> {
    let columns = Columns {
        id: row.try_get(0)?,
        flow: row.try_get(1)?,
        trigger: row.try_get(2)?,
        kind: row.try_get(3)?,
        received_at: row.try_get(4)?,
        due_at: row.try_get(5)?,
        status: row.try_get(6)?,
        failures: row.try_get(7)?,
        error: row.try_get(8)?,
        holder: row.try_get(9)?,
        ended_at: row.try_get(10)?,
    };
    let event = columns.read().map_err(|why| damaged(&why))?;
    Ok(Row { event, is_partitioned: row.try_get(11)?, content: Vec::new() })
}
