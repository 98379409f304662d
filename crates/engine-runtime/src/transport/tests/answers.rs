//! Answers that end too early, are too large, or take too long.

use std::fmt::Write;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::server::{accept, answer, head, ok, plain};
use super::{Body, HeadBounds, Outgoing, TransportError, get, send, text};

#[tokio::test]
async fn bounds_and_spools_by_what_is_asked() {
    let address = plain(|_| ok(vec![b'x'; 100_000])).await;
    let url = format!("http://{address}/");
    let small = send(Outgoing { max_body: 100_000, ..get(&url) }).await.unwrap();
    assert!(matches!(small.body, Body::Bytes(_)));
    let spooled = send(Outgoing { spool_above: 10_000, ..get(&url) }).await.unwrap();
    assert!(matches!(spooled.body, Body::File(_)));
    assert_eq!(spooled.body.into_bytes().await.unwrap(), vec![b'x'; 100_000]);
    let error = send(Outgoing { max_body: 99_999, ..get(&url) }).await.unwrap_err();
    assert_eq!(error, TransportError::TooLarge { most: 99_999, is_packed: false });
}

#[tokio::test]
async fn takes_no_more_of_an_endless_body_than_allowed() {
    let address = accept(|mut stream| async move {
        head(&mut stream).await;
        _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 65536], b"\r\n".to_vec()].concat();
        while stream.write_all(&chunk).await.is_ok() {}
    })
    .await;
    let error = send(Outgoing { max_body: 20_000_000, ..get(&format!("http://{address}/")) }).await.unwrap_err();
    assert_eq!(error, TransportError::TooLarge { most: 20_000_000, is_packed: false });
}

#[tokio::test]
async fn sees_where_a_body_is_cut_off() {
    for bytes in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhello".to_vec(),
    ] {
        let address = accept(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                head(&mut stream).await;
                _ = stream.write_all(&bytes).await;
            }
        })
        .await;
        let error = send(get(&format!("http://{address}/"))).await.unwrap_err();
        assert!(matches!(error, TransportError::Broken(_)), "{error}");
    }
}

#[tokio::test]
async fn refuses_a_head_of_100_mb_soon() {
    let address = accept(|mut stream| async move {
        head(&mut stream).await;
        _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        let part = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            if stream.write_all(&part).await.is_err() {
                return;
            }
        }
    })
    .await;
    let begun = tokio::time::Instant::now();
    let error = send(get(&format!("http://{address}/"))).await.unwrap_err();
    assert_eq!(error, TransportError::HeadTooLarge(HeadBounds::default()));
    assert!(begun.elapsed() < Duration::from_secs(2));
    let many = (0..101).fold(String::new(), |mut many, number| {
        write!(many, "x-{number}: 1\r\n").unwrap();
        many
    });
    let address = plain(move |_| answer(&many, "")).await;
    let with = |count, size| send(Outgoing { head: HeadBounds { count, size }, ..get(&format!("http://{address}/")) });
    // The server adds two of its own.
    assert!(matches!(with(100, 10_000).await, Err(TransportError::HeadTooLarge(head)) if head.count == 100));
    assert!(matches!(with(101, 10_000).await, Err(TransportError::HeadTooLarge(head)) if head.count == 101));
    assert_eq!(with(200, 10_000).await.unwrap().headers.get("x-100").unwrap(), "1");
    assert!(matches!(with(200, 500).await, Err(TransportError::HeadTooLarge(head)) if head.size == 500));
}

#[tokio::test]
async fn waits_no_longer_than_it_is_told() {
    let timeout = Duration::from_millis(200);
    for begin in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello"] {
        let address = accept(move |mut stream| async move {
            head(&mut stream).await;
            _ = stream.write_all(begin.as_bytes()).await;
            std::future::pending::<()>().await;
        })
        .await;
        let error = send(Outgoing { timeout, ..get(&format!("http://{address}/")) }).await.unwrap_err();
        assert_eq!(error, TransportError::Timeout(timeout));
    }
}

#[tokio::test]
async fn says_that_nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let said = text(get(&format!("http://{address}/"))).await.unwrap_err();
    assert!(said.starts_with("no connection: connection refused"), "{said}");
}
