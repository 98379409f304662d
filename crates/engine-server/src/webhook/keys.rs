//! The public keys that senders publish, fetched when a token needs them and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_request::Payload;
use engine_request::auth::JwkSet;
use engine_runtime::{HeadBounds, Outgoing, Transport};
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex as AsyncMutex;
use url::Url;

/// How long keys are used without asking again.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// How long keys are used that can't be fetched again.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// How long to wait before asking again: for a key that is not there, or after a failure. Anybody can send tokens with made-up keys.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How large a set may be.
const MOST: u64 = 1_000_000;

/// The keys that were fetched, by where they are published.
#[derive(Default)]
pub(super) struct KeyCache {
    sets: Mutex<HashMap<String, Arc<AsyncMutex<Slot>>>>,
}

#[derive(Default)]
struct Slot {
    keys: Option<(Arc<JwkSet>, Timestamp)>,
    asked_at: Option<Timestamp>,
}

impl KeyCache {
    /// Returns the keys of a sender; fetched anew where they are old, or where the one is not there that a token names.
    ///
    /// # Errors
    ///
    /// Says why there are none.
    pub(super) async fn get(
        &self,
        url: &str,
        id: Option<&str>,
        transport: &dyn Transport,
        now: Timestamp,
    ) -> Result<Arc<JwkSet>, String> {
        let slot = {
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sets.entry(url.to_owned()).or_default())
        };
        // Who comes meanwhile waits for the same answer.
        let mut slot = slot.lock().await;
        if let Some((keys, at)) = &slot.keys
            && now.duration_since(*at) < FRESH
            && id.is_none_or(|id| keys.has(id))
        {
            return Ok(Arc::clone(keys));
        }
        let may_ask = slot.asked_at.is_none_or(|at| now.duration_since(at) >= PAUSE);
        let failure = if may_ask {
            slot.asked_at = Some(now);
            match fetch(url, transport).await {
                Ok(keys) => {
                    let keys = Arc::new(keys);
                    slot.keys = Some((Arc::clone(&keys), now));
                    return Ok(keys);
                }
                Err(failure) => failure,
            }
        } else {
            "they were asked for a moment ago".to_owned()
        };
        match &slot.keys {
            Some((keys, at)) if now.duration_since(*at) < STALE => Ok(Arc::clone(keys)),
            _ => Err(format!("the keys at `{url}` could not be fetched: {failure}")),
        }
    }
}

/// Fetches a set from where the spec says, and from nowhere that the answer says: a redirect is not followed.
async fn fetch(url: &str, transport: &dyn Transport) -> Result<JwkSet, String> {
    let url: Url = url.parse().map_err(|_| "it is not a URL".to_owned())?;
    let is_near = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && is_near) {
        return Err("it does not begin with `https://`".to_owned());
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let request = Outgoing {
        asked: "webhook.jwks".into(),
        method: http::Method::GET,
        url,
        headers,
        body: Payload::default(),
        timeout: Duration::from_secs(10),
        max_body: MOST,
        head: HeadBounds::default(),
        spool_above: Outgoing::SPOOL_ABOVE,
        connection: Arc::default(),
    };
    let answer = transport.send(request).await.map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("the answer is {}", answer.status));
    }
    let body = answer.body.into_bytes().await.map_err(|error| error.to_string())?;
    let keys = JwkSet::read(std::str::from_utf8(&body).map_err(|_| "it is not UTF-8".to_owned())?)?;
    if keys.is_empty() { Err("there is no key in it that is known here".to_owned()) } else { Ok(keys) }
}
