//! The specs of the catalogue, served.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use engine_expr::Value;
use engine_mock::Mock;
use engine_plan::{Disk, compile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn specs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}

/// Sends a request; gives the status and the body.
async fn get(mock: &Mock, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(mock.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", mock.address());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.get(9..12).unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn every_list_of_the_catalogue_is_served() {
    let mut served = 0;
    for path in specs() {
        let plan = compile(&path, &Disk).plan.unwrap_or_else(|| panic!("{} is valid", path.display()));
        let mock = Mock::start(&plan, ([127, 0, 0, 1], 0).into()).unwrap();
        let lists = plan.endpoints.iter().filter(|endpoint| endpoint.example.is_some() && endpoint.is_readable());
        for endpoint in lists.filter(|endpoint| endpoint.request.params().next().is_none()) {
            let line = endpoint.request.text().split_once(' ').unwrap().1;
            if endpoint.request.method().as_str() != "GET" || !line.starts_with('/') || line.contains('{') {
                continue;
            }
            let (status, body) = get(&mock, &format!("{}{line}", mock.base_url(&endpoint.api).path())).await;
            assert_eq!(status, "200", "{}: {body}", endpoint.id());
            assert!(Value::from_json(&body).is_ok(), "{}: {body}", endpoint.id());
            served += 1;
        }
    }
    assert!(served > 0);
}
