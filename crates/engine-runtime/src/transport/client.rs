//! Clients: one for all connections of the same kind, made when it is first needed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use engine_request::Proxy;
use reqwest::{Certificate, Client, Identity};
use url::Url;

use super::address::Guard;
use super::connection::Way;
use super::error::said;
use super::{Connection, HeadBounds, Proxies, TransportError};

/// How long a connection may take to come about: less than an answer mostly may, so that it is known that nothing was sent.
const CONNECT: Duration = Duration::from_secs(20);
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_mins(1);

/// The clients of a transport.
#[derive(Debug)]
pub(super) struct Clients {
    proxies: Proxies,
    /// For `http`, without anything of an API's own: by far the cheapest.
    plain: Client,
    /// For `https`, without anything of an API's own. The certificates of the machine take time and memory to read.
    secure: OnceLock<Result<Client, TransportError>>,
    others: Mutex<HashMap<Kind, Client>>,
}

/// What connections have in common that may be taken for one another.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Kind {
    connection: Arc<Connection>,
    is_secure: bool,
    head: HeadBounds,
}

impl Clients {
    pub(super) fn new(proxies: Proxies) -> Result<Self, TransportError> {
        // The cryptography of TLS has to be named once; where that is done already, it stays.
        _ = rustls::crypto::ring::default_provider().install_default();
        let plain = make(&Connection::default(), false, HeadBounds::default(), &proxies, false)?;
        Ok(Self { proxies, plain, secure: OnceLock::new(), others: Mutex::new(HashMap::new()) })
    }

    /// Returns the client for a URL.
    pub(super) fn get(
        &self,
        url: &Url,
        connection: &Arc<Connection>,
        head: HeadBounds,
    ) -> Result<Client, TransportError> {
        let head = head.of_client();
        let is_secure = url.scheme() == "https";
        if connection.is_default() && head == HeadBounds::default() {
            if !is_secure {
                return Ok(self.plain.clone());
            }
            return self.secure.get_or_init(|| make(connection, true, head, &self.proxies, false)).clone();
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        match others.entry(Kind { connection: Arc::clone(connection), is_secure, head }) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(place) => Ok(place.insert(make(connection, is_secure, head, &self.proxies, false)?).clone()),
        }
    }

    /// Makes a client of its own that tells with each answer which certificate its host has.
    pub(super) fn looking(&self, url: &Url, connection: &Connection) -> Result<Client, TransportError> {
        make(connection, url.scheme() == "https", HeadBounds::default(), &self.proxies, true)
    }

    /// Returns the proxy that the spec names, or the machine has, for a URL.
    pub(super) fn proxy<'a>(&'a self, url: &Url, connection: &'a Connection) -> Option<&'a Proxy> {
        match connection.way() {
            Way::Machine => self.proxies.of(url.scheme()),
            Way::Direct => None,
            Way::Through(proxy) => Some(proxy),
        }
    }
}

fn make(
    connection: &Connection,
    is_secure: bool,
    head: HeadBounds,
    proxies: &Proxies,
    tells: bool,
) -> Result<Client, TransportError> {
    let broken = |error: reqwest::Error| TransportError::Tls(said(&error));
    let ways = match connection.way() {
        Way::Machine => proxies.ways().map_err(broken)?,
        Way::Direct => Vec::new(),
        Way::Through(proxy) => vec![reqwest::Proxy::all(proxy.as_str()).map_err(broken)?],
    };
    let is_secure = is_secure
        || match connection.way() {
            Way::Machine => proxies.http.as_ref().is_some_and(Proxy::is_secure),
            Way::Direct => false,
            Way::Through(proxy) => proxy.is_secure(),
        };
    let mut builder = Client::builder()
        .user_agent(concat!("engine/", env!("CARGO_PKG_VERSION")))
        // Redirects are followed by the exchange, which knows where it may go and what may go along.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tls_info(tells)
        .http2_max_header_list_size(head.size)
        // Bodies are unpacked here, whatever another crate makes of reqwest: within bounds, and to the last byte.
        .no_gzip()
        .no_deflate()
        .no_brotli()
        .no_zstd()
        .no_proxy();
    // Where nothing is said, hyper has room for so many without asking for memory.
    if head.count > HeadBounds::default().count {
        builder = builder.http1_max_headers(usize::try_from(head.count).unwrap_or(usize::MAX));
    }
    for way in ways {
        builder = builder.proxy(way);
    }
    if !connection.link_local {
        builder = builder.dns_resolver(Guard);
    }
    if !is_secure {
        return builder.tls_certs_only([]).build().map_err(broken);
    }
    if let Some(authorities) = &connection.ca {
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(authorities).map_err(broken)?);
    }
    if let Some(identity) = &connection.identity {
        builder = builder.identity(Identity::from_pem(identity).map_err(broken)?);
    }
    builder.build().map_err(|error| match said(&error) {
        text if text.contains("no ca certificates") => {
            TransportError::Tls("this machine has no certificates of authorities".to_owned())
        }
        text => TransportError::Tls(text),
    })
}
