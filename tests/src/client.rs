//! A request of the test itself, to ask a server what it knows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use base64::Engine as _;

/// An answer.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// Gets a URL of this machine.
pub fn get(url: &str, headers: &[(&str, &str)]) -> Fetched {
    fetch("GET", url, headers, b"")
}

/// Gets the headers of a URL of this machine.
pub fn head(url: &str, headers: &[(&str, &str)]) -> Fetched {
    fetch("HEAD", url, headers, b"")
}

/// Posts a body to a URL of this machine.
pub fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> Fetched {
    fetch("POST", url, headers, body)
}

fn fetch(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Fetched {
    let rest = url.strip_prefix("http://").expect("a server of this machine speaks HTTP");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut connection = TcpStream::connect(host).expect("the server listens");
    let mut request = format!("{method} /{path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() {
        request.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    connection.write_all(format!("{request}\r\n").as_bytes()).expect("the server reads");
    connection.write_all(body).expect("the server reads");
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).expect("the server answers");
    let status =
        line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).expect("an answer begins with its status");
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the server answers");
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let mut body = String::new();
    // The server closes the connection after an answer to HTTP/1.0.
    reader.read_to_string(&mut body).expect("the server answers");
    Fetched { status, headers, body }
}

/// Returns the header `Authorization` of Basic authentication.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}
