//! Requests over the network.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use engine_request::Proxy;
use futures_util::stream::try_unfold;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, RANGE};
use http::{HeaderValue, Method};
use reqwest::Response;
use tokio::io::AsyncReadExt;

use super::address::Refused;
use super::client::Clients;
use super::coding::{self, Coding};
use super::landing::Landing;
use super::pace::Pace;
use super::{Body, Incoming, Outgoing, Proxies, Transport, TransportError, upload};
use crate::world::BoxFuture;

/// How much of a packed body is unpacked at once.
const PART: usize = 64 * 1024;

/// Requests over the network.
#[derive(Debug)]
pub struct HttpTransport {
    clients: Clients,
}

impl HttpTransport {
    /// Makes a transport; `proxies` are those of the machine. Nothing connects yet.
    ///
    /// # Errors
    ///
    /// Fails where no client can be made.
    pub fn new(proxies: Proxies) -> Result<Self, TransportError> {
        Ok(Self { clients: Clients::new(proxies)? })
    }

    /// Returns the proxy that is between this machine and a URL.
    pub(super) fn proxy<'a>(&'a self, url: &url::Url, connection: &'a super::Connection) -> Option<&'a Proxy> {
        self.clients.proxy(url, connection)
    }

    /// Makes a client that tells which certificate a host has.
    pub(super) fn looking(
        &self,
        url: &url::Url,
        connection: &super::Connection,
    ) -> Result<reqwest::Client, TransportError> {
        self.clients.looking(url, connection)
    }

    async fn exchange(&self, outgoing: Outgoing) -> Result<Incoming, TransportError> {
        let Outgoing { asked: _, method, url, mut headers, body, timeout, max_body, head, spool_above, connection } =
            outgoing;
        // Addresses that are written out never reach the resolver.
        if !connection.link_local
            && let Some(refused) = Refused::literal(&url)
        {
            return Err(TransportError::NotAllowed(refused));
        }
        let client = self.clients.get(&url, &connection, head)?;
        let proxy = self.clients.proxy(&url, &connection).map(Proxy::shown);
        let pace = Arc::new(Pace::new(timeout));
        // A part of a packed body cannot be unpacked.
        if !headers.contains_key(ACCEPT_ENCODING) && !headers.contains_key(RANGE) {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(coding::ACCEPTED));
        }
        // A method that usually brings something says that it brings nothing: servers ask for it by 411 (RFC 9110 §8.6).
        let usually_brings = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let is_empty_body = body.length() == 0 && (usually_brings || !body.is_empty());
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = upload::body(body, &pace).await? {
            request = request.body(body);
        }
        if is_empty_body {
            request = request.header(CONTENT_LENGTH, 0);
        }
        let response = pace.answer(request.send()).await?;
        let response = response.map_err(|error| match TransportError::of(&error, timeout, proxy.as_deref()) {
            TransportError::HeadTooLarge(_) => TransportError::HeadTooLarge(head),
            error => error,
        })?;
        if !head.hold(response.headers()) {
            return Err(TransportError::HeadTooLarge(head));
        }
        receive(response, pace, max_body, spool_above).await
    }
}

impl Transport for HttpTransport {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        Box::pin(self.exchange(outgoing))
    }
}

/// Reads the body of an answer.
async fn receive(
    mut response: Response,
    pace: Arc<Pace>,
    max_body: u64,
    spool_above: usize,
) -> Result<Incoming, TransportError> {
    let status = response.status().as_u16();
    let mut headers = std::mem::take(response.headers_mut());
    let codings = coding::take(&mut headers);
    let announced = response.content_length().unwrap_or(0);
    let chunks = Chunks { response, pace };
    let mut landing = Landing::new(max_body, spool_above, !codings.is_empty());
    let body = if codings.is_empty() {
        if announced > max_body {
            return Err(landing.too_large());
        }
        chunks.land(landing).await?
    } else {
        chunks.unpack(&codings, &mut landing, announced).await?;
        landing.finish().await?
    };
    Ok(Incoming { status, headers, body })
}

/// A body as it comes.
struct Chunks {
    response: Response,
    pace: Arc<Pace>,
}

impl Chunks {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let chunk = self.pace.next(self.response.chunk()).await?;
        let chunk = chunk.map_err(|error| TransportError::of(&error, self.pace.quiet(), None))?;
        if let Some(chunk) = &chunk {
            self.pace.received(chunk.len());
        }
        Ok(chunk)
    }

    /// Takes it as it comes.
    async fn land(mut self, mut landing: Landing) -> Result<Body, TransportError> {
        while let Some(chunk) = self.next().await? {
            if landing.take(chunk)? {
                landing.spill().await?;
            }
        }
        landing.finish().await
    }

    /// Unpacks it while it comes.
    async fn unpack(self, codings: &[Coding], landing: &mut Landing, announced: u64) -> Result<(), TransportError> {
        let stream = try_unfold(self, |mut chunks| async {
            let chunk = chunks.next().await.map_err(io::Error::other)?;
            Ok(chunk.map(|chunk| (chunk, chunks)))
        });
        let fault = |error: io::Error| TransportError::unpacking(&error);
        let mut reader = coding::unpack(stream, codings).await.map_err(fault)?;
        // What is small when it is packed mostly stays so, and is then in one piece.
        let part = usize::try_from(announced).unwrap_or(PART).saturating_mul(16).clamp(PART / 8, PART);
        let mut buffer = BytesMut::new();
        loop {
            if buffer.capacity() < part / 4 {
                buffer.reserve(part);
            }
            if reader.read_buf(&mut buffer).await.map_err(fault)? == 0 {
                return Ok(());
            }
            if landing.take(buffer.split().freeze())? {
                landing.spill().await?;
            }
        }
    }
}
