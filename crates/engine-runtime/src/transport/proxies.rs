//! Proxies: where requests go through instead of going straight to their host.

use engine_request::Proxy;
use reqwest::NoProxy;

/// Hosts that the proxies of the machine are not asked for: they would look for them at themselves.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The proxies of the machine, for APIs whose spec says nothing.
///
/// They are given by whoever starts the program, since a library reads no environment. Loopback is never asked of them.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<Proxy>,
    /// For `https` URLs.
    pub https: Option<Proxy>,
    /// Hosts that are reached without them, as in the variable `NO_PROXY`: names with all below them, addresses, networks, `*`; with commas between.
    pub except: String,
}

impl Proxies {
    /// Returns the proxy for URLs of a scheme.
    pub(super) fn of(&self, scheme: &str) -> Option<&Proxy> {
        if scheme == "https" { self.https.as_ref() } else { self.http.as_ref() }
    }

    /// Makes them the ways of requests.
    pub(super) fn ways(&self) -> reqwest::Result<Vec<reqwest::Proxy>> {
        let except = || NoProxy::from_string(&format!("{},{LOOPBACK}", self.except));
        let mut ways = Vec::new();
        if let Some(proxy) = &self.http {
            ways.push(reqwest::Proxy::http(proxy.as_str())?.no_proxy(except()));
        }
        if let Some(proxy) = &self.https {
            ways.push(reqwest::Proxy::https(proxy.as_str())?.no_proxy(except()));
        }
        Ok(ways)
    }
}
