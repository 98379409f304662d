//! What a scripted server answers, down to what no proper server would.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use serde::Deserialize;

/// An answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Answer {
    status: u16,
    headers: BTreeMap<String, Header>,
    /// The body as a value.
    json: Option<serde_json::Value>,
    /// The body to the letter, with the content type of JSON unless `headers` say otherwise.
    body: Option<String>,
    /// The body as bytes, in base64.
    bytes: Option<String>,
    /// A body made of many like parts.
    repeat: Option<Repeat>,
    /// Sends the body again and again, for ever.
    endless: bool,
    /// What the header `Content-Length` says, if not the truth.
    content_length: Option<u64>,
    /// Closes the connection after so many bytes of the body.
    cut: Option<usize>,
    /// Keeps the connection open after the body without a word.
    stall: bool,
    /// Closes the connection without an answer.
    hang_up: bool,
    /// Milliseconds before the answer.
    delay: u64,
}

/// One header, or several of a name.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Header {
    One(String),
    Many(Vec<String>),
}

/// `before`, then `text` so many times, then `after`; `#` in the text is the number, from `first`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    #[serde(default)]
    before: String,
    text: String,
    times: usize,
    #[serde(default)]
    between: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    first: usize,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            json: None,
            body: None,
            bytes: None,
            repeat: None,
            endless: false,
            content_length: None,
            cut: None,
            stall: false,
            hang_up: false,
            delay: 0,
        }
    }
}

impl Answer {
    /// Makes an answer to what was not expected.
    pub(crate) fn unexpected() -> Self {
        Self { status: 418, body: Some(r#"{"message":"not in the script"}"#.to_owned()), ..Self::default() }
    }

    /// Writes the answer; returns whether the connection may go on.
    pub(crate) fn write(&self, out: &mut impl Write, fill: impl Fn(&str) -> String) -> io::Result<bool> {
        thread::sleep(Duration::from_millis(self.delay));
        if self.hang_up {
            return Ok(false);
        }
        let body = self.body(&fill);
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        let named = |name: &str| self.headers.keys().any(|known| known.eq_ignore_ascii_case(name));
        if !named("content-type") {
            head.push_str("Content-Type: application/json\r\n");
        }
        for (name, value) in &self.headers {
            let values = match value {
                Header::One(value) => std::slice::from_ref(value),
                Header::Many(values) => values.as_slice(),
            };
            for value in values {
                head.extend([name, ": ", &fill(value), "\r\n"]);
            }
        }
        let bodiless = matches!(self.status, 204 | 304);
        if self.endless {
            head.push_str("Transfer-Encoding: chunked\r\n");
        } else if !bodiless {
            let length = self.content_length.unwrap_or(body.len() as u64);
            head.extend(["Content-Length: ", &length.to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        out.write_all(head.as_bytes())?;
        if bodiless {
            out.flush()?;
            return Ok(true);
        }
        if self.endless {
            // Ends when the client has had enough, and closes the connection.
            loop {
                write!(out, "{:x}\r\n", body.len())?;
                out.write_all(&body)?;
                out.write_all(b"\r\n")?;
            }
        }
        let sent = self.cut.unwrap_or(body.len()).min(body.len());
        out.write_all(body.get(..sent).unwrap_or_default())?;
        out.flush()?;
        Ok(self.cut.is_none() && (self.content_length.is_none() || self.stall))
    }

    fn body(&self, fill: impl Fn(&str) -> String) -> Vec<u8> {
        if let Some(value) = &self.json {
            return fill(&value.to_string()).into_bytes();
        }
        if let Some(text) = &self.body {
            return fill(text).into_bytes();
        }
        if let Some(bytes) = &self.bytes {
            return base64::engine::general_purpose::STANDARD.decode(bytes).expect("`bytes` is base64");
        }
        let Some(repeat) = &self.repeat else { return Vec::new() };
        let parts: Vec<String> = (repeat.first..repeat.first + repeat.times)
            .map(|number| repeat.text.replace('#', &number.to_string()))
            .collect();
        fill(&format!("{}{}{}", repeat.before, parts.join(&repeat.between), repeat.after)).into_bytes()
    }
}
