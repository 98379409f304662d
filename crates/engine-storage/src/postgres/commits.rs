//! What a run has written to a database, kept there in the same transaction as the rows: who goes on with the run knows it from that.
//!
//! The table is beside those that are written, and gone when no run needs it.

use engine_runtime::Unit;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use super::failure::Failure;
use super::session::{LOCKS, Session};
use crate::identifier::quoted;

/// The table, which runs of all flows share.
const TABLE: &str = "_engine_commits";

/// How units are kept.
pub(super) struct Keeper(Statement);

impl Keeper {
    /// Prepares it within the transaction that writes their rows: while rows are under way, the server is asked nothing else.
    pub(super) async fn new(session: &mut Session, schema: &str) -> Result<Self, Failure> {
        let table = named(schema);
        if !session.keeps_units {
            session.begin().await?;
            make(session, schema, &table).await?;
            session.keeps_units = true;
        }
        let keep = format!(
            "INSERT INTO {table} (run, step, page, items)
             SELECT unit.run, unit.step, unit.page, unit.items
             FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY
                  AS unit (run, step, page, items, place)
             ORDER BY unit.place"
        );
        Ok(Self(session.statement(&keep).await?))
    }

    /// Keeps units, within a transaction that holds the lock of their run.
    pub(super) async fn keep(&self, client: &Client, units: &[Unit]) -> Result<u64, tokio_postgres::Error> {
        let texts = |text: fn(&Unit) -> &str| units.iter().map(text).collect::<Vec<&str>>();
        let (runs, steps, pages) = (texts(|unit| &unit.run), texts(|unit| &unit.step), texts(|unit| &unit.page));
        let items: Vec<&[u8]> = units.iter().map(|unit| unit.items.as_slice()).collect();
        client.execute(&self.0, &[&runs, &steps, &pages, &items]).await
    }
}

async fn make(session: &mut Session, schema: &str, table: &str) -> Result<(), Failure> {
    if !is_there(session, schema).await? {
        // Of two who make it at once one waits, and finds it made.
        lock(session).await?;
        session
            .client()
            .batch_execute(&format!(
                "CREATE TABLE IF NOT EXISTS {table} (
                    number bigint GENERATED ALWAYS AS IDENTITY,
                    run text NOT NULL,
                    step text NOT NULL,
                    page text NOT NULL,
                    items bytea NOT NULL,
                    at timestamptz NOT NULL DEFAULT now()
                )"
            ))
            .await?;
    }
    Ok(())
}

/// Tells whether units were kept, and so the rows that go with them.
pub(super) async fn are_kept(session: &mut Session, schema: &str, units: &[Unit]) -> Result<bool, Failure> {
    if let Some(unit) = units.first() {
        wait_for_others(session, &unit.run).await?;
    }
    if !is_there(session, schema).await? {
        return Ok(false);
    }
    let sql =
        format!("SELECT 1 FROM {} WHERE run = $1 AND step = $2 AND page = $3 AND items = $4 LIMIT 1", named(schema));
    for unit in units {
        if session.rows(&sql, &[&unit.run, &unit.step, &unit.page, &unit.items]).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the units of a step, within a transaction.
pub(super) async fn of_step(session: &mut Session, schema: &str, run: &str, step: &str) -> Result<Vec<Unit>, Failure> {
    wait_for_others(session, run).await?;
    if !is_there(session, schema).await? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT page, items FROM {} WHERE run = $1 AND step = $2 ORDER BY number", named(schema));
    let rows = session.rows(&sql, &[&run, &step]).await?;
    let unit = |row: tokio_postgres::Row| {
        Ok(Unit { run: run.to_owned(), step: step.to_owned(), page: row.try_get(0)?, items: row.try_get(1)? })
    };
    rows.into_iter().map(unit).collect()
}

/// Forgets the units of a run, and those that nobody has asked for in 90 days; the table goes with the last of them.
///
/// Where runs come again and again it stays, empty: to make it for each of them would let them wait for each other.
pub(super) async fn forget(session: &mut Session, schema: &str, run: &str, stays: bool) -> Result<(), Failure> {
    if !is_there(session, schema).await? {
        return Ok(());
    }
    let table = named(schema);
    let old = format!("DELETE FROM {table} WHERE run = $1 OR at < now() - interval '90 days' RETURNING number");
    let forgotten = match session.rows(&old, &[&run]).await {
        Err(failure) if failure.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(()),
        forgotten => forgotten?,
    };
    let numbers = forgotten.iter().map(|row| row.try_get::<_, i64>(0)).collect::<Result<Vec<_>, _>>()?;
    // The table was not made for this run.
    if stays || numbers.iter().min().is_none_or(|first| *first > 1) {
        return Ok(());
    }
    session.client().batch_execute("BEGIN").await?;
    lock(session).await?;
    let is_there = is_there(session, schema).await?;
    let client = session.client();
    if is_there && is_empty(client, &table).await? {
        // Whoever writes to it just now is waited for, and may have left something in it.
        client.batch_execute(&format!("LOCK TABLE {table}")).await?;
        if is_empty(client, &table).await? {
            client.batch_execute(&format!("DROP TABLE {table}")).await?;
        }
    }
    Ok(client.batch_execute("COMMIT").await?)
}

async fn is_empty(client: &Client, table: &str) -> Result<bool, Failure> {
    Ok(client.query_opt(&format!("SELECT 1 FROM {table} LIMIT 1"), &[]).await?.is_none())
}

/// Waits until nobody is about to commit units of a run, until the end of the transaction.
///
/// A server commits what it was asked to, also where the process that asked was killed since, or its connection was lost.
async fn wait_for_others(session: &mut Session, run: &str) -> Result<(), Failure> {
    session.rows("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCKS, &held(run)]).await?;
    Ok(())
}

/// Names the lock that all hold who write units of a run: whoever asks which there are waits for those that are about to be committed.
pub(super) fn held(run: &str) -> String {
    format!("run {run}")
}

async fn is_there(session: &mut Session, schema: &str) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1::text AND c.relname = $2::text";
    Ok(!session.rows(sql, &[&schema, &TABLE]).await?.is_empty())
}

async fn lock(session: &mut Session) -> Result<(), Failure> {
    session.rows("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCKS, &TABLE]).await?;
    Ok(())
}

fn named(schema: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(TABLE))
}
