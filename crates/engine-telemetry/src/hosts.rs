//! The hosts that are told which trace a request belongs to.

use url::Url;

/// The hosts that are told which trace a request belongs to: nobody, where none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Reads a list: `orders.internal, *.corp.example, localhost:8080`.
    pub fn parse(list: &str) -> Self {
        let hosts = list.split(',').map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty());
        Self(hosts.collect())
    }

    /// Tells whether the host of a URL is among them.
    pub(crate) fn know(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let port = url.port_or_known_default();
        self.0.iter().any(|known| {
            let (name, only) = match known.rsplit_once(':') {
                Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
                _ => (known.as_str(), None),
            };
            let is_named = match name.strip_prefix("*.") {
                Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
                None => name == host,
            };
            is_named && (only.is_none() || only == port)
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(list: &str, url: &str, expected: bool) {
        assert_eq!(Hosts::parse(list).know(&url.parse().unwrap()), expected, "{list} {url}");
    }

    #[test]
    fn knows_hosts_by_name_domain_and_port() {
        check("", "https://api.example/", false);
        check("api.example", "https://api.example/", true);
        check("API.example , other", "https://api.example:8443/x", true);
        check("api.example:443", "https://api.example/", true);
        check("api.example:8443", "https://api.example/", false);
        check("*.corp.example", "https://a.b.corp.example/", true);
        check("*.corp.example", "https://corp.example/", false);
        check("*.corp.example", "https://evilcorp.example/", false);
        check("[::1]", "http://[::1]:8080/", true);
    }
}
