//! Counts the requests of a run.

use std::fmt;
use std::sync::Arc;

use engine_runtime::{BoxFuture, Found, RecordedExchange, RecordedRun, Recorder, TransportError};

use super::families::Metrics;
use super::labels::{Came, OfApi, OfRequest};

/// Counts the requests of a run.
pub(super) struct RequestMeter {
    flow: String,
    metrics: Arc<Metrics>,
}

impl Metrics {
    /// Makes what counts the requests of a run.
    pub fn requests(self: &Arc<Self>, flow: &str) -> Arc<dyn Recorder> {
        Arc::new(RequestMeter { flow: flow.to_owned(), metrics: Arc::clone(self) })
    }
}

impl fmt::Debug for RequestMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMeter").field("flow", &self.flow).finish_non_exhaustive()
    }
}

impl Recorder for RequestMeter {
    fn begin(&self, _run: &RecordedRun<'_>) {}

    fn found(&self, _found: Found<'_>) {}

    fn exchange<'a>(&'a self, exchange: RecordedExchange<'a>) -> BoxFuture<'a, ()> {
        let (api, endpoint) = exchange.asked.split_once('.').unwrap_or((exchange.asked, ""));
        let status = match exchange.came {
            Ok(answer) => Came::Status(answer.status),
            Err(error) => Came::Nothing(why(error)),
        };
        let of_api = OfApi { flow: self.flow.clone(), api: api.to_owned() };
        let of_request =
            OfRequest { flow: self.flow.clone(), api: api.to_owned(), endpoint: endpoint.to_owned(), status };
        self.metrics.requests.get_or_create(&of_request).inc();
        self.metrics.request_time.get_or_create(&of_api).observe(exchange.took.as_secs_f64());
        Box::pin(std::future::ready(()))
    }
}

/// Names why there is no answer.
fn why(error: &TransportError) -> &'static str {
    match error {
        TransportError::Timeout { .. } => "timeout",
        TransportError::Connect { .. } => "connect",
        _ => "broken",
    }
}
