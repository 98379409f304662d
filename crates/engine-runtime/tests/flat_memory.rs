//! What is large goes through without being held: measured by the memory of this very process, so it has a program of its own.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use engine_request::{Payload, Piece};
use engine_runtime::{Body, HeadBounds, HttpTransport, Incoming, Outgoing, Proxies, Transport};
use http::HeaderMap;
use url::Url;

/// The most memory that was held so far, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Starts a server on a thread that reads the head of a request and does the rest as told.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), Vec::new());
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            answer(&String::from_utf8_lossy(&head), &mut stream);
        }
    });
    address
}

fn send(outgoing: Outgoing) -> Incoming {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(HttpTransport::new(Proxies::default()).unwrap().send(outgoing)).unwrap()
}

fn request(method: http::Method, address: SocketAddr, body: Payload) -> Outgoing {
    Outgoing {
        asked: Arc::default(),
        method,
        url: Url::parse(&format!("http://{address}/")).unwrap(),
        headers: HeaderMap::new(),
        body,
        timeout: Duration::from_secs(30),
        max_body: Outgoing::MAX_BODY,
        head: HeadBounds::default(),
        spool_above: Outgoing::SPOOL_ABOVE,
        connection: Arc::default(),
    }
}

#[test]
fn holds_neither_what_is_sent_nor_what_comes() {
    const LARGE: usize = 200_000_000;
    // A download.
    let down = serve(|_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\nconnection: close\r\n\r\n").unwrap();
        let part = vec![b'x'; 1_000_000];
        for _ in 0..LARGE / part.len() {
            stream.write_all(&part).unwrap();
        }
    });
    let before = peak();
    let incoming = send(request(http::Method::GET, down, Payload::default()));
    assert_eq!(incoming.body.length(), LARGE as u64);
    assert!(matches!(incoming.body, Body::File(_)));
    assert!(peak() < before + 40, "a download: {before} MB became {} MB", peak());

    // An upload of a file.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let part = vec![b'x'; 1_000_000];
    for _ in 0..50 {
        file.write_all(&part).unwrap();
    }
    let up = serve(|head, stream| {
        assert!(head.to_lowercase().contains("content-length: 50000000\r\n"), "{head}");
        let (mut buffer, mut left) = (vec![0; 1 << 16], 50_000_000);
        while left > 0 {
            left -= stream.read(&mut buffer).unwrap();
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
    });
    let body = Payload::Pieces(vec![Piece::File { path: file.path().to_path_buf(), length: 50_000_000 }]);
    assert_eq!(send(request(http::Method::POST, up, body)).status, 204);
    assert!(peak() < before + 40, "an upload: {before} MB became {} MB", peak());
}
