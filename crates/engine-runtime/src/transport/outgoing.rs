//! A request as it goes out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine_request::Payload;
use http::HeaderMap;
use url::Url;

use super::{Connection, HeadBounds};

/// A request as it goes out.
#[derive(Clone)]
pub struct Outgoing {
    /// Who is asked: an endpoint, `API.ENDPOINT`, or who gives an API's tokens, `API.auth`. For who answers in an API's place.
    pub asked: Arc<str>,
    /// The method.
    pub method: http::Method,
    /// The whole URL.
    pub url: Url,
    /// All headers but those of the connection.
    pub headers: HeaderMap,
    /// What is sent with it. Files are read while they are sent, anew on each attempt.
    pub body: Payload,
    /// How long to wait for the first byte, and between two of them, in both directions. The whole may take ten times as long, and beyond
    /// that as long as it comes on.
    pub timeout: Duration,
    /// How large the decoded body of the answer may be.
    pub max_body: u64,
    /// How large the head of the answer may be.
    pub head: HeadBounds,
    /// Above how many bytes the body of the answer is kept on disk instead of in memory.
    pub spool_above: usize,
    /// How the host is connected to.
    pub connection: Arc<Connection>,
}

impl Outgoing {
    /// The largest body of an answer, where the spec does not say: 1 GB.
    pub const MAX_BODY: u64 = 1_000_000_000;
    /// How much of a body is held in memory: 4 MiB.
    pub const SPOOL_ABOVE: usize = 4 << 20;
}

/// URLs and headers hold credentials, so neither is shown.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({:?})", self.method, self.url.host_str().unwrap_or_default(), self.body)
    }
}
