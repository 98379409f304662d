//! Bodies of requests.

use std::io::Write;
use std::time::Duration;

use engine_request::{Payload, Piece};
use tokio::io::AsyncReadExt;

use super::server::{accept, head, ok, plain};
use super::{Outgoing, TransportError, get, send, text};

fn post(url: &str, body: Payload) -> Outgoing {
    Outgoing { method: http::Method::POST, body, ..get(url) }
}

fn file(length: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&b"0123456789".repeat(length / 10)).unwrap();
    file.flush().unwrap();
    file
}

#[tokio::test]
async fn sends_pieces_with_a_known_length_on_each_attempt() {
    let address = plain(|received| {
        assert!(!received.head.contains("transfer-encoding"), "{}", received.head);
        ok(format!("{} {}", received.length, received.sum))
    })
    .await;
    let file = file(1_000_000);
    let pieces = vec![
        Piece::Bytes("<".into()),
        Piece::File { path: file.path().to_path_buf(), length: 1_000_000 },
        Piece::Bytes(vec![1; 300_000].into()),
    ];
    for _ in 0..2 {
        let body = Payload::Pieces(pieces.clone());
        let sum = 60 + 100_000 * (480 + 45) + 300_000;
        assert_eq!(text(post(&format!("http://{address}/"), body)).await.unwrap(), format!("1300001 {sum}"));
    }
}

#[tokio::test]
async fn sends_an_empty_file_as_a_body_of_no_bytes() {
    let address = plain(|received| ok(received.head.contains("content-length: 0\r\n").to_string())).await;
    let file = file(0);
    let body = Payload::Pieces(vec![Piece::File { path: file.path().to_path_buf(), length: 0 }]);
    assert_eq!(text(post(&format!("http://{address}/"), body)).await.unwrap(), "true");
}

#[tokio::test]
async fn says_that_nothing_is_sent_where_something_is_usual() {
    for (method, expected) in
        [("POST", "true"), ("PUT", "true"), ("PATCH", "true"), ("GET", "false"), ("DELETE", "false")]
    {
        let address = plain(|received| ok(received.head.contains("content-length: 0\r\n").to_string())).await;
        let outgoing = Outgoing { method: method.parse().unwrap(), ..get(&format!("http://{address}/")) };
        assert_eq!(text(outgoing).await.unwrap(), expected, "{method}");
    }
}

#[tokio::test]
async fn sends_no_file_that_became_another() {
    let address = plain(|_| ok("done")).await;
    let url = format!("http://{address}/");
    let file = file(1000);
    let piece = |length| Payload::Pieces(vec![Piece::File { path: file.path().to_path_buf(), length }]);
    for length in [999, 1001] {
        let said = text(post(&url, piece(length))).await.unwrap_err();
        assert!(
            said.ends_with(&format!("cannot be sent: it has 1000 bytes, and had {length} when the request was made")),
            "{said}"
        );
    }
    let path = file.path().with_extension("gone");
    let error = send(post(&url, Payload::Pieces(vec![Piece::File { path, length: 1 }]))).await.unwrap_err();
    assert!(matches!(error, TransportError::File { .. }), "{error}");
}

#[tokio::test]
async fn breaks_off_when_a_file_changes_while_it_is_sent() {
    for (to, found) in [(2_000_000, 2_000_000), (20_000_001, 20_000_001)] {
        let file = file(20_000_000);
        let path = file.path().to_path_buf();
        let address = accept(move |mut stream| {
            let path = path.clone();
            async move {
                head(&mut stream).await;
                // More is in flight than the sockets hold, so the rest is yet to be read.
                std::fs::File::options().write(true).open(path).unwrap().set_len(to).unwrap();
                let mut buffer = vec![0; 1 << 20];
                while let Ok(1..) = stream.read(&mut buffer).await {}
            }
        })
        .await;
        let piece = Piece::File { path: file.path().to_path_buf(), length: 20_000_000 };
        let error = send(post(&format!("http://{address}/"), Payload::Pieces(vec![piece]))).await.unwrap_err();
        let TransportError::File { what, .. } = &error else { panic!("{error}") };
        assert!(what.contains(&format!("it has {found} bytes")) || to < 20_000_000, "{what}");
    }
}

#[tokio::test]
async fn takes_its_time_for_an_upload_that_goes_on() {
    // The server reads for longer than it may be silent.
    let address = accept(|mut stream| async move {
        use tokio::io::AsyncWriteExt;
        head(&mut stream).await;
        let (mut buffer, mut left) = (vec![0; 1 << 20], 20_000_000);
        while left > 0 {
            let Ok(read @ 1..) = stream.read(&mut buffer).await else { return };
            left -= read;
            _ = tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await;
        }
        _ = stream.write_all(&ok("done")).await;
    })
    .await;
    let url = format!("http://{address}/");
    let timeout = Duration::from_millis(300);
    for body in
        [Payload::Bytes(vec![0; 20_000_000].into()), Payload::Pieces(vec![Piece::Bytes(vec![0; 20_000_000].into())])]
    {
        assert_eq!(text(Outgoing { timeout, ..post(&url, body) }).await.unwrap(), "done");
    }
}
