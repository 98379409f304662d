//! A request as a server receives it.

use std::io::{self, BufRead};

/// A request.
#[derive(Clone, Debug)]
pub struct Received {
    pub(crate) method: String,
    /// The path with its query, as sent.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// Reads a request; nothing if the client has gone.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let (method, target) =
            (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
            headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
        let mut received = Self { method, target, headers, body: Vec::new() };
        if received.header("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
            received.body = chunks(from)?;
        } else if let Some(length) = received.header("content-length").and_then(|it| it.parse().ok()) {
            received.body = vec![0; length];
            from.read_exact(&mut received.body)?;
        }
        Ok(Some(received))
    }

    /// Returns the method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path with its query, as sent.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns a header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Tells the request in a message.
    pub fn describe(&self) -> String {
        let mut text = format!("{} {}", self.method, self.target);
        for (name, value) in &self.headers {
            text.extend(["\n      ", name, ": ", value]);
        }
        if !self.body.is_empty() {
            text.extend(["\n      ", &*String::from_utf8_lossy(&self.body)]);
        }
        text
    }
}

fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(|error| io::Error::other(error.to_string()))?;
        let mut chunk = vec![0; length + 2];
        from.read_exact(&mut chunk)?;
        body.extend(chunk.into_iter().take(length));
        if length == 0 {
            return Ok(body);
        }
    }
}
