//! The program that a careful engineer would write for this one API: reqwest, typed structs that borrow from the
//! page, a buffered writer, one thread. What the engine is measured against.

mod children;
mod upsert;
mod webhooks;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use reqwest::Client;
use rust_decimal::Decimal;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

pub(crate) use children::AT_ONCE;
pub(crate) use webhooks::{SECRET, SIGNATURE};

/// Reads every page from `url` and writes nine fields of each order as a JSON line, or does another work by hand.
#[derive(Clone, Debug, Parser)]
pub struct Baseline {
    /// What to do.
    pub work: Work,
    /// The first page, or the API; the address to listen on, for the work that is asked.
    pub url: String,
    /// The database, for the work that writes one.
    pub database: Option<PathBuf>,
}

/// What is done by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Prints nine members, as they are.
    Paths,
    /// Prints six members, and three that are computed.
    Templates,
    /// Upserts nine members into a table, page by page.
    Upsert,
    /// Reads the children of each parent, 32 at once, and prints them.
    Children,
    /// Takes signed events over HTTP and keeps them, until it is killed.
    Webhooks,
}

/// What the nine fields are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Nine members, as they are.
    Paths,
    /// Six members, and three that are computed: two names joined, an address in lower case, quantity × price.
    Templates,
}

/// Why the baseline stopped.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The server, or the way to it.
    #[error("cannot read a page")]
    Http(#[from] reqwest::Error),
    /// The page, or an order in it.
    #[error("cannot understand a page")]
    Json(#[from] serde_json::Error),
    /// The output.
    #[error("cannot write")]
    Io(#[from] io::Error),
    /// The database.
    #[error("cannot write the table: {0}")]
    Database(#[from] rusqlite::Error),
    /// The command line.
    #[error("name the database")]
    NoDatabase,
    /// A price.
    #[error("a price is not a decimal")]
    Decimal(#[from] rust_decimal::Error),
}

impl Baseline {
    /// Reads, maps and writes until there is no next page.
    pub fn run(self) -> Result<(), BaselineError> {
        if self.work == Work::Webhooks {
            return webhooks::run(&self.url, &self.database.ok_or(BaselineError::NoDatabase)?);
        }
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Not `stdout()` itself: that one looks for line ends in everything.
        let mut out = BufWriter::with_capacity(64 * 1024, File::from(io::stdout().as_fd().try_clone_to_owned()?));
        runtime.block_on(async {
            match self.work {
                Work::Paths => read(self.url, &mut out, paths).await,
                Work::Templates => read(self.url, &mut out, templates).await,
                Work::Upsert => upsert::run(self.url, &self.database.ok_or(BaselineError::NoDatabase)?).await,
                Work::Children => children::run(&self.url, &mut out).await,
                Work::Webhooks => Ok(()),
            }
        })?;
        Ok(out.flush()?)
    }
}

type Out = BufWriter<File>;

async fn read(
    mut url: String,
    out: &mut Out,
    write: impl Fn(&[u8], &mut Out) -> Result<Option<String>, BaselineError>,
) -> Result<(), BaselineError> {
    let client = Client::builder().build()?;
    loop {
        let page = client.get(&url).send().await?.error_for_status()?.bytes().await?;
        match write(&page, out)? {
            Some(next) => url = next,
            None => return Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Page<'a, T> {
    data: Vec<T>,
    #[serde(borrow)]
    next: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Shipping<'a> {
    #[serde(borrow)]
    city: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    sku: Cow<'a, str>,
}

/// The members of an order that are taken as they are.
#[derive(Deserialize)]
struct PathOrder<'a> {
    id: u64,
    #[serde(borrow)]
    number: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    created_at: Cow<'a, str>,
    #[serde(borrow)]
    customer: PathCustomer<'a>,
    #[serde(borrow)]
    shipping: Shipping<'a>,
    #[serde(borrow)]
    total: Cow<'a, str>,
    #[serde(borrow)]
    lines: Vec<Line<'a>>,
}

#[derive(Deserialize)]
struct PathCustomer<'a> {
    #[serde(borrow)]
    last_name: Cow<'a, str>,
    #[serde(borrow)]
    email: Cow<'a, str>,
}

#[derive(Serialize)]
struct PathRow<'a> {
    id: u64,
    number: &'a str,
    state: &'a str,
    ordered_at: &'a str,
    customer: &'a str,
    email: &'a str,
    city: &'a str,
    total: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'a str>,
}

fn paths(body: &[u8], out: &mut Out) -> Result<Option<String>, BaselineError> {
    let page: Page<'_, PathOrder<'_>> = serde_json::from_slice(body)?;
    for order in &page.data {
        let row = PathRow {
            id: order.id,
            number: &order.number,
            state: &order.status,
            ordered_at: &order.created_at,
            customer: &order.customer.last_name,
            email: &order.customer.email,
            city: &order.shipping.city,
            total: &order.total,
            sku: order.lines.first().map(|line| &*line.sku),
        };
        line(&row, out)?;
    }
    Ok(page.next.map(Cow::into_owned))
}

/// The members of an order of which three fields are computed.
#[derive(Deserialize)]
struct TemplateOrder<'a> {
    id: u64,
    #[serde(borrow)]
    number: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    created_at: Cow<'a, str>,
    #[serde(borrow)]
    customer: TemplateCustomer<'a>,
    #[serde(borrow)]
    shipping: Shipping<'a>,
    quantity: u32,
    /// As written, since money does not pass through a binary float.
    #[serde(borrow)]
    unit_price: &'a RawValue,
    #[serde(borrow)]
    lines: Vec<Line<'a>>,
}

#[derive(Deserialize)]
struct TemplateCustomer<'a> {
    #[serde(borrow)]
    first_name: Cow<'a, str>,
    #[serde(borrow)]
    last_name: Cow<'a, str>,
    #[serde(borrow)]
    email: Cow<'a, str>,
}

#[derive(Serialize)]
struct TemplateRow<'a> {
    id: u64,
    number: &'a str,
    state: &'a str,
    ordered_at: &'a str,
    customer: &'a str,
    email: &'a str,
    city: &'a str,
    #[serde(serialize_with = "as_number")]
    total: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'a str>,
}

fn templates(body: &[u8], out: &mut Out) -> Result<Option<String>, BaselineError> {
    let page: Page<'_, TemplateOrder<'_>> = serde_json::from_slice(body)?;
    let mut customer = String::new();
    for order in &page.data {
        customer.clear();
        customer.push_str(&order.customer.first_name);
        customer.push(' ');
        customer.push_str(&order.customer.last_name);
        let row = TemplateRow {
            id: order.id,
            number: &order.number,
            state: &order.status,
            ordered_at: &order.created_at,
            customer: &customer,
            email: &order.customer.email.to_lowercase(),
            city: &order.shipping.city,
            total: Decimal::from(order.quantity) * order.unit_price.get().parse::<Decimal>()?,
            sku: order.lines.first().map(|line| &*line.sku),
        };
        line(&row, out)?;
    }
    Ok(page.next.map(Cow::into_owned))
}

fn line(row: &impl Serialize, out: &mut Out) -> Result<(), BaselineError> {
    serde_json::to_writer(&mut *out, row)?;
    Ok(out.write_all(b"\n")?)
}

fn as_number<S: Serializer>(decimal: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(decimal.to_string()).map_err(S::Error::custom)?.serialize(serializer)
}
