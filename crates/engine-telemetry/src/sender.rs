//! Sends what the exporters make, by the same way as all other requests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use engine_request::Payload;
use engine_runtime::{Connection, HeadBounds, Outgoing, Transport};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;
use url::Url;

/// How much of an answer is read: a collector says whether it took something, and little else.
const MAX_ANSWER: u64 = 1 << 20;

/// Is told what is wrong with sending, and when it is right again.
pub(crate) type Told = Arc<dyn Fn(&str) + Send + Sync>;

/// Sends to one place.
pub(crate) struct Sender {
    transport: Arc<dyn Transport>,
    /// Exporters work on threads of their own, requests in the runtime of the runs.
    runtime: Handle,
    timeout: Duration,
    told: Told,
    /// Whether it was told that nothing comes through.
    has_told: AtomicBool,
}

impl Sender {
    pub(crate) fn new(transport: Arc<dyn Transport>, timeout: Duration, told: Told) -> Self {
        Self { transport, runtime: Handle::current(), timeout, told, has_told: AtomicBool::new(false) }
    }

    /// Tells what is wrong, once as long as it is.
    fn tell(&self, url: &Url, problem: Option<&str>) {
        let place = url.origin().ascii_serialization();
        match problem {
            Some(problem) if !self.has_told.swap(true, Ordering::Relaxed) => {
                (self.told)(&format!("telemetry can't be sent to {place}: {problem}"));
            }
            None if self.has_told.swap(false, Ordering::Relaxed) => {
                (self.told)(&format!("telemetry can be sent to {place} again"));
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())?;
        let outgoing = Outgoing {
            asked: "telemetry".into(),
            method: parts.method,
            url: url.clone(),
            headers: parts.headers,
            body: Payload::Bytes(body),
            timeout: self.timeout,
            max_body: MAX_ANSWER,
            head: HeadBounds::default(),
            spool_above: Outgoing::SPOOL_ABOVE,
            connection: Arc::new(Connection::default()),
        };
        let (transport, timeout) = (Arc::clone(&self.transport), self.timeout);
        let sent = self.runtime.spawn(async move {
            let exchange = async {
                let incoming = transport.send(outgoing).await?;
                Ok::<_, HttpError>((incoming.status, incoming.headers, incoming.body.into_bytes().await?))
            };
            match tokio::time::timeout(timeout, exchange).await {
                Ok(came) => came,
                Err(_) => Err(format!("no answer within {timeout:?}").into()),
            }
        });
        let (status, headers, body) = match sent.await.map_err(HttpError::from).and_then(|came| came) {
            Ok(came) => came,
            Err(error) => {
                self.tell(&url, Some(&error.to_string()));
                return Err(error);
            }
        };
        let problem = (!(200..300).contains(&status)).then(|| format!("it answered {status}"));
        self.tell(&url, problem.as_deref());
        let mut response = Response::new(body);
        *response.status_mut() = http::StatusCode::from_u16(status)?;
        *response.headers_mut() = headers;
        Ok(response)
    }
}
