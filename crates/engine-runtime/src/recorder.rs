//! Who looks on while a run talks to its APIs, and what a run is given that is answered from what was kept of another.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine_expr::Value;
use engine_request::{Prepared, Redactor};
use http::HeaderValue;
use jiff::Timestamp;
use url::Url;

use crate::hidden::Hidden;
use crate::transport::{Incoming, TransportError};
use crate::world::BoxFuture;

/// Keeps the exchanges of a run.
///
/// All that it is given is as it really is, secrets and all: whatever it keeps has to be redacted first. A secret may become known later
/// than the exchange that it is in: [`Hidden`] knows those that are known by now, whenever it is asked.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// Takes note that a run begins.
    fn begin(&self, run: &RecordedRun<'_>);

    /// Takes note of something that the run went by, and that none of its exchanges says.
    fn found(&self, found: Found<'_>);

    /// Takes an exchange, as soon as it is answered or will not be.
    fn exchange<'a>(&'a self, exchange: RecordedExchange<'a>) -> BoxFuture<'a, ()>;

    /// Says by which `traceparent` the host of a URL is to know a request that is about to be sent (<https://www.w3.org/TR/trace-context/>); it
    /// comes back with the exchange. Nothing for a host that is not to know.
    fn traceparent(&self, step: &str, asked: &str, method: &http::Method, url: &Url) -> Option<HeaderValue> {
        _ = (step, asked, method, url);
        None
    }
}

/// Several who look on.
#[derive(Debug)]
pub struct Recorders(Vec<Arc<dyn Recorder>>);

impl Recorders {
    /// Makes one of those that are there; nothing where none is.
    pub fn of(recorders: impl IntoIterator<Item = Option<Arc<dyn Recorder>>>) -> Option<Arc<dyn Recorder>> {
        let mut all: Vec<_> = recorders.into_iter().flatten().collect();
        if all.len() > 1 { Some(Arc::new(Self(all))) } else { all.pop() }
    }
}

impl Recorder for Recorders {
    fn begin(&self, run: &RecordedRun<'_>) {
        self.0.iter().for_each(|recorder| recorder.begin(run));
    }

    fn found(&self, found: Found<'_>) {
        self.0.iter().for_each(|recorder| recorder.found(found));
    }

    fn exchange<'a>(&'a self, exchange: RecordedExchange<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            for recorder in &self.0 {
                recorder.exchange(exchange).await;
            }
        })
    }

    fn traceparent(&self, step: &str, asked: &str, method: &http::Method, url: &Url) -> Option<HeaderValue> {
        self.0.iter().find_map(|recorder| recorder.traceparent(step, asked, method, url))
    }
}

/// A run that begins.
#[derive(Clone, Copy, Debug)]
pub struct RecordedRun<'a> {
    /// Its id.
    pub id: &'a str,
    /// The name of the flow.
    pub flow: &'a str,
    /// The file of the spec.
    pub spec: &'a Path,
    /// When it began.
    pub started_at: Timestamp,
    /// Its inputs, as an object.
    pub inputs: &'a Value,
    /// What started it, unless somebody did by hand.
    pub trigger: Option<&'a Value>,
    /// What takes out the secrets that are known by now.
    pub hidden: &'a Hidden,
}

/// Something that a run went by.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// How far a read came before: what is kept of it in the state.
    Cursor {
        /// Its key there.
        key: &'a str,
        /// What it is, in words.
        label: &'a str,
        /// How far.
        value: &'a str,
    },
    /// What the answer to a read was known by.
    Validators {
        /// The key of the read, which is the same in every state.
        key: &'a str,
        /// What is kept of it.
        value: &'a Value,
    },
    /// What was kept of the answer to a login beside the token: `auth`.
    Fields {
        /// The API.
        api: &'a str,
        /// An object; what is secret in it is marked so.
        fields: &'a Value,
    },
}

/// An exchange as it went over the wire.
#[derive(Clone, Copy, Debug)]
pub struct RecordedExchange<'a> {
    /// The address of the step.
    pub step: &'a str,
    /// Who was asked: an endpoint, `API.ENDPOINT`, or who gives an API's tokens, `API.auth`.
    pub asked: &'a str,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Whether an answer led here.
    pub is_redirect: bool,
    /// Whether the answer is one of a login: nobody knows yet which of it is the token, so that nothing of it may be kept.
    pub is_login: bool,
    /// What was asked.
    pub request: &'a Prepared,
    /// By what its host knows it.
    pub traceparent: Option<&'a HeaderValue>,
    /// When.
    pub sent_at: Timestamp,
    /// How long it took until the answer was there.
    pub took: Duration,
    /// What came.
    pub came: Result<&'a Incoming, &'a TransportError>,
    /// What takes out the secrets that are known by then.
    pub hidden: &'a Hidden,
}

impl RecordedExchange<'_> {
    /// Makes what takes out the secrets that are known by now, those that only this request has too: for who keeps any of it.
    pub fn redactor(&self) -> Redactor {
        let mut redactor = self.hidden.redactor();
        redactor.extend(&self.request.redactor());
        redactor
    }
}

/// What a run is given whose exchanges come from a recording, beside its inputs and its state.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// What logins gave beside tokens, by the names of the APIs.
    pub fields: BTreeMap<String, Value>,
    /// What the answers to reads were known by, by the keys of the reads.
    pub validators: BTreeMap<String, Value>,
}
