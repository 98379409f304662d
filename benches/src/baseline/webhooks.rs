//! Takes signed events over HTTP, and keeps each in a table of `SQLite` before it is answered: those that come together by one commit.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use rusqlite::{Connection, params};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::BaselineError;

/// What the events are signed with.
pub(crate) const SECRET: &str = "it is only a benchmark";

/// The header of the signature.
pub(crate) const SIGNATURE: &str = "x-signature";

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, body BLOB NOT NULL)";

const INSERT: &str = "INSERT INTO events (received_at, body) VALUES (?1, ?2)";

/// An event, and who is told that it is on disk.
struct Came {
    at: i64,
    body: Bytes,
    kept: oneshot::Sender<bool>,
}

/// Serves until it is killed; prints where.
pub(super) fn run(address: &str, database: &Path) -> Result<(), BaselineError> {
    let mut connection = Connection::open(database)?;
    connection.query_row("PRAGMA journal_mode = wal", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(TABLE)?;
    let (sender, events) = channel();
    let writer = std::thread::spawn(move || write(&mut connection, &events));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        let router = Router::new().route("/events", post(take)).with_state(Arc::new(sender));
        axum::serve(listener, router).await
    })?;
    _ = writer.join();
    Ok(())
}

async fn take(State(events): State<Arc<Sender<Came>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let given = headers.get(SIGNATURE).and_then(|value| value.as_bytes().strip_prefix(b"sha256="));
    let Some(given) = given.and_then(unhex) else { return StatusCode::UNAUTHORIZED };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else {
        return StatusCode::INTERNAL_SERVER_ERROR;
    };
    mac.update(&body);
    if mac.verify_slice(&given).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    let (kept, is_kept) = oneshot::channel();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let came = Came { at: i64::try_from(at.as_micros()).unwrap_or(i64::MAX), body, kept };
    if events.send(came).is_ok() && is_kept.await.unwrap_or(false) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// Keeps what has come while the disk was waited for, all by one commit.
fn write(connection: &mut Connection, events: &Receiver<Came>) {
    while let Ok(first) = events.recv() {
        let batch: Vec<Came> = std::iter::once(first).chain(events.try_iter()).collect();
        let is_kept = keep(connection, &batch).is_ok();
        for came in batch {
            // Whoever has gone need not be told.
            _ = came.kept.send(is_kept);
        }
    }
}

fn keep(connection: &mut Connection, batch: &[Came]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached(INSERT)?;
        for came in batch {
            insert.execute(params![came.at, &*came.body])?;
        }
    }
    transaction.commit()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks_exact(2);
    pairs.remainder().is_empty().then_some(())?;
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}
