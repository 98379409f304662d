//! Sends one request over HTTP and reads its answer, within bounds. Knows neither retries nor credentials.

mod address;
mod client;
mod coding;
mod connection;
mod error;
mod head;
mod http_transport;
mod incoming;
mod landing;
mod outgoing;
mod pace;
mod proxies;
mod reach;
mod spool;
mod upload;

#[cfg(test)]
mod tests;

pub(crate) use self::address::named_link_local;
pub use self::connection::{Connection, Way};
pub use self::error::TransportError;
pub use self::head::HeadBounds;
pub use self::http_transport::HttpTransport;
pub use self::incoming::{Body, Incoming, MAX_WHOLE};
pub use self::outgoing::Outgoing;
pub use self::proxies::Proxies;
pub use self::reach::{Reach, Reached};
pub use self::spool::{Spool, SpoolReader};

use crate::world::BoxFuture;

/// Sends requests.
pub trait Transport: Send + Sync {
    /// Sends a request once and returns its whole answer.
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>>;
}
