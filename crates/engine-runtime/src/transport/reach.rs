//! How far a host can be reached, step by step: its name, a connection, an answer. For who wants to know why requests fail.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use engine_request::Proxy;
use http::header::DATE;
use jiff::Timestamp;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use url::Url;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::{Connection, HttpTransport, TransportError};

/// How long each step may take.
const TIME: Duration = Duration::from_secs(10);

/// How far a host can be reached.
#[derive(Debug)]
pub struct Reach {
    /// The host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The proxy that is between, without its credentials; then the host itself is not looked for.
    pub through: Option<String>,
    /// The addresses of its name, or why there are none; nothing where a proxy looks for them.
    pub addresses: Option<Result<Vec<IpAddr>, String>>,
    /// How long a connection took, or why there is none.
    pub connected: Option<Result<Duration, String>>,
    /// What it answers; nothing where there is no connection.
    pub answered: Option<Result<Reached, TransportError>>,
}

/// What a host answers when it is asked for nothing.
#[derive(Debug)]
pub struct Reached {
    /// The status.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// What time it is there, and here.
    pub date: Option<(Timestamp, Timestamp)>,
    /// Until when its certificate holds.
    pub certificate: Option<Timestamp>,
}

impl HttpTransport {
    /// Looks how far the host of a URL can be reached. Asks it by `HEAD`, without anything that proves who is asking.
    pub async fn reach(&self, url: &Url, connection: &Arc<Connection>) -> Reach {
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        // What is on this machine is not asked of a proxy.
        let is_loopback =
            host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let through = self.proxy(url, connection).filter(|_| !is_loopback).map(Proxy::shown);
        let mut reach = Reach { host, port, through, addresses: None, connected: None, answered: None };
        if reach.through.is_none() {
            let addresses = look_up(&reach.host, port).await;
            let first = addresses.clone().unwrap_or_default();
            reach.addresses = Some(addresses);
            if first.is_empty() {
                return reach;
            }
            let connected = connect(&first, port).await;
            let failed = connected.is_err();
            reach.connected = Some(connected);
            if failed {
                return reach;
            }
        }
        reach.answered = Some(self.ask(url, connection).await);
        reach
    }

    async fn ask(&self, url: &Url, connection: &Arc<Connection>) -> Result<Reached, TransportError> {
        let client = self.looking(url, connection)?;
        let begun = Instant::now();
        let response =
            timeout(TIME, client.head(url.clone()).send()).await.map_err(|_| TransportError::Timeout(TIME))?;
        let response = response.map_err(|error| TransportError::of(&error, TIME, None))?;
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        let info = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = info.and_then(|info| Certificate::from_der(info.peer_certificate()?).ok());
        let certificate = certificate.and_then(|certificate| {
            let end = certificate.tbs_certificate.validity.not_after.to_unix_duration();
            Timestamp::from_second(i64::try_from(end.as_secs()).ok()?).ok()
        });
        #[expect(clippy::disallowed_methods, reason = "the clocks of two machines are compared")]
        let now = Timestamp::now();
        Ok(Reached {
            status: response.status().as_u16(),
            took: begun.elapsed(),
            date: date.map(|there| (there, now)),
            certificate,
        })
    }
}

async fn look_up(host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    let bare = host.trim_matches(['[', ']']);
    match timeout(TIME, lookup_host((bare, port))).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|address| address.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            if addresses.is_empty() { Err("the name has no address".to_owned()) } else { Ok(addresses) }
        }
        Ok(Err(_)) => Err("there is no such name".to_owned()),
        Err(_) => Err(format!("the name is not answered for within {} s", TIME.as_secs())),
    }
}

/// Connects to one of the addresses.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<Duration, String> {
    let begun = Instant::now();
    let mut why = String::new();
    for address in addresses {
        match timeout(TIME, TcpStream::connect((*address, port))).await {
            Ok(Ok(_)) => return Ok(begun.elapsed()),
            Ok(Err(error)) => {
                let text = error.to_string().to_lowercase();
                text.split(" (os error").next().unwrap_or_default().clone_into(&mut why);
            }
            Err(_) => why = format!("nothing answers there within {} s", TIME.as_secs()),
        }
    }
    Err(why)
}
