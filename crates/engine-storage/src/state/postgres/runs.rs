//! The runs of a state and their journals, as SQL. Knows nothing of encryption.
//!
//! Whatever is done here may be done twice: who loses the connection while it is committed does it again.

use engine_runtime::{Entry, Lease, RunEntry, RunRecords, RunRequests, RunStatus, Standing};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::super::runs::{Given, Journaled, Sealed};
use super::database::{Database, damaged};
use crate::postgres::{Failure, Trouble};

impl Database {
    /// Keeps a run that begins, and forgets those of its flow that are done and long past; false where another key is in use.
    pub(super) async fn begin_run(
        &mut self,
        run: &RunEntry,
        given: &Given,
        mark: &str,
        keep: u32,
    ) -> Result<bool, Failure> {
        self.transact(async |this| {
            if !this.keep_mark(mark).await? {
                return Ok(false);
            }
            this.execute(
                "DELETE FROM runs WHERE flow = $1 AND status IN ('ok', 'partial') AND id NOT IN
                 (SELECT id FROM runs WHERE flow = $1 AND status IN ('ok', 'partial') ORDER BY started_at DESC, id DESC LIMIT $2)
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = runs.id AND events.ended_at IS NULL)",
                &[&run.flow, &i64::from(keep)],
            )
            .await?;
            // The same run with the same seal is this very one, which is kept a second time.
            let begun = this
                .execute(
                    "INSERT INTO runs (id, flow, spec, plan, given, inputs, status, started_at, ended_at, error, holder, held_until, cancelled, started_by)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                     ON CONFLICT (id) DO UPDATE SET held_until = excluded.held_until WHERE runs.inputs = excluded.inputs",
                    &[
                        &run.id,
                        &run.flow,
                        &run.spec,
                        &run.plan,
                        &run.given,
                        &given.inputs,
                        &run.status.as_str(),
                        &run.started_at.as_microsecond(),
                        &run.ended_at.map(Timestamp::as_microsecond),
                        &run.error,
                        &run.holder,
                        &run.held_until.as_microsecond(),
                        &run.is_cancelled,
                        &given.trigger,
                    ],
                )
                .await?;
            if begun == 0 {
                return Err(Trouble::new(format!("there is a run `{}` already", run.id)).into());
            }
            Ok(true)
        })
        .await
    }

    /// Takes a run over that nobody works on.
    pub(super) async fn take_run(&mut self, id: &str, from: Option<&str>, lease: &Lease) -> Result<bool, Failure> {
        let taken = self
            .execute(
                "UPDATE runs SET holder = $2, held_until = $4, status = 'running', ended_at = NULL, error = NULL, cancelled = false
                 WHERE id = $1 AND (holder IS NULL OR holder = $2 OR holder = $5 OR held_until <= $3)",
                &[&id, &lease.holder, &lease.now.as_microsecond(), &lease.until().as_microsecond(), &from],
            )
            .await?;
        Ok(taken > 0)
    }

    /// Finds a run, with what it was given as it is sealed.
    pub(super) async fn find_run(&mut self, id: &str) -> Result<Option<(RunEntry, Given)>, Failure> {
        let found = self
            .row(
                "SELECT id, flow, spec, plan, given, status, started_at, ended_at, error, holder, held_until, cancelled, inputs, started_by, steps
                 FROM runs WHERE id = $1",
                &[&id],
            )
            .await?;
        let given = |row: &Row| Ok::<_, Failure>(Given { inputs: row.try_get(12)?, trigger: row.try_get(13)? });
        found.map(|row| Ok((read(&row)?, given(&row)?))).transpose()
    }

    /// Lists runs, the newest first.
    pub(super) async fn list_runs(&mut self, flow: Option<&str>, most: u32) -> Result<Vec<RunEntry>, Failure> {
        let rows = self
            .rows(
                "SELECT id, flow, spec, plan, given, status, started_at, ended_at, error, holder, held_until, cancelled, steps
                 FROM runs WHERE $1::text IS NULL OR flow = $1 ORDER BY started_at DESC, id DESC LIMIT $2",
                &[&flow, &i64::from(most)],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Returns what was journaled of a run.
    pub(super) async fn run_log(&mut self, id: &str) -> Result<Journaled, Failure> {
        self.transact(async |this| {
            // One view of all.
            this.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", &[]).await?;
            let snapshot = this.row("SELECT next, body FROM snapshots WHERE run = $1", &[&id]).await?;
            let snapshot = snapshot.map(|row| Ok::<_, Failure>((row.try_get(0)?, row.try_get(1)?))).transpose()?;
            let chunks = this.rows("SELECT number, body FROM journal WHERE run = $1 ORDER BY number", &[&id]).await?;
            let chunks = chunks.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
            let chunks = chunks.collect::<Result<_, Failure>>()?;
            let acks = this.rows("SELECT key, page, effect FROM acks WHERE run = $1 ORDER BY key", &[&id]).await?;
            let acks = acks.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
            Ok(Journaled { snapshot, chunks, acks: acks.collect::<Result<_, Failure>>()? })
        })
        .await
    }

    /// Returns the records that a step has handed on.
    pub(super) async fn run_records(&mut self, id: &str, step: &str) -> Result<Vec<RunRecords>, Failure> {
        let rows = self
            .rows("SELECT number, body FROM records WHERE run = $1 AND step = $2 ORDER BY number", &[&id, &step])
            .await?;
        let read = |row: Row| {
            Ok(RunRecords { step: step.to_owned(), number: row.try_get(0)?, body: row.try_get(1)?, is_last: false })
        };
        rows.into_iter().map(read).collect()
    }

    /// Returns what a run has asked.
    pub(super) async fn run_requests(&mut self, id: &str) -> Result<Vec<RunRequests>, Failure> {
        let rows = self.rows("SELECT number, body FROM requests WHERE run = $1 ORDER BY number", &[&id]).await?;
        let read = |row: Row| Ok(RunRequests { number: row.try_get(0)?, body: row.try_get(1)?, forgotten: 0 });
        rows.into_iter().map(read).collect()
    }

    /// Keeps what becomes of a run, all or nothing.
    pub(super) async fn commit_run(&mut self, id: &str, lease: &Lease, changes: &Sealed) -> Result<Standing, Failure> {
        self.transact(async |this| {
            // On disk in any case: a chunk of a journal that is lost where a later one is not would be a gap.
            let renew = "UPDATE runs SET held_until = $3 WHERE id = $1 AND holder = $2 RETURNING cancelled";
            let held = this.row(renew, &[&id, &lease.holder, &lease.until().as_microsecond()]).await?;
            let Some(held) = held else { return this.ended(id, lease, changes).await };
            this.change(id, lease, changes).await?;
            Ok(if held.try_get(0)? { Standing::Cancelled } else { Standing::Held })
        })
        .await
    }

    /// Tells how a run stands that nobody holds: it may have ended by this very commit, of which no answer came.
    async fn ended(&mut self, id: &str, lease: &Lease, changes: &Sealed) -> Result<Standing, Failure> {
        let Some((status, _)) = &changes.end else { return Ok(Standing::Lost) };
        let found = self
            .row(
                "SELECT 1 FROM runs WHERE id = $1 AND holder IS NULL AND status = $2 AND ended_at = $3 AND held_until = $4",
                &[&id, &status.as_str(), &lease.now.as_microsecond(), &lease.until().as_microsecond()],
            )
            .await?;
        Ok(if found.is_some() { Standing::Held } else { Standing::Lost })
    }

    async fn change(&mut self, id: &str, lease: &Lease, changes: &Sealed) -> Result<(), Failure> {
        if let Some((number, body)) = &changes.chunk {
            let sql = "INSERT INTO journal (run, number, body) VALUES ($1, $2, $3)
                       ON CONFLICT (run, number) DO UPDATE SET body = excluded.body";
            self.execute(sql, &[&id, number, body]).await?;
        }
        if let Some((next, body)) = &changes.snapshot {
            let sql = "INSERT INTO snapshots (run, next, body) VALUES ($1, $2, $3)
                       ON CONFLICT (run) DO UPDATE SET next = excluded.next, body = excluded.body";
            self.execute(sql, &[&id, next, body]).await?;
            self.execute("DELETE FROM journal WHERE run = $1 AND number < $2", &[&id, next]).await?;
        }
        for (key, page, effect) in &changes.acks {
            let sql = "INSERT INTO acks (run, key, page, effect) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (run, key) DO UPDATE SET page = excluded.page, effect = excluded.effect";
            self.execute(sql, &[&id, key, page, effect]).await?;
        }
        for page in &changes.delivered {
            self.execute("DELETE FROM acks WHERE run = $1 AND page = $2", &[&id, page]).await?;
        }
        for records in &changes.records {
            if records.is_last {
                self.execute("DELETE FROM records WHERE run = $1 AND step = $2", &[&id, &records.step]).await?;
            }
            let sql = "INSERT INTO records (run, step, number, body) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (run, step, number) DO UPDATE SET body = excluded.body";
            self.execute(sql, &[&id, &records.step, &records.number, &records.body]).await?;
        }
        if let Some(RunRequests { number, body, forgotten }) = &changes.requests {
            let sql = "INSERT INTO requests (run, number, body) VALUES ($1, $2, $3)
                       ON CONFLICT (run, number) DO UPDATE SET body = excluded.body";
            self.execute(sql, &[&id, number, body]).await?;
            self.execute("DELETE FROM requests WHERE run = $1 AND number <= $2", &[&id, forgotten]).await?;
        }
        for (kind, key, label, value) in &changes.keep {
            let (key, label, value) = (key.clone(), label.clone(), value.clone());
            self.keep(kind, &Entry { key, label, value, saved_at: lease.now }).await?;
        }
        if let Some((status, error)) = &changes.end {
            let sql = "UPDATE runs SET status = $2, error = $3, ended_at = $4, holder = NULL, steps = $5 WHERE id = $1";
            self.execute(sql, &[&id, &status.as_str(), error, &lease.now.as_microsecond(), &changes.steps]).await?;
            if status.is_done() {
                for sql in [
                    "DELETE FROM journal WHERE run = $1",
                    "DELETE FROM snapshots WHERE run = $1",
                    "DELETE FROM acks WHERE run = $1",
                    "DELETE FROM records WHERE run = $1",
                    "UPDATE runs SET inputs = '', started_by = NULL WHERE id = $1",
                ] {
                    self.execute(sql, &[&id]).await?;
                }
            }
        }
        Ok(())
    }

    /// Asks whoever works on a run to end it.
    pub(super) async fn cancel_run(&mut self, id: &str) -> Result<bool, Failure> {
        let sql = "UPDATE runs SET cancelled = true WHERE id = $1 AND holder IS NOT NULL";
        Ok(self.execute(sql, &[&id]).await? > 0)
    }

    /// Forgets a run.
    pub(super) async fn forget_run(&mut self, id: &str) -> Result<bool, Failure> {
        Ok(self.execute("DELETE FROM runs WHERE id = $1", &[&id]).await? > 0)
    }
}

/// Reads a run without its inputs.
fn read(row: &Row) -> Result<RunEntry, Failure> {
    let time =
        |micros: i64| Timestamp::from_microsecond(micros).map_err(|_| damaged(&format!("{micros} is not a time")));
    let status: String = row.try_get(5)?;
    Ok(RunEntry {
        id: row.try_get(0)?,
        flow: row.try_get(1)?,
        spec: row.try_get(2)?,
        plan: row.try_get(3)?,
        given: row.try_get(4)?,
        inputs: Vec::new(),
        trigger: None,
        status: RunStatus::parse(&status).ok_or_else(|| damaged(&format!("`{status}` is not how a run stands")))?,
        started_at: time(row.try_get(6)?)?,
        ended_at: row.try_get::<_, Option<i64>>(7)?.map(time).transpose()?,
        error: row.try_get(8)?,
        holder: row.try_get(9)?,
        held_until: time(row.try_get(10)?)?,
        is_cancelled: row.try_get(11)?,
        steps: row.try_get("steps")?,
    })
}
