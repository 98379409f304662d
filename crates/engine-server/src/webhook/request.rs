//! A request as it came, read within bounds.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use engine_runtime::Clock;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::select;

use super::answer::Problem;

/// How many headers a request may have.
const MOST_HEADERS: usize = 100;
/// How many bytes they may have.
const MOST_HEADER_BYTES: usize = 64 * 1024;
/// How long to wait for the next bytes of a body.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a body may take as a whole.
const WHOLE: Duration = Duration::from_secs(30);

/// Checks that headers are within bounds.
pub(super) fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MOST_HEADERS || bytes > MOST_HEADER_BYTES {
        return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large"));
    }
    let coding = headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes);
    if coding.is_some_and(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a packed body is not taken: send it as it is"));
    }
    Ok(())
}

/// Waits as long as the next bytes may take; the clock is asked only by who waits.
async fn pause(clock: &dyn Clock) {
    clock.sleep(PAUSE).await;
}

/// Reads a body: its bytes, as they came.
pub(super) async fn read_body(headers: &HeaderMap, body: Body, most: u64, clock: &dyn Clock) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {most} bytes")).closing();
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|said| said > most) {
        return Err(too_large());
    }
    let slow = || Problem::new(StatusCode::REQUEST_TIMEOUT, "the body comes too slowly").closing();
    let mut body = pin!(body);
    let mut whole = None;
    let mut first: Option<Bytes> = None;
    let mut read = BytesMut::new();
    loop {
        let frame = select! {
            // Most bodies are there when their heads are: nobody has to look at a clock for them.
            biased;
            frame = body.frame() => frame,
            () = pause(clock) => return Err(slow()),
            () = async { whole.get_or_insert_with(|| clock.sleep(WHOLE)).await } => return Err(slow()),
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body breaks off").closing())?;
        let Ok(data) = frame.into_data() else { continue };
        let so_far = first.as_ref().map_or(0, Bytes::len) + read.len();
        if (so_far + data.len()) as u64 > most {
            return Err(too_large());
        }
        // Most bodies come in one piece, which need not be copied.
        if let (None, true) = (&first, read.is_empty()) {
            first = Some(data);
        } else {
            if let Some(first) = first.take() {
                read.extend_from_slice(&first);
            }
            read.extend_from_slice(&data);
        }
    }
    Ok(first.unwrap_or_else(|| read.freeze()))
}
