//! What a run has asked its APIs, and how long it took: for people who look at it afterwards.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::RunRequests;
use crate::recorder::RecordedExchange;
use crate::transport::TransportError;

/// How many requests of a run are kept, where nobody says.
pub const KEPT_REQUESTS: u32 = 1000;

/// A request of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// When it was sent.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// The address of the step.
    pub step: String,
    /// Who was asked: an endpoint, `API.ENDPOINT`, or who gives an API's tokens, `API.auth`.
    pub asked: String,
    /// The method.
    pub method: String,
    /// The URL, without secrets.
    pub url: String,
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there is no answer: `timeout`, `connect`, `tls`, `broken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many microseconds it took until the answer was there.
    pub took: u64,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Whether an answer led here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_redirect: bool,
}

impl RequestEntry {
    /// Takes what may be shown of an exchange.
    pub(super) fn of(exchange: &RecordedExchange<'_>) -> Self {
        let (status, error) = match exchange.came {
            Ok(answer) => (Some(answer.status), None),
            Err(error) => (None, Some(error.kind().to_owned())),
        };
        Self {
            at: exchange.sent_at,
            step: exchange.step.to_owned(),
            asked: exchange.asked.to_owned(),
            method: exchange.request.method.to_string(),
            url: exchange.hidden.redact(&exchange.request.shown_url),
            status,
            error,
            took: u64::try_from(exchange.took.as_micros()).unwrap_or(u64::MAX),
            attempt: exchange.attempt,
            is_redirect: exchange.is_redirect,
        }
    }

    /// Returns how long it took.
    pub fn took(&self) -> Duration {
        Duration::from_micros(self.took)
    }
}

/// Reads the requests of a run that a store gives, each with its number from 1, at most so many of the newest.
pub fn read_requests(kept: &[RunRequests], most: u32) -> Vec<(u64, RequestEntry)> {
    let mut all = VecDeque::new();
    for requests in kept {
        let lines: Vec<_> = requests.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let last = u64::try_from(requests.number).unwrap_or_default();
        let first = (last + 1).saturating_sub(lines.len() as u64);
        // What a newer engine has written otherwise is left out.
        let read = lines.into_iter().map(serde_json::from_slice);
        all.extend((first..).zip(read).filter_map(|(number, entry)| Some((number, entry.ok()?))));
    }
    let old = all.len().saturating_sub(most as usize);
    all.into_iter().skip(old).collect()
}

/// What was asked and is not written yet.
#[derive(Default)]
pub(super) struct Requests {
    /// How many are kept.
    most: u32,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// How many there were so far.
    count: i64,
    /// The newest of those that are not written.
    newest: VecDeque<RequestEntry>,
}

impl Requests {
    /// Begins after those that a run has asked before it was taken up again.
    pub(super) fn new(most: u32, asked: i64) -> Self {
        Self { most, waiting: Mutex::new(Waiting { count: asked, newest: VecDeque::new() }) }
    }

    /// Tells whether any are kept.
    pub(super) fn keeps(&self) -> bool {
        self.most > 0
    }

    pub(super) fn add(&self, entry: RequestEntry) {
        let mut waiting = self.waiting();
        waiting.count += 1;
        if waiting.newest.len() >= self.most as usize {
            waiting.newest.pop_front();
        }
        waiting.newest.push_back(entry);
    }

    /// Takes those that are not written yet.
    pub(super) fn take(&self) -> Option<RunRequests> {
        let mut waiting = self.waiting();
        let (count, entries) = (waiting.count, std::mem::take(&mut waiting.newest));
        drop(waiting);
        if entries.is_empty() {
            return None;
        }
        let mut body = Vec::new();
        for entry in entries {
            // An entry is always JSON.
            body.extend(serde_json::to_vec(&entry).unwrap_or_default());
            body.push(b'\n');
        }
        Some(RunRequests { number: count, body, forgotten: (count - i64::from(self.most)).max(0) })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TransportError {
    /// Names it in one word: `timeout`, `connect`, `tls`, `broken`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            _ => "broken",
        }
    }
}

/// Times as microseconds since 1970.
mod micros {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.as_microsecond())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_microsecond(i64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u32) -> RequestEntry {
        RequestEntry {
            at: Timestamp::UNIX_EPOCH,
            step: "orders".to_owned(),
            asked: "shop.orders".to_owned(),
            method: "GET".to_owned(),
            url: format!("https://shop.test/orders?page={number}"),
            status: Some(200),
            error: None,
            took: 1500,
            attempt: number,
            is_redirect: false,
        }
    }

    #[test]
    fn keeps_the_newest_with_their_numbers() {
        let requests = Requests::new(3, 0);
        let mut kept = Vec::new();
        for batch in [1..=2, 3..=3, 4..=9] {
            batch.for_each(|number| requests.add(entry(number)));
            kept.extend(requests.take());
        }
        assert_eq!(requests.take(), None);
        let numbers: Vec<_> = kept.iter().map(|it| (it.number, it.forgotten)).collect();
        assert_eq!(numbers, [(2, 0), (3, 0), (9, 6)]);
        let read = read_requests(&kept, 3);
        assert_eq!(read.iter().map(|(number, it)| (*number, it.attempt)).collect::<Vec<_>>(), [(7, 7), (8, 8), (9, 9)]);
        assert_eq!(read.first().map(|(_, it)| it.clone()), Some(entry(7)));
    }
}
