//! Exchanges over real sockets, with servers that do what servers do.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod addresses;
mod answers;
mod codings;
mod proxied;
mod secured;
mod server;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine_request::Payload;
use http::HeaderMap;
use url::Url;

use super::{Body, Connection, HeadBounds, HttpTransport, Incoming, Outgoing, Proxies, Transport, TransportError};

/// Makes a request without anything special.
fn get(url: &str) -> Outgoing {
    Outgoing {
        asked: Arc::default(),
        method: http::Method::GET,
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: Payload::default(),
        timeout: Duration::from_secs(5),
        max_body: Outgoing::MAX_BODY,
        head: HeadBounds::default(),
        spool_above: Outgoing::SPOOL_ABOVE,
        connection: Arc::default(),
    }
}

/// Sends a request from a machine without proxies.
async fn send(outgoing: Outgoing) -> Result<Incoming, TransportError> {
    HttpTransport::new(Proxies::default()).unwrap().send(outgoing).await
}

/// Sends a request and returns the text that comes.
async fn text(outgoing: Outgoing) -> Result<String, String> {
    let incoming = send(outgoing).await.map_err(|error| error.to_string())?;
    let body = incoming.body.into_bytes().await.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Makes a connection that trusts an authority, and shows a certificate.
fn trusting(ca: &str, identity: Option<String>) -> Arc<Connection> {
    Arc::new(Connection {
        ca: Some(Bytes::copy_from_slice(ca.as_bytes())),
        identity: identity.map(Bytes::from),
        ..Connection::default()
    })
}
