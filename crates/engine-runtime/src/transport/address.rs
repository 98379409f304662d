//! Addresses that requests do not go to by accident: those of the machine's own link, where clouds hand out the credentials of
//! the machine itself.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Where clouds hand out credentials outside of the link-local ranges: Amazon and Google by IPv6, Alibaba.
const METADATA: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
];

/// Tells whether an address is link-local (RFC 3927, RFC 4291 §2.5.6) or one where a cloud hands out credentials, also where IPv6
/// carries an address of IPv4.
pub(crate) fn is_link_local(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V6(address) => carried(address).map_or(IpAddr::V6(address), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    };
    let is_link = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    is_link || METADATA.contains(&address)
}

/// Returns the address of IPv4 that one of IPv6 stands for: mapped, compatible (RFC 4291 §2.5.5), translated (RFC 6052), 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let two = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(two(high, low)),
        [0x2002, high, low, ..] => Some(two(high, low)),
        _ => None,
    }
}

/// Returns the address that a URL names outright, if that is one that requests do not go to. The spellings of IPv4 that only machines read
/// (`0xa9fea9fe`, `2852039166`) are addresses to `url` too.
pub(crate) fn named_link_local(url: &Url) -> Option<IpAddr> {
    let address = match url.host()? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(_) => return None,
    };
    is_link_local(address).then_some(address)
}

/// Says that a name leads to an address that requests do not go to.
#[derive(Debug)]
pub(super) struct Refused {
    host: String,
    address: IpAddr,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, which is the link-local address {}", self.host, self.address)
    }
}

impl std::error::Error for Refused {}

impl Refused {
    /// Refuses a URL that names such an address outright.
    pub(super) fn literal(url: &Url) -> Option<String> {
        named_link_local(url).map(|address| format!("the link-local address {address}"))
    }
}

/// Resolves names, and leaves out what requests do not go to: what a name leads to is looked at where it is connected to, so that no later
/// answer of the name's owner can be another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let refused = found.iter().map(SocketAddr::ip).find(|address| is_link_local(*address));
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| !is_link_local(address.ip())).collect();
            match refused {
                Some(address) if allowed.is_empty() => Err(Refused { host: name.as_str().to_owned(), address }.into()),
                None if allowed.is_empty() => {
                    Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into())
                }
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn knows_link_local_addresses_in_every_spelling() {
        for url in [
            "http://169.254.169.254/latest/meta-data/",
            "http://169.254.0.1:8080/",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://[fe80::1]/",
            "http://[febf::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[::169.254.169.254]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[fd00:ec2::254]/",
            "http://[fd20:ce::254]/",
            "http://100.100.100.200/",
            "http://１６９.254.169.254/",
        ] {
            assert!(named_link_local(&Url::parse(url).unwrap()).is_some(), "{url}");
        }
        for url in [
            "http://127.0.0.1/",
            "http://10.0.0.1/",
            "http://169.253.1.1/",
            "http://[::1]/",
            "http://[fec0::1]/",
            "http://[fd00:ec2::253]/",
            "http://[::ffff:10.0.0.1]/",
            "http://169.254.169.254.example/",
        ] {
            assert!(named_link_local(&Url::parse(url).unwrap()).is_none(), "{url}");
        }
    }
}
