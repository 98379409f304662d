//! Reads all orders and upserts them into a table of `SQLite`: a page is a transaction, as durable as the engine's.

use std::path::Path;

use reqwest::Client;
use rusqlite::{Connection, params};

use super::{BaselineError, Page, PathOrder};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, number TEXT, state TEXT, ordered_at TEXT, customer TEXT, email TEXT, city TEXT, total TEXT, sku TEXT)";

const UPSERT: &str = "INSERT INTO orders (id, number, state, ordered_at, customer, email, city, total, sku)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (id) DO UPDATE SET number = excluded.number, state = excluded.state, ordered_at = excluded.ordered_at,
    customer = excluded.customer, email = excluded.email, city = excluded.city, total = excluded.total, sku = excluded.sku";

pub(super) async fn run(mut url: String, database: &Path) -> Result<(), BaselineError> {
    let mut connection = Connection::open(database)?;
    connection.query_row("PRAGMA journal_mode = wal", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(TABLE)?;
    let client = Client::builder().build()?;
    loop {
        let page = client.get(&url).send().await?.error_for_status()?.bytes().await?;
        match write(&mut connection, &page)? {
            Some(next) => url = next,
            None => return Ok(()),
        }
    }
}

fn write(connection: &mut Connection, body: &[u8]) -> Result<Option<String>, BaselineError> {
    let page: Page<'_, PathOrder<'_>> = serde_json::from_slice(body)?;
    let transaction = connection.transaction()?;
    {
        let mut upsert = transaction.prepare_cached(UPSERT)?;
        for order in &page.data {
            upsert.execute(params![
                i64::try_from(order.id).unwrap_or(i64::MAX),
                order.number,
                order.status,
                order.created_at,
                order.customer.last_name,
                order.customer.email,
                order.shipping.city,
                order.total,
                order.lines.first().map(|line| &*line.sku),
            ])?;
        }
    }
    transaction.commit()?;
    Ok(page.next.map(std::borrow::Cow::into_owned))
}
