//! The events of a state, as SQL. Knows nothing of encryption.
//!
//! An event that is held is due again when its lease is over: so one index, of what has not ended, is enough for who takes events and for who
//! counts them.

use engine_runtime::{
    EventCount, EventFilter, EventKind, EventStatus, Lease, Outcome, Put, Standing, StateError, StoredEvent, Wanted,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::database::{Database, damaged, failed, keep_mark};
use super::event::{self, Columns, Line, Pending, Row};
use super::event_keeper::EventKeeper;

/// The columns of an event, in the order in which [`columns`] takes them.
const COLUMNS: &str =
    "id, flow, came_by, kind, received_at, due_at, status, failures, error, holder, ended_at, part IS NOT NULL";

const COUNT: &str =
    "SELECT flow, status, count(*), min(received_at) FROM events WHERE ended_at IS NULL GROUP BY flow, status
     UNION ALL
     SELECT flow, status, count(*), min(received_at) FROM events WHERE ended_at IS NOT NULL AND status = 'dead'
     GROUP BY flow, status
     ORDER BY 1, 2";

const NEXT_FLOW: &str = "SELECT flow FROM events WHERE ended_at IS NULL AND flow > ?1 ORDER BY flow LIMIT 1";

const DUE: &str = "SELECT due_at, seq FROM events WHERE ended_at IS NULL AND flow = ?1 AND status = ?2 AND ready = 1
     AND due_at <= ?3 ORDER BY due_at, seq LIMIT ?4";

/// How many events are forgotten at once.
const FORGOTTEN: u32 = 500;

impl Database {
    /// Keeps the events of all who wait, in one commit, and gathers who that is; `mark` tells with which key they are sealed.
    pub(super) fn put_events(
        &mut self,
        line: &Line,
        batch: &mut Vec<Pending>,
        mark: &str,
    ) -> Result<Vec<Put>, StateError> {
        let put = self.write(true, |connection| {
            keep_mark(connection, mark)?;
            let mut keeper = EventKeeper::new(connection)?;
            let mut put = Vec::new();
            loop {
                let before = batch.len();
                if !line.take(batch) {
                    return Ok(put);
                }
                for event in batch.iter().skip(before).flat_map(|pending| &pending.events) {
                    put.push(keeper.keep(event)?);
                }
            }
        });
        put.map_err(|error| failed(self.path(), &error))
    }

    /// Takes events that are due.
    pub(super) fn take_events(&mut self, wanted: &Wanted) -> Result<Vec<Row>, StateError> {
        // Whoever finds nothing writes nothing.
        let found = chosen(self.connection(), wanted).map_err(|error| failed(self.path(), &error))?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let taken = self.write(false, |connection| {
            let mut taken = Vec::new();
            for number in chosen(connection, wanted)? {
                let mut take = connection.prepare_cached(&format!(
                    "UPDATE events SET status = 'running', holder = ?2, due_at = ?3 WHERE seq = ?1
                     RETURNING {COLUMNS}, content, EXISTS (SELECT 1 FROM runs WHERE runs.id = events.id)"
                ))?;
                let until = wanted.lease.until().as_microsecond();
                taken.push(take.query_row(params![number, wanted.lease.holder, until], taken_row)?);
            }
            Ok(taken)
        });
        let taken = taken.map_err(|error| failed(self.path(), &error))?;
        taken.into_iter().map(|row| row.map_err(|why| damaged(self.path(), &why))).collect()
    }

    /// Renews the leases of events.
    pub(super) fn renew_events(&mut self, ids: &[String], lease: &Lease) -> Result<Vec<Standing>, StateError> {
        let renewed = self.write(false, |connection| {
            let mut renew = connection.prepare_cached("UPDATE events SET due_at = ?3 WHERE id = ?1 AND holder = ?2")?;
            let until = lease.until().as_microsecond();
            ids.iter()
                .map(|id| match renew.execute(params![id, lease.holder, until])? {
                    0 => Ok(Standing::Lost),
                    _ => Ok(Standing::Held),
                })
                .collect()
        });
        renewed.map_err(|error| failed(self.path(), &error))
    }

    /// Says what came of an event.
    pub(super) fn settle_event(&mut self, id: &str, lease: &Lease, outcome: &Outcome) -> Result<bool, StateError> {
        let settled = self.write(false, |connection| settle(connection, id, lease, outcome));
        settled.map_err(|error| failed(self.path(), &error))
    }

    /// Finds an event.
    pub(super) fn find_event(&mut self, id: &str) -> Result<Option<Row>, StateError> {
        let found = self
            .connection()
            .prepare_cached(&format!("SELECT {COLUMNS}, content FROM events WHERE id = ?1"))
            .and_then(|mut statement| statement.query_row([id], whole).optional());
        let found = found.map_err(|error| failed(self.path(), &error))?;
        found.transpose().map_err(|why| damaged(self.path(), &why))
    }

    /// Lists events, the newest first, without what came with them.
    pub(super) fn list_events(&mut self, filter: &EventFilter) -> Result<Vec<Row>, StateError> {
        let list = |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM events WHERE (?1 IS NULL OR flow = ?1) AND (?2 IS NULL OR status = ?2)
                 ORDER BY seq DESC LIMIT ?3"
            ))?;
            let status = filter.status.map(engine_runtime::EventStatus::as_str);
            let rows = statement.query_map(params![filter.flow, status, filter.most], columns)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = list(self.connection()).map_err(|error| failed(self.path(), &error))?;
        rows.into_iter().map(|row| row.map_err(|why| damaged(self.path(), &why))).collect()
    }

    /// Lists the flows that have events of a kind which have not ended.
    pub(super) fn open_flows(&mut self, kind: EventKind) -> Result<Vec<String>, StateError> {
        let list = |connection: &Connection| {
            // The kind is written out: there is an index of what schedules start, and it is found by nothing else.
            let mut statement = connection.prepare_cached(&format!(
                "SELECT DISTINCT flow FROM events WHERE ended_at IS NULL AND kind = '{}' ORDER BY flow",
                kind.as_str()
            ))?;
            statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<_>>>()
        };
        list(self.connection()).map_err(|error| failed(self.path(), &error))
    }

    /// Counts the events that are not done.
    pub(super) fn count_events(&mut self) -> Result<Vec<EventCount>, StateError> {
        let count = |connection: &Connection| {
            let mut statement = connection.prepare_cached(COUNT)?;
            let rows = statement.query_map([], |row| {
                let (flow, status): (String, String) = (row.get(0)?, row.get(1)?);
                Ok((flow, status, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = count(self.connection()).map_err(|error| failed(self.path(), &error))?;
        let counted = |(flow, status, count, oldest): (String, String, i64, i64)| {
            let oldest = Timestamp::from_microsecond(oldest).map_err(|_| format!("{oldest} is not a time"))?;
            let count = u64::try_from(count).unwrap_or(0);
            Ok(EventCount { flow, status: event::status(&status)?, count, oldest })
        };
        rows.into_iter().map(counted).collect::<Result<_, String>>().map_err(|why| damaged(self.path(), &why))
    }

    /// Forgets some events that were done before a time, and keys whose time is over; returns how many events, and whether there are more.
    pub(super) fn forget_events(&mut self, before: Timestamp, now: Timestamp) -> Result<(u64, bool), StateError> {
        let forgotten = self.write(false, |connection| {
            let events = connection.execute(
                "DELETE FROM events WHERE seq IN
                 (SELECT seq FROM events WHERE status = 'done' AND ended_at < ?1 LIMIT ?2)",
                params![before.as_microsecond(), FORGOTTEN],
            )?;
            let keys = connection.execute(
                "DELETE FROM event_keys WHERE key IN (SELECT key FROM event_keys WHERE until <= ?1 LIMIT ?2)",
                params![now.as_microsecond(), FORGOTTEN],
            )?;
            Ok((events as u64, events.max(keys) == FORGOTTEN as usize))
        });
        forgotten.map_err(|error| failed(self.path(), &error))
    }

    /// Forgets an event that nobody holds and that is not done.
    pub(super) fn drop_event(&mut self, id: &str) -> Result<bool, StateError> {
        let dropped = self.write(true, |connection| {
            let dropped: Option<(String, Option<String>)> = connection
                .prepare_cached(
                    "DELETE FROM events WHERE id = ?1 AND status IN ('dead', 'waiting') RETURNING flow, part",
                )?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((flow, part)) = dropped else { return Ok(false) };
            if let Some(part) = part {
                ready_next(connection, &flow, &part)?;
            }
            Ok(true)
        });
        dropped.map_err(|error| failed(self.path(), &error))
    }

    /// Lists who holds events.
    pub(super) fn event_holders(&mut self) -> Result<Vec<String>, StateError> {
        let list = |connection: &Connection| {
            let mut statement = connection
                .prepare_cached("SELECT DISTINCT holder FROM events WHERE holder IS NOT NULL ORDER BY holder")?;
            statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<_>>>()
        };
        list(self.connection()).map_err(|error| failed(self.path(), &error))
    }

    /// Gives back all that a holder held.
    pub(super) fn orphan_events(&mut self, holder: &str, now: Timestamp) -> Result<u64, StateError> {
        let given_back = self.write(true, |connection| {
            connection.execute(
                "UPDATE events SET status = 'waiting', holder = NULL, due_at = min(received_at, ?2) WHERE holder = ?1",
                params![holder, now.as_microsecond()],
            )
        });
        given_back.map(|count| count as u64).map_err(|error| failed(self.path(), &error))
    }
}

impl Database {
    /// Lets an event be due.
    pub(super) fn wake_event(&mut self, id: &str, now: Timestamp) -> Result<bool, StateError> {
        let woken = self.write(true, |connection| {
            connection
                .prepare_cached("UPDATE events SET due_at = ?2 WHERE id = ?1 AND status = 'waiting' AND due_at > ?2")?
                .execute(params![id, now.as_microsecond()])
        });
        woken.map(|count| count > 0).map_err(|error| failed(self.path(), &error))
    }

    /// Lets an event be due again that was given up.
    pub(super) fn revive_event(&mut self, id: &str, now: Timestamp) -> Result<bool, StateError> {
        let revived = self.write(true, |connection| {
            // One of its partition may run by now: then it is the next.
            connection
                .prepare_cached(
                    "UPDATE events SET status = 'waiting', due_at = ?2, ended_at = NULL, error = NULL, failures = 0,
                         ready = part IS NULL OR NOT EXISTS (SELECT 1 FROM events e
                             WHERE e.flow = events.flow AND e.part = events.part AND e.ended_at IS NULL)
                     WHERE id = ?1 AND status = 'dead'",
                )?
                .execute(params![id, now.as_microsecond()])
        });
        revived.map(|count| count > 0).map_err(|error| failed(self.path(), &error))
    }
}

/// Returns which events are to be taken: those of flows that have fewer under way first, then the oldest.
fn chosen(connection: &Connection, wanted: &Wanted) -> rusqlite::Result<Vec<i64>> {
    // From flow to flow, however many events each of them has.
    let (mut next, mut due) = (connection.prepare_cached(NEXT_FLOW)?, connection.prepare_cached(DUE)?);
    let mut chosen: Vec<(u32, i64, i64)> = Vec::new();
    // As many as are wanted of flows that have none under way: none can come before those.
    let mut first = 0;
    let (mut last, mut has_turned) = (wanted.after.clone(), false);
    while first < wanted.most {
        let Some(flow) = next.query_row([&last], |row| row.get::<_, String>(0)).optional()? else {
            if std::mem::replace(&mut has_turned, true) || wanted.after.is_empty() {
                break;
            }
            last = String::new();
            continue;
        };
        if has_turned && flow > wanted.after {
            break;
        }
        if let Some((busy, free)) = wanted.room(&flow) {
            let mut found: Vec<(i64, i64)> = Vec::new();
            // What nobody holds, and what is held by a lease that is over.
            for status in [EventStatus::Waiting, EventStatus::Running] {
                let asked = params![flow, status.as_str(), wanted.lease.now.as_microsecond(), free];
                let rows = due.query_map(asked, |row| Ok((row.get(0)?, row.get(1)?)))?;
                found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
            }
            found.sort_unstable();
            found.truncate(free as usize);
            for ((due_at, number), rank) in found.into_iter().zip(busy..) {
                chosen.push((rank, due_at, number));
                first += u32::from(rank == 0);
            }
        }
        last = flow;
    }
    chosen.sort_unstable();
    chosen.truncate(wanted.most as usize);
    Ok(chosen.into_iter().map(|(_, _, number)| number).collect())
}

fn settle(connection: &Connection, id: &str, lease: &Lease, outcome: &Outcome) -> rusqlite::Result<bool> {
    let now = lease.now.as_microsecond();
    let (status, due_at, ended_at, error, failures) = match outcome {
        Outcome::Done => ("done", None, Some(now), None, 0),
        Outcome::Retry { at, error } => ("waiting", Some(at.as_microsecond()), None, Some(error), 1),
        Outcome::Dead { error } => ("dead", None, Some(now), Some(error), 1),
        Outcome::Parked { until } => ("waiting", Some(until.as_microsecond()), None, None, 0),
        Outcome::Released => {
            let released = connection
                .prepare_cached(
                    "UPDATE events SET status = 'waiting', holder = NULL, due_at = min(received_at, ?3)
                     WHERE id = ?1 AND holder = ?2",
                )?
                .execute(params![id, lease.holder, now])?;
            return Ok(released > 0);
        }
    };
    let settled: Option<(String, Option<String>)> = connection
        .prepare_cached(
            "UPDATE events SET status = ?3, holder = NULL, due_at = coalesce(?4, due_at), ended_at = ?5, error = ?6,
                 failures = failures + ?7
             WHERE id = ?1 AND holder = ?2 RETURNING flow, part",
        )?
        .query_row(params![id, lease.holder, status, due_at, ended_at, error, failures], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((flow, part)) = settled else { return Ok(false) };
    if ended_at.is_some()
        && let Some(part) = part
    {
        ready_next(connection, &flow, &part)?;
    }
    Ok(true)
}

/// Lets the next event of a partition be taken, after one that has ended or is gone.
fn ready_next(connection: &Connection, flow: &str, part: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE events SET ready = 1 WHERE seq =
             (SELECT seq FROM events WHERE flow = ?1 AND part = ?2 AND ended_at IS NULL ORDER BY seq LIMIT 1)",
        )?
        .execute([flow, part])?;
    Ok(())
}

/// Reads an event with its content; says what is wrong with it where it is none.
fn whole(row: &SqlRow<'_>) -> rusqlite::Result<Result<Row, String>> {
    let content = row.get(12)?;
    Ok(columns(row)?.map(|read| Row { content, ..read }))
}

/// Reads an event that was taken.
fn taken_row(row: &SqlRow<'_>) -> rusqlite::Result<Result<Row, String>> {
    let may_have_begun = row.get(13)?;
    Ok(whole(row)?.map(|read| Row { event: StoredEvent { may_have_begun, ..read.event }, ..read }))
}

fn columns(row: &SqlRow<'_>) -> rusqlite::Result<Result<Row, String>> {
    let columns = Columns {
        id: row.get(0)?,
        flow: row.get(1)?,
        trigger: row.get(2)?,
        kind: row.get(3)?,
        received_at: row.get(4)?,
        due_at: row.get(5)?,
        status: row.get(6)?,
        failures: row.get(7)?,
        error: row.get(8)?,
        holder: row.get(9)?,
        ended_at: row.get(10)?,
    };
    let is_partitioned = row.get(11)?;
    Ok(columns.read().map(|event| Row { event, is_partitioned, content: Vec::new() }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::open(&folder.path().join("state.db")).unwrap();
        let mut plan = database.connection().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = plan.raw_query().mapped(|row| row.get(3)).collect::<Result<Vec<String>, _>>().unwrap();
        let read: Vec<_> = lines.iter().filter(|line| line.contains("events")).collect();
        assert_eq!(read, expected, "{lines:#?}");
    }

    #[test]
    fn however_many_events_there_are_only_an_index_is_read() {
        check(
            COUNT,
            &[
                "SCAN events USING COVERING INDEX events_not_ended",
                "SEARCH events USING INDEX events_ended (status=? AND ended_at>?)",
            ],
        );
        check(NEXT_FLOW, &["SEARCH events USING COVERING INDEX events_not_ended (flow>?)"]);
        check(
            DUE,
            &["SEARCH events USING COVERING INDEX events_not_ended (flow=? AND status=? AND ready=? AND due_at<?)"],
        );
    }
}
