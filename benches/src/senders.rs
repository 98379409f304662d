//! Many senders of signed events, each with a connection of its own: how many are taken, and how long each waits.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::baseline::{SECRET, SIGNATURE};

/// How many connections there are.
pub(crate) const CONNECTIONS: usize = 64;

/// The size of a body.
const BODY: usize = 1024;

/// How many events there are before the first comes again.
const EVENTS: usize = 4096;

/// What came of sending.
pub(crate) struct Sent {
    /// How many were answered 2xx.
    pub(crate) taken: usize,
    /// How many per second.
    pub(crate) rate: f64,
    /// How long 99 of 100 waited at most, in ms.
    pub(crate) slow: f64,
}

/// Events as they go over the wire.
pub(crate) struct Events(Arc<Vec<Vec<u8>>>);

impl Events {
    /// Signs events.
    pub(crate) fn new() -> Self {
        Self(Arc::new((0..EVENTS).map(|number| request(number, SECRET)).collect()))
    }

    /// Sends them for a while, and tells what came of it.
    ///
    /// # Errors
    ///
    /// Fails where a connection breaks, or an answer is not 2xx.
    pub(crate) fn send(&self, address: SocketAddr, time: Duration) -> io::Result<Sent> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            refused(address).await?;
            let begun = Instant::now();
            let senders: Vec<_> = (0..CONNECTIONS)
                .map(|number| {
                    let events = Arc::clone(&self.0);
                    tokio::spawn(async move { send(address, &events, number, begun + time).await })
                })
                .collect();
            let mut waits = Vec::new();
            for sender in senders {
                waits.extend(sender.await.map_err(io::Error::other)??);
            }
            let took = begun.elapsed().as_secs_f64();
            waits.sort_unstable();
            let slow = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
            Ok(Sent { taken: waits.len(), rate: count(waits.len()) / took, slow: slow.as_secs_f64() * 1e3 })
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are not so many")]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

/// Sends event after event, each when the one before was answered; returns how long each took.
async fn send(address: SocketAddr, events: &[Vec<u8>], first: usize, until: Instant) -> io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut waits = Vec::new();
    for request in events.iter().cycle().skip(first * (EVENTS / CONNECTIONS)) {
        let begun = Instant::now();
        if begun >= until {
            break;
        }
        stream.write_all(request).await?;
        let status = answer(&mut stream).await?;
        if !(200..300).contains(&status) {
            return Err(io::Error::other(format!("an event was answered {status}")));
        }
        waits.push(begun.elapsed());
    }
    Ok(waits)
}

/// Fails where an event is taken that somebody else has signed.
async fn refused(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&request(0, "another secret")).await?;
    match answer(&mut stream).await? {
        401 => Ok(()),
        status => Err(io::Error::other(format!("an event with a wrong signature was answered {status}"))),
    }
}

/// Reads an answer to its end; returns its status.
async fn answer(stream: &mut TcpStream) -> io::Result<u16> {
    let mut read = Vec::with_capacity(512);
    let wrong = || io::Error::other("an answer is not one of HTTP");
    let head = loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(read.get(..head).unwrap_or_default()).map_err(|_| wrong())?;
    let status = text.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + length.ok_or_else(wrong)?;
    while read.len() < whole {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(status)
}

fn request(number: usize, secret: &str) -> Vec<u8> {
    let begin = format!(r#"{{"id":"evt_{number:08}","type":"order.created","data":{{"text":""#);
    let body = format!("{begin}{}\"}}}}", "x".repeat(BODY - begin.len() - 3));
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let signature = mac.map(|mac| mac.chain_update(&body).finalize().into_bytes());
    let signature = signature.iter().flatten().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    });
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: localhost\r\nuser-agent: benchmark\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{SIGNATURE}: sha256={signature}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}
