//! Sends one request over HTTP and reads its answer, within bounds. Knows neither retries nor credentials.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use engine_request::Payload;
use http::HeaderMap;
use url::Url;

use crate::world::BoxFuture;

/// How large a decoded body may be.
pub const MAX_BODY: usize = 256 * 1024 * 1024;

/// A request as it goes out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The method.
    pub method: http::Method,
    /// The whole URL.
    pub url: Url,
    /// All headers but those of the connection.
    pub headers: HeaderMap,
    /// The body; empty if there is none.
    pub body: Payload,
    /// How long to wait for the first byte, and between two of them; the whole may take ten times as long.
    pub timeout: Duration,
    /// How large the decoded body may be.
    pub max_body: usize,
}

/// An answer, with its body decoded.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection came about.
    #[error("no connection: {0}")]
    Connect(String),
    /// The answer took too long.
    #[error("no answer within {}", seconds(.0))]
    Timeout(Duration),
    /// The connection broke, or what came was not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The body is larger than allowed.
    #[error("the body is larger than {} MB", .0 / (1024 * 1024))]
    TooLarge(usize),
}

fn seconds(time: &Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// Sends requests.
pub trait Transport: Send + Sync {
    /// Sends a request once and returns its whole answer.
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>>;
}

/// Requests over the network.
#[derive(Debug)]
pub struct HttpTransport {
    plain: reqwest::Client,
    /// Made for the first `https` request: the certificates of the machine take time and memory to read.
    secure: OnceLock<Result<reqwest::Client, TransportError>>,
}

impl HttpTransport {
    /// Makes a client. Nothing connects yet.
    ///
    /// # Errors
    ///
    /// Fails where TLS cannot be set up.
    pub fn new() -> Result<Self, TransportError> {
        let plain =
            Self::builder().tls_certs_only([]).build().map_err(|error| TransportError::Connect(cause(&error)))?;
        Ok(Self { plain, secure: OnceLock::new() })
    }

    fn client(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
        if url.scheme() == "http" {
            return Ok(&self.plain);
        }
        let secure =
            self.secure.get_or_init(|| Self::builder().build().map_err(|error| TransportError::Connect(cause(&error))));
        secure.as_ref().map_err(Clone::clone)
    }

    fn builder() -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .user_agent(concat!("engine/", env!("CARGO_PKG_VERSION")))
            // Redirects are followed by the exchange, which knows where it may go and what may go along.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(30))
            .pool_idle_timeout(Duration::from_mins(1))
    }
}

impl Transport for HttpTransport {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        Box::pin(async move {
            let timeout = outgoing.timeout;
            let whole = timeout.saturating_mul(10);
            tokio::time::timeout(whole, self.exchange(outgoing)).await.unwrap_or(Err(TransportError::Timeout(whole)))
        })
    }
}

impl HttpTransport {
    async fn exchange(&self, outgoing: Outgoing) -> Result<Incoming, TransportError> {
        let Outgoing { method, url, headers, body, timeout, max_body } = outgoing;
        let mut request = self.client(&url)?.request(method, url).headers(headers);
        if !body.is_empty() {
            let bytes = body.as_bytes();
            let bytes = bytes.ok_or_else(|| TransportError::Broken("files are not sent yet".to_owned()))?;
            request = request.body(bytes);
        }
        let late = |_| TransportError::Timeout(timeout);
        let mut response = tokio::time::timeout(timeout, request.send())
            .await
            .map_err(late)?
            .map_err(|error| classify(&error, timeout))?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let announced = response.content_length().unwrap_or(0);
        if announced > max_body as u64 {
            return Err(TransportError::TooLarge(max_body));
        }
        let mut chunks: Vec<Bytes> = Vec::new();
        let mut length = 0;
        while let Some(chunk) = tokio::time::timeout(timeout, response.chunk())
            .await
            .map_err(late)?
            .map_err(|error| classify(&error, timeout))?
        {
            length += chunk.len();
            if length > max_body {
                return Err(TransportError::TooLarge(max_body));
            }
            chunks.push(chunk);
        }
        Ok(Incoming { status, headers, body: joined(chunks, length) })
    }
}

/// Joins the parts of a body; one that came in one piece is taken as it is.
fn joined(mut chunks: Vec<Bytes>, length: usize) -> Bytes {
    if chunks.len() < 2 {
        return chunks.pop().unwrap_or_default();
    }
    let mut body = BytesMut::with_capacity(length);
    for chunk in chunks {
        body.extend_from_slice(&chunk);
    }
    body.freeze()
}

fn classify(error: &reqwest::Error, timeout: Duration) -> TransportError {
    if error.is_timeout() {
        return TransportError::Timeout(timeout);
    }
    if error.is_connect() {
        return TransportError::Connect(cause(error));
    }
    TransportError::Broken(cause(error))
}

/// Says the innermost cause: the outer ones only repeat the URL.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().to_lowercase()
}
