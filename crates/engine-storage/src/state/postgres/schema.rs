//! The tables of a state, and how those of an older engine become those of this one.

use tokio_postgres::Client;

use crate::identifier::quoted;
use crate::postgres::{Failure, LOCKS, Trouble};

/// The fact that tells which version the tables have.
const VERSION: &str = "tables";

/// What brings the tables from each version to the next. A step is never changed once it was released: one more is added.
///
/// Keys, names and labels are compared byte by byte, whatever the database does with texts.
const STEPS: &[&str] = &[
    "
    CREATE TABLE facts (
        name text COLLATE \"C\" PRIMARY KEY,
        value text NOT NULL
    );
    CREATE TABLE kept (
        kind text COLLATE \"C\" NOT NULL,
        key text COLLATE \"C\" NOT NULL,
        label text COLLATE \"C\" NOT NULL,
        value bytea NOT NULL,
        saved_at text NOT NULL,
        PRIMARY KEY (kind, key)
    );
    CREATE TABLE locks (
        name text COLLATE \"C\" PRIMARY KEY,
        owner text NOT NULL,
        until bigint NOT NULL -- microseconds since 1970, as all times here
    );
    CREATE TABLE runs (
        id text COLLATE \"C\" PRIMARY KEY,
        flow text COLLATE \"C\" NOT NULL,
        spec text NOT NULL,
        plan text NOT NULL,
        given text NOT NULL,
        inputs bytea NOT NULL, -- sealed
        status text NOT NULL,
        started_at bigint NOT NULL,
        ended_at bigint,
        error text,
        holder text,
        held_until bigint NOT NULL,
        cancelled boolean NOT NULL
    );
    CREATE INDEX runs_of_flows ON runs (flow, started_at);
    CREATE TABLE journal (
        run text COLLATE \"C\" NOT NULL REFERENCES runs ON DELETE CASCADE,
        number bigint NOT NULL,
        body bytea NOT NULL, -- sealed
        PRIMARY KEY (run, number)
    );
    CREATE TABLE snapshots (
        run text COLLATE \"C\" PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
        next bigint NOT NULL, -- the first chunk of the journal that is not in it
        body bytea NOT NULL -- sealed
    );
    CREATE TABLE acks (
        run text COLLATE \"C\" NOT NULL REFERENCES runs ON DELETE CASCADE,
        key text COLLATE \"C\" NOT NULL,
        page text COLLATE \"C\" NOT NULL,
        effect bytea, -- sealed; null where it was intended and no answer is known
        PRIMARY KEY (run, key)
    );
    CREATE INDEX acks_of_pages ON acks (run, page);
    CREATE TABLE records (
        run text COLLATE \"C\" NOT NULL REFERENCES runs ON DELETE CASCADE,
        step text COLLATE \"C\" NOT NULL,
        number bigint NOT NULL,
        body bytea NOT NULL, -- sealed
        PRIMARY KEY (run, step, number)
    );
",
    "
    ALTER TABLE runs ADD COLUMN started_by bytea; -- sealed
",
    "
    CREATE TABLE events (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id text COLLATE \"C\" NOT NULL UNIQUE,
        flow text COLLATE \"C\" NOT NULL,
        came_by text NOT NULL,
        kind text NOT NULL,
        part text COLLATE \"C\", -- what its partition is known by
        ready boolean NOT NULL, -- whether none of its partition is before it
        received_at bigint NOT NULL,
        due_at bigint NOT NULL, -- by the clock of the server; of one that is held, when its lease is over
        status text COLLATE \"C\" NOT NULL,
        failures bigint NOT NULL,
        error text,
        holder text COLLATE \"C\",
        ended_at bigint,
        content bytea NOT NULL -- sealed
    );
    CREATE INDEX events_due ON events (flow, due_at, seq) WHERE ended_at IS NULL AND ready;
    CREATE INDEX events_of_parts ON events (flow, part, seq) WHERE ended_at IS NULL AND part IS NOT NULL;
    CREATE INDEX events_open ON events (kind, flow, status, received_at) WHERE ended_at IS NULL;
    CREATE INDEX events_ended ON events (status, ended_at) WHERE ended_at IS NOT NULL;
    CREATE INDEX events_held ON events (holder) WHERE holder IS NOT NULL;
    CREATE TABLE event_keys (
        key text COLLATE \"C\" PRIMARY KEY,
        event text NOT NULL,
        until bigint NOT NULL
    );
    CREATE INDEX event_keys_over ON event_keys (until);
",
    "
    CREATE TABLE requests (
        run text COLLATE \"C\" NOT NULL REFERENCES runs ON DELETE CASCADE,
        number bigint NOT NULL, -- that of the last of them
        body bytea NOT NULL, -- sealed
        PRIMARY KEY (run, number)
    );
",
    "
    ALTER TABLE runs ADD COLUMN steps text; -- what became of each, as JSON
",
];

/// Tells whether the tables of this version are there; those of another version, or of something else, are an error.
pub(super) async fn is_made(client: &Client, schema: &str) -> Result<bool, Failure> {
    match version(client, schema).await? {
        None => Ok(false),
        Some(version) if version > STEPS.len() => Err(Trouble::new(format!(
            "the state in schema `{schema}` was made by a newer engine (version {version} of its tables, this one knows {})",
            STEPS.len()
        ))
        .help("use that engine, or another schema: `--state postgres://…?schema=NAME`")
        .into()),
        Some(version) => Ok(version == STEPS.len()),
    }
}

/// Brings the tables to this engine's version, within a transaction; who comes second finds it done.
pub(super) async fn migrate(client: &Client, schema: &str) -> Result<(), Failure> {
    client.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCKS, &schema]).await?;
    if is_made(client, schema).await? {
        return Ok(());
    }
    if client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1::text", &[&schema]).await?.is_none() {
        client.batch_execute(&format!("CREATE SCHEMA {}", quoted(schema))).await?;
    }
    let done = version(client, schema).await?.unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        client.batch_execute(step).await?;
    }
    client
        .execute(
            "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &[&VERSION, &STEPS.len().to_string()],
        )
        .await?;
    Ok(())
}

async fn version(client: &Client, schema: &str) -> Result<Option<usize>, Failure> {
    let tables = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname = $1::text AND c.relkind = 'r'";
    let rows = client.query(tables, &[&schema]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let names = rows.iter().map(|row| row.try_get::<_, String>(0)).collect::<Result<Vec<_>, _>>()?;
    let found = if ["facts", "kept", "locks"].iter().all(|name| names.iter().any(|known| known == name)) {
        client.query_opt("SELECT value FROM facts WHERE name = $1", &[&VERSION]).await?
    } else {
        None
    };
    let version = found.map(|row| row.try_get::<_, String>(0)).transpose()?.and_then(|text| text.parse().ok());
    match version {
        Some(version) => Ok(Some(version)),
        None => {
            Err(Trouble::new(format!("the schema `{schema}` has tables of something else, not a state of the engine"))
                .help("name another schema: `--state postgres://…?schema=NAME`")
                .into())
        }
    }
}
