//! A shop on loopback that keeps count: it lists orders page by page, and takes each order that is pushed to it once for each key.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::received::Received;

/// When the shop opened, in seconds since 1970: an order comes each minute from then on.
const OPENED: u64 = 1_767_225_600;

/// The shop.
#[derive(Clone, Debug)]
pub struct Shop {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
}

/// What the shop knows.
#[derive(Debug, Default)]
struct Books {
    /// How many orders there are; their ids count from 1.
    orders: u64,
    page_size: u64,
    /// How long an answer takes.
    takes: Duration,
    /// Each push that came, in order: its key and its order.
    pushes: Vec<(String, u64)>,
    /// The answer to each key.
    answers: HashMap<String, u64>,
    /// How often each order was applied.
    applied: BTreeMap<u64, u64>,
    pages: u64,
}

impl Shop {
    /// Opens a shop without orders.
    pub fn open(page_size: u64, takes: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shop = Self { address, books: Arc::new(Mutex::new(Books { page_size, takes, ..Books::default() })) };
        let open = shop.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shop = open.clone();
                // Whoever was killed leaves its connection broken, which ends the thread.
                thread::spawn(move || shop.serve(stream));
            }
        });
        shop
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns when an order came, in seconds since 1970.
    pub fn time_of(id: u64) -> u64 {
        OPENED + id * 60
    }

    /// Adds orders.
    pub fn order(&self, count: u64) {
        self.books().orders += count;
    }

    /// Returns how many orders there are.
    pub fn orders(&self) -> u64 {
        self.books().orders
    }

    /// Returns how many pages were asked for.
    pub fn pages(&self) -> u64 {
        self.books().pages
    }

    /// Returns the keys and orders of all pushes so far, in order.
    pub fn pushes(&self) -> Vec<(String, u64)> {
        self.books().pushes.clone()
    }

    /// Returns how often each order was applied.
    pub fn applied(&self) -> BTreeMap<u64, u64> {
        self.books().applied.clone()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) {
        _ = stream.set_nodelay(true);
        let Ok(mut writer) = stream.try_clone() else { return };
        let mut reader = BufReader::new(stream);
        while let Ok(Some(request)) = Received::read(&mut reader) {
            thread::sleep(self.books().takes);
            let (status, body) = self.answer(&request);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body.as_bytes())).is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &Received) -> (&'static str, String) {
        let mut books = self.books();
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        let parameter = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        match (request.method(), path) {
            ("GET", "/orders") => {
                books.pages += 1;
                let since = parameter("since").and_then(|text| text.parse().ok()).unwrap_or(0);
                // Both ends of a span belong to it.
                let minute = |name| Some(parameter(name)?.parse::<u64>().ok()?.saturating_sub(OPENED) / 60);
                let before = minute("from").map_or(since, |first| first.saturating_sub(1));
                let orders = minute("to").map_or(books.orders, |last| last.min(books.orders));
                let after: u64 = parameter("cursor").and_then(|text| text.parse().ok()).unwrap_or(before);
                let last = (after + books.page_size).min(orders);
                let page: Vec<String> = (after + 1..=last).map(order).collect();
                let next = if last < orders { format!("\"{last}\"") } else { "null".to_owned() };
                ("200 OK", format!(r#"{{"orders": [{}], "next": {next}}}"#, page.join(", ")))
            }
            ("POST", "/pushes") => {
                let key = request.header("idempotency-key").unwrap_or_default().to_owned();
                let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
                let order = body.get("order").and_then(serde_json::Value::as_u64).unwrap_or(0);
                books.pushes.push((key.clone(), order));
                let number = if let Some(number) = books.answers.get(&key) {
                    *number
                } else {
                    *books.applied.entry(order).or_default() += 1;
                    let number = books.answers.len() as u64 + 1;
                    books.answers.insert(key, number);
                    number
                };
                ("201 Created", format!(r#"{{"number": {number}}}"#))
            }
            _ => ("404 Not Found", "{}".to_owned()),
        }
    }
}

fn order(id: u64) -> String {
    let (customer, at) = (id % 7, Shop::time_of(id));
    format!(r#"{{"id": {id}, "customer": "c{customer}", "total": "{}.50", "at": {at}}}"#, id * 3)
}
