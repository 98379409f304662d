//! Proxies: HTTP CONNECT, plain forwarding, SOCKS, credentials.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use engine_request::Proxy;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use super::super::{Connection, Transport, Way};
use super::server::{Authority, accept, head, ok, plain, secure};
use super::{HttpTransport, Outgoing, Proxies, get, text};

/// What a proxy was asked.
type Asked = Arc<Mutex<Vec<String>>>;

/// Plays a proxy that connects to `target` whatever it is asked for, if the credentials are `me:p@ss`.
async fn forward(mut stream: impl AsyncRead + AsyncWrite + Unpin, target: SocketAddr, asked: Asked) {
    let Some(head) = head(&mut stream).await else { return };
    asked.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
    // me:p@ss
    if !head.contains("proxy-authorization: basic bwu6cebzcw==") {
        _ = stream.write_all(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n").await;
        return;
    }
    if head.starts_with("connect nowhere") {
        _ = stream.write_all(b"HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n").await;
        return;
    }
    if !head.starts_with("connect ") {
        _ = stream.write_all(&ok("forwarded")).await;
        return;
    }
    _ = stream.write_all(b"HTTP/1.1 200 Go\r\n\r\n").await;
    let mut target = TcpStream::connect(target).await.unwrap();
    _ = copy_bidirectional(&mut stream, &mut target).await;
}

/// Starts such a proxy.
async fn tunnel(target: SocketAddr) -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let address = accept(move |stream| forward(stream, target, Arc::clone(&kept))).await;
    (address, asked)
}

fn through(proxy: &str, ca: Option<&str>) -> Arc<Connection> {
    Arc::new(Connection {
        ca: ca.map(|ca| bytes::Bytes::copy_from_slice(ca.as_bytes())),
        way: Way::Through(Proxy::parse(proxy).unwrap()),
        ..Connection::default()
    })
}

#[tokio::test]
async fn goes_through_a_proxy_with_credentials() {
    let authority = Authority::new();
    let target = secure(authority.acceptor(&["shop.example"], None, &[]), |_| ok("hello")).await;
    let (proxy, asked) = tunnel(target).await;
    let with = |url: &str, credentials: &str| {
        let connection = through(&format!("http://{credentials}{proxy}"), Some(&authority.pem()));
        text(Outgoing { connection, ..get(url) })
    };
    assert_eq!(with("https://shop.example/orders", "me:p%40ss@").await.unwrap(), "hello");
    assert_eq!(with("http://shop.example/orders", "me:p%40ss@").await.unwrap(), "forwarded");
    assert_eq!(
        *asked.lock().unwrap(),
        ["connect shop.example:443 http/1.1", "get http://shop.example/orders http/1.1"]
    );
    let said = with("https://shop.example/", "").await.unwrap_err();
    assert_eq!(said, "no connection: the proxy asks for other credentials");
    let said = with("https://nowhere.example/", "me:p%40ss@").await.unwrap_err();
    assert_eq!(said, "no connection: the proxy does not connect to that host");
}

#[tokio::test]
async fn goes_through_a_proxy_that_is_itself_secured() {
    let authority = Authority::new();
    let target = secure(authority.acceptor(&["shop.example"], None, &[]), |_| ok("hello")).await;
    let acceptor = authority.acceptor(&["127.0.0.1"], None, &[]);
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let proxy = accept(move |stream| {
        let (acceptor, asked) = (acceptor.clone(), Arc::clone(&kept));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                forward(stream, target, asked).await;
            }
        }
    })
    .await;
    let with = |url: &str| {
        let connection = through(&format!("https://me:p%40ss@{proxy}"), Some(&authority.pem()));
        text(Outgoing { connection, ..get(url) })
    };
    assert_eq!(with("https://shop.example/").await.unwrap(), "hello");
    assert_eq!(with("http://shop.example/").await.unwrap(), "forwarded");
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn says_which_proxy_cannot_be_reached_without_its_credentials() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let connection = through(&format!("http://me:secret@127.0.0.1:{port}"), None);
    let said = text(Outgoing { connection, ..get("https://shop.example/") }).await.unwrap_err();
    assert!(said.starts_with(&format!("no connection: by the proxy `http://127.0.0.1:{port}`: ")), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

/// Starts a SOCKS 5 proxy (RFC 1928) with the credentials `me:p@ss` (RFC 1929) that connects to `target` whatever it is asked for.
async fn socks(target: SocketAddr) -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let address = accept(move |mut stream| {
        let asked = Arc::clone(&kept);
        async move {
            let mut greeting = [0; 2];
            stream.read_exact(&mut greeting).await.unwrap();
            let mut methods = vec![0; usize::from(greeting[1])];
            stream.read_exact(&mut methods).await.unwrap();
            assert!(methods.contains(&2), "credentials are offered");
            stream.write_all(&[5, 2]).await.unwrap();
            let mut credentials = [0; 9];
            stream.read_exact(&mut credentials).await.unwrap();
            assert_eq!(&credentials, b"\x01\x02me\x04p@ss");
            stream.write_all(&[1, 0]).await.unwrap();
            let mut request = [0; 5];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request[..4], [5, 1, 0, 3], "a name is asked for");
            let mut host = vec![0; usize::from(request[4]) + 2];
            stream.read_exact(&mut host).await.unwrap();
            asked.lock().unwrap().push(String::from_utf8_lossy(&host[..host.len() - 2]).into_owned());
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            let mut target = TcpStream::connect(target).await.unwrap();
            _ = copy_bidirectional(&mut stream, &mut target).await;
        }
    })
    .await;
    (address, asked)
}

#[tokio::test]
async fn goes_through_socks_5() {
    let target = plain(|_| ok("hello")).await;
    let (proxy, asked) = socks(target).await;
    let connection = through(&format!("socks5h://me:p%40ss@{proxy}"), None);
    assert_eq!(text(Outgoing { connection, ..get("http://shop.example/") }).await.unwrap(), "hello");
    assert_eq!(*asked.lock().unwrap(), ["shop.example"]);
}

#[tokio::test]
async fn asks_the_proxies_of_the_machine_for_what_is_not_excepted() {
    let target = plain(|_| ok("straight")).await;
    let (proxy, _) = tunnel(target).await;
    let proxies = Proxies {
        http: Proxy::parse(&format!("me:p%40ss@{proxy}")),
        https: None,
        except: "internal.example, .intern".to_owned(),
    };
    let transport = HttpTransport::new(proxies).unwrap();
    let text = async |url: &str, connection: Arc<Connection>| {
        let incoming = transport.send(Outgoing { connection, ..get(url) }).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(incoming.body.into_bytes().await.unwrap())
    };
    assert_eq!(text("http://shop.example/", Arc::default()).await.unwrap(), "forwarded");
    // Loopback is never asked of a proxy, and `proxy: none` goes straight.
    assert_eq!(text(&format!("http://{target}/"), Arc::default()).await.unwrap(), "straight");
    for url in ["http://a.internal.example/", "http://shop.intern/"] {
        assert!(text(url, Arc::default()).await.is_err(), "{url}");
    }
    assert!(text("http://shop.example/", Arc::new(Connection::direct())).await.is_err());
}
