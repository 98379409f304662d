//! A shop as it answers when all is well: pages of orders, in every way of turning them, and orders that are made.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::reply::Reply;
use crate::received::Received;

/// How many orders a page has.
pub(crate) const SIZE: u64 = 3;
/// How many pages there are.
pub(crate) const PAGES: u64 = 4;

/// A request, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) received: &'a Received,
    /// The number of the page that it asks for, or of the order that it makes.
    pub(crate) page: u64,
    /// How often this page was asked for, this time included.
    pub(crate) attempt: u64,
    /// Where this server is.
    pub(crate) here: &'a str,
    /// Where another one is.
    pub(crate) other: &'a str,
    pub(crate) book: &'a Book,
}

/// The orders that were made.
#[derive(Debug, Default)]
pub(crate) struct Book {
    made: Mutex<Vec<u64>>,
    /// What was answered for a key.
    keys: Mutex<BTreeMap<String, u64>>,
}

impl Asked<'_> {
    /// Answers as a good server does.
    pub(crate) fn good(&self) -> Reply {
        if self.received.method != "GET" {
            return Reply::json(201, self.make());
        }
        let next = format!("<{}/orders?at={}>; rel=\"next\"", self.here, self.page + 1);
        let link: &[(&str, &str)] = if self.page < PAGES { &[("Link", &next)] } else { &[] };
        Reply::answer(200, link, self.body())
    }

    /// Returns the body of the page that is asked for.
    pub(crate) fn body(&self) -> String {
        body(self.page)
    }

    /// Makes the order, unless its key says that it was made already; returns the answer's body.
    pub(crate) fn make(&self) -> String {
        let key = self.received.header("idempotency-key").map(str::to_owned);
        let is_new = key.is_none_or(|key| lock(&self.book.keys).insert(key, self.page).is_none());
        if is_new {
            lock(&self.book.made).push(self.page);
        }
        format!("{{\"id\": {}}}", self.page)
    }
}

impl Book {
    /// Returns the orders that were made, in their order.
    pub(crate) fn made(&self) -> Vec<u64> {
        lock(&self.made).clone()
    }
}

/// Returns the number of the page or order that a request is about.
pub(crate) fn number(received: &Received) -> u64 {
    if !received.body.is_empty() {
        let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap_or_default();
        return body.get("id").and_then(serde_json::Value::as_u64).unwrap_or_default();
    }
    let (_, query) = received.target.split_once('?').unwrap_or_default();
    let value = |name: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let parsed = |name: &str| value(name).and_then(|text| text.trim_start_matches('c').parse::<u64>().ok());
    let offset = parsed("offset").map(|offset| offset / SIZE + 1);
    parsed("page").or_else(|| parsed("at")).or_else(|| parsed("cursor")).or(offset).unwrap_or(1)
}

/// Returns the orders of a page.
pub(crate) fn ids(page: u64) -> Vec<u64> {
    if page > PAGES { Vec::new() } else { (1..=SIZE).map(|at| page * 10 + at).collect() }
}

/// Returns the orders of a page as lines of JSON.
pub(crate) fn lines(page: u64) -> String {
    ids(page).iter().map(|id| format!("{{\"id\": {id}}}\n")).collect::<Vec<_>>().concat()
}

/// Returns the orders of a page as a list of JSON.
pub(crate) fn list(page: u64) -> String {
    let orders: Vec<String> = ids(page).iter().map(|id| format!("{{\"id\": {id}}}")).collect();
    format!("[{}]", orders.join(", "))
}

/// Returns the body of a page.
pub(crate) fn body(page: u64) -> String {
    body_with(page, &list(page), &(SIZE * PAGES).to_string())
}

/// Returns the body of a page with these orders and this total.
pub(crate) fn body_with(page: u64, orders: &str, total: &str) -> String {
    let next = page + 1;
    let (cursor, url) = if page < PAGES {
        (format!("\"c{next}\""), format!("\"/orders?at={next}\""))
    } else {
        ("null".to_owned(), "null".to_owned())
    };
    format!("{{\"orders\": {orders}, \"total\": {total}, \"pages\": {PAGES}, \"cursor\": {cursor}, \"next\": {url}}}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
