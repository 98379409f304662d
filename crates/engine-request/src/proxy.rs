//! The URL of a proxy.

use std::fmt;

use url::Url;

/// The URL of a proxy. Its credentials are never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy(Url);

impl Proxy {
    /// Reads the URL of a proxy: `http`, `https`, `socks5` (names are looked up here) or `socks5h` (by the proxy); `http` where it says
    /// nothing. None if it is no such URL.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let mut url = url.ok().filter(Url::has_host)?;
        match url.scheme() {
            "http" | "https" => {}
            "socks5" | "socks5h" => {
                if url.port().is_none() {
                    url.set_port(Some(1080)).ok()?;
                }
            }
            _ => return None,
        }
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        is_bare.then_some(Self(url))
    }

    /// Returns the URL with its credentials.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the URL without its credentials.
    pub fn shown(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.0.scheme())
    }

    /// Tells whether the way to the proxy itself is secured.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn reads_what_leads_to_a_proxy() {
        for (text, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("https://me:pass@proxy.example/", "https://proxy.example"),
            ("socks5://127.0.0.1", "socks5://127.0.0.1:1080"),
            (" socks5h://me:p%40ss@[::1]:9050 ", "socks5h://[::1]:9050"),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!((proxy.shown().as_str(), format!("{proxy:?}").as_str()), (shown, shown), "{text}");
        }
        for text in ["", "ftp://proxy", "http://", "http://proxy/path", "socks4://proxy", "http://proxy?x"] {
            assert!(Proxy::parse(text).is_none(), "{text}");
        }
    }
}
