//! Where requests do not go.

use std::net::IpAddr;
use std::sync::Arc;

use engine_request::Proxy;
use reqwest::dns::Resolve;

use super::super::address::Guard;
use super::super::{Connection, Way};
use super::server::{ok, plain};
use super::{Outgoing, get, text};

#[tokio::test]
async fn refuses_link_local_addresses_before_it_connects() {
    for (url, address) in [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://2852039166/", "169.254.169.254"),
        ("https://[fe80::1]/", "fe80::1"),
        ("http://[::ffff:169.254.169.254]/", "::ffff:169.254.169.254"),
        ("http://[fd00:ec2::254]/", "fd00:ec2::254"),
    ] {
        assert_eq!(text(get(url)).await.unwrap_err(), format!("leads to the link-local address {address}"), "{url}");
    }
    // Where the spec names it, it is tried: here by a proxy, so that nothing leaves this machine.
    let proxy = plain(|received| ok(received.head.lines().next().unwrap_or_default())).await;
    for (link_local, said) in [
        (true, Ok("get http://169.254.169.254/ http/1.1".to_owned())),
        (false, Err("leads to the link-local address 169.254.169.254".to_owned())),
    ] {
        let way = Way::Through(Proxy::parse(&proxy.to_string()).unwrap());
        let connection = Arc::new(Connection { way, link_local, ..Connection::default() });
        assert_eq!(text(Outgoing { connection, ..get("http://169.254.169.254/") }).await, said);
    }
}

#[tokio::test]
async fn resolves_names_to_what_may_be_talked_to() {
    let address = plain(|_| ok("hello")).await;
    assert_eq!(text(get(&format!("http://localhost:{}/", address.port()))).await.unwrap(), "hello");
    let found = Guard.resolve("localhost".parse().unwrap()).await.unwrap();
    let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
    // A name whose address is written out is resolved to it.
    let refused = Guard.resolve("169.254.169.254".parse().unwrap()).await.err().unwrap();
    assert_eq!(refused.to_string(), "`169.254.169.254`, which is the link-local address 169.254.169.254");
    let said = text(get("http://no-such-host.invalid/")).await.unwrap_err();
    assert!(said.starts_with("no connection: "), "{said}");
}
