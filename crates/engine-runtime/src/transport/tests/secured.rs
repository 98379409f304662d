//! TLS: authorities, client certificates, HTTP/2.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::{Connection, Transport};
use super::server::{Authority, accept, ok, secure};
use super::{HttpTransport, Proxies, get, send, text, trusting};

#[tokio::test]
async fn trusts_an_authority_that_the_spec_names_and_no_other() {
    let authority = Authority::new();
    let address = secure(authority.acceptor(&["127.0.0.1"], None, &[]), |_| ok("hello")).await;
    let url = format!("https://{address}/");
    let with = |connection| text(super::Outgoing { connection, ..get(&url) });
    assert_eq!(with(trusting(&authority.pem(), None)).await.unwrap(), "hello");
    let untrusted = "no secure connection: the certificate of the host is from an authority that is not trusted";
    assert_eq!(with(trusting(&Authority::new().pem(), None)).await.unwrap_err(), untrusted);
    assert_eq!(with(Arc::default()).await.unwrap_err(), untrusted);
}

#[tokio::test]
async fn wants_the_name_of_the_host_in_its_certificate() {
    let authority = Authority::new();
    let address = secure(authority.acceptor(&["other.example"], None, &[]), |_| ok("hello")).await;
    let outgoing =
        super::Outgoing { connection: trusting(&authority.pem(), None), ..get(&format!("https://{address}/")) };
    assert_eq!(
        text(outgoing).await.unwrap_err(),
        "no secure connection: the certificate of the host is for other names"
    );
}

#[tokio::test]
async fn shows_a_client_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let address = secure(authority.acceptor(&["127.0.0.1"], Some(&clients), &[]), |_| ok("hello")).await;
    let url = format!("https://{address}/");
    let with = |identity| text(super::Outgoing { connection: trusting(&authority.pem(), identity), ..get(&url) });
    assert_eq!(with(Some(clients.client())).await.unwrap(), "hello");
    assert_eq!(with(None).await.unwrap_err(), "no secure connection: the host asks for a client certificate");
    assert_eq!(
        with(Some(Authority::new().client())).await.unwrap_err(),
        "no secure connection: the host does not take this client certificate"
    );
}

#[tokio::test]
async fn says_that_a_host_does_not_speak_tls() {
    let address = accept(|mut stream| async move {
        _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        _ = stream.read_u8().await;
    })
    .await;
    let said = text(get(&format!("https://{address}/"))).await.unwrap_err();
    assert_eq!(said, "no secure connection: the host does not speak TLS there");
}

#[tokio::test]
async fn negotiates_http_2() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(&["127.0.0.1"], None, &["h2", "http/1.1"]);
    let address = accept(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                let body = Bytes::from(format!("{:?}", request.version()));
                // More headers than HTTP/2 takes by default, and fewer than HTTP/1.1 does.
                let mut response = http::Response::new(Full::new(body));
                let value = http::HeaderValue::from_str(&"x".repeat(30_000)).unwrap();
                response.headers_mut().insert("x-long", value);
                Ok::<_, Infallible>(response)
            });
            _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    })
    .await;
    let outgoing =
        super::Outgoing { connection: trusting(&authority.pem(), None), ..get(&format!("https://{address}/")) };
    let incoming = send(outgoing).await.unwrap();
    assert_eq!(incoming.headers.get("x-long").unwrap().len(), 30_000);
    assert_eq!(incoming.body.into_bytes().await.unwrap(), "HTTP/2.0");
}

#[tokio::test]
async fn keeps_clients_by_their_connection() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let address = secure(authority.acceptor(&["127.0.0.1"], Some(&clients), &[]), |_| ok("hello")).await;
    let transport = HttpTransport::new(Proxies::default()).unwrap();
    let identity = clients.client();
    let send = |connection: Arc<Connection>| {
        transport.send(super::Outgoing { connection, ..get(&format!("https://{address}/")) })
    };
    for _ in 0..2 {
        send(trusting(&authority.pem(), Some(identity.clone()))).await.unwrap();
    }
    // The connection of one that has shown its certificate is not lent to one that has none.
    assert!(send(trusting(&authority.pem(), None)).await.is_err());
}
