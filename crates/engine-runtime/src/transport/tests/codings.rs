//! Packed bodies, within bounds.

use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use tokio::io::AsyncReadExt;

use super::server::{answer, ok, plain};
use super::{Body, Outgoing, TransportError, get, send, text};

async fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzipEncoder::new(bytes).read_to_end(&mut packed).await.unwrap();
    packed
}

#[tokio::test]
async fn says_what_it_unpacks_and_unpacks_it() {
    let packed = gzip(b"hello").await;
    let address = plain(move |received| {
        assert!(received.head.contains("\r\naccept-encoding: gzip, deflate, br, zstd\r\n"), "{}", received.head);
        answer("content-encoding: gzip\r\nx-kept: yes\r\n", &packed)
    })
    .await;
    let incoming = send(get(&format!("http://{address}/"))).await.unwrap();
    let names: Vec<&str> = incoming.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["x-kept"]);
    assert_eq!(incoming.body.into_bytes().await.unwrap(), "hello");
}

#[tokio::test]
async fn stops_a_bomb_at_the_bound() {
    // 64 MB of nothing, in some kilobytes; packed twice it is still less.
    let zeros = vec![0; 64 << 20];
    let mut bombs = vec![("gzip", gzip(&zeros).await)];
    for (name, reader) in [
        (
            "br",
            Box::new(BrotliEncoder::with_quality(&zeros[..], async_compression::Level::Fastest))
                as Box<dyn tokio::io::AsyncRead + Unpin>,
        ),
        ("zstd", Box::new(ZstdEncoder::new(&zeros[..]))),
    ] {
        let (mut reader, mut packed) = (reader, Vec::new());
        reader.read_to_end(&mut packed).await.unwrap();
        bombs.push((name, packed));
    }
    let twice = gzip(&bombs[0].1).await;
    bombs.push(("gzip, gzip", twice));
    for (name, bomb) in bombs {
        assert!(bomb.len() < 1 << 20, "{name}: {}", bomb.len());
        let address = plain(move |_| answer(&format!("content-encoding: {name}\r\n"), &bomb)).await;
        let error = send(Outgoing { max_body: 10_000_000, ..get(&format!("http://{address}/")) }).await.unwrap_err();
        assert_eq!(error, TransportError::TooLarge { most: 10_000_000, is_packed: true }, "{name}");
        assert_eq!(error.to_string(), "the body is larger than 10 MB when it is unpacked");
    }
}

#[tokio::test]
async fn spools_what_is_large_when_it_is_unpacked() {
    let line = b"0123456789\n".repeat(1_000_000);
    let packed = gzip(&line).await;
    let address = plain(move |_| answer("content-encoding: gzip\r\n", &packed)).await;
    let incoming = send(get(&format!("http://{address}/"))).await.unwrap();
    assert!(matches!(incoming.body, Body::File(_)));
    assert_eq!(incoming.body.into_bytes().await.unwrap(), line);
}

#[tokio::test]
async fn says_that_a_packed_body_is_broken() {
    let packed = gzip(&b"hello ".repeat(1000)).await;
    let half = packed[..packed.len() / 2].to_vec();
    let mut spoiled = packed.clone();
    let middle = spoiled.len() / 2;
    spoiled[middle] ^= 0x55;
    for (body, said) in [
        (half, "the connection broke: the packed body ends in the middle"),
        (spoiled, "the connection broke: the body cannot be unpacked: "),
    ] {
        let address = plain(move |_| answer("content-encoding: gzip\r\n", &body)).await;
        let error = text(get(&format!("http://{address}/"))).await.unwrap_err();
        assert!(error.starts_with(said), "{error}");
    }
}

#[tokio::test]
async fn uses_a_connection_again_after_a_packed_body() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let packed = gzip(b"hello").await;
    let connections = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&connections);
    let address = super::server::accept(move |stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        let packed = packed.clone();
        async move {
            // In chunks, so that the end of what was packed is not the end of the body.
            let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            bytes.extend_from_slice(format!("{:x}\r\n", packed.len()).as_bytes());
            bytes.extend_from_slice(&packed);
            bytes.extend_from_slice(b"\r\n0\r\n\r\n");
            super::server::talk(stream, |_| bytes.clone()).await;
        }
    })
    .await;
    let transport = super::HttpTransport::new(super::Proxies::default()).unwrap();
    for _ in 0..3 {
        let incoming = super::Transport::send(&transport, get(&format!("http://{address}/"))).await.unwrap();
        assert_eq!(incoming.body.into_bytes().await.unwrap(), "hello");
        tokio::task::yield_now().await;
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn leaves_a_body_whose_coding_it_does_not_know() {
    let address = plain(|_| answer("content-encoding: utf-8\r\n", "hello")).await;
    let incoming = send(get(&format!("http://{address}/"))).await.unwrap();
    assert_eq!(incoming.headers.get("content-encoding").unwrap(), "utf-8");
    assert_eq!(incoming.body.into_bytes().await.unwrap(), "hello");
    let address = plain(|_| ok("")).await;
    assert_eq!(text(get(&format!("http://{address}/"))).await.unwrap(), "");
}
