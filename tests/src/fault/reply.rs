//! What a server does after a request: bytes, pauses, and how it leaves.

use std::time::Duration;

use super::act::Act;

/// What is done after a request, one thing after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) acts: Vec<Act>,
}

impl Reply {
    /// Does nothing yet.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self::nothing().send(bytes)
    }

    /// Sends an answer of JSON.
    pub(crate) fn json(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::answer(status, &[], body)
    }

    /// Sends an answer with headers more.
    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut all = vec![("Content-Type", "application/json")];
        all.retain(|(name, _)| !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)));
        all.extend_from_slice(headers);
        let length = body.len().to_string();
        if !matches!(status, 204 | 304) {
            all.push(("Content-Length", &length));
        }
        Self::raw(head(status, &all)).send(body)
    }

    /// Sends an answer whose head is all that is given: no length is told.
    pub(crate) fn headed(headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        Self::raw(head(200, headers)).send(body)
    }

    /// Sends bytes.
    #[must_use]
    pub(crate) fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Act::Send(bytes.as_ref().to_vec()))
    }

    /// Sends the same bytes many times.
    #[must_use]
    pub(crate) fn flood(self, bytes: impl AsRef<[u8]>, times: u64) -> Self {
        self.then(Act::Flood(bytes.as_ref().to_vec(), times))
    }

    /// Sends byte by byte.
    #[must_use]
    pub(crate) fn drip(self, bytes: impl AsRef<[u8]>, every: Duration) -> Self {
        self.then(Act::Drip(bytes.as_ref().to_vec(), every))
    }

    /// Says nothing for a while.
    #[must_use]
    pub(crate) fn pause(self, millis: u64) -> Self {
        self.then(Act::Pause(Duration::from_millis(millis)))
    }

    /// Says nothing more.
    #[must_use]
    pub(crate) fn stall(self) -> Self {
        self.then(Act::Stall)
    }

    /// Resets the connection.
    #[must_use]
    pub(crate) fn reset(self) -> Self {
        self.then(Act::Reset)
    }

    /// Closes the connection.
    #[must_use]
    pub(crate) fn close(self) -> Self {
        self.then(Act::Close)
    }

    /// Returns the bytes that it sends, one after another.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let sent = self.acts.iter().filter_map(|act| if let Act::Send(bytes) = act { Some(bytes) } else { None });
        sent.flatten().copied().collect()
    }

    fn then(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }
}

/// Writes the head of an answer.
pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> String {
    let mut head = format!("HTTP/1.1 {status} Played\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    head
}
