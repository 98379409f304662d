//! How long an answer is waited for, and how much of it is taken.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use engine_request::{Redirects, Response};
use engine_source::Span;

use super::Asked;
use crate::body::max_body;
use crate::failure::Failure;
use crate::transport::HeadBounds;

/// How long to wait for an answer, if the spec does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What holds for one request, with its params.
pub(super) struct Bounds {
    pub(super) timeout: Duration,
    pub(super) body: u64,
    pub(super) head: HeadBounds,
    /// How many redirects are followed.
    pub(super) redirects: u32,
}

impl Bounds {
    /// Finds out what the spec says.
    pub(super) fn of(asked: &Asked<'_>) -> Result<Self, Failure> {
        let (endpoint, scope) = (asked.endpoint, asked.scope);
        let timeout = match &endpoint.timeout {
            Some(timeout) => timeout.resolve(scope)?.duration(),
            None => TIMEOUT,
        };
        let mut head = HeadBounds::default();
        if let Some(count) = &endpoint.response.max_headers {
            head.count = count.resolve(scope)?;
            within("max_headers", &head.count, &Response::HEADERS, count.span())?;
        }
        if let Some(size) = &endpoint.response.max_header_size {
            let bytes = size.resolve(scope)?.bytes();
            within("max_header_size", &bytes, &Response::HEADER_SIZES, size.span())?;
            head.size = u32::try_from(bytes).unwrap_or(u32::MAX);
        }
        let redirects = match &endpoint.api_settings.max_redirects {
            Some(most) => {
                let count = most.resolve(scope)?;
                within("max_redirects", &count, &Redirects::COUNTS, most.span())?;
                count
            }
            None => Redirects::MAX,
        };
        Ok(Self { timeout, body: max_body(&endpoint.response, scope)?, head, redirects })
    }
}

/// Refuses what a template made, as validation does what is written out.
fn within<T: Display + PartialOrd>(key: &str, value: &T, range: &RangeInclusive<T>, span: Span) -> Result<(), Failure> {
    if range.contains(value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(Failure::new("template-failed", format!("`{key}` is {value}, and may be from {least} to {most}"), span)
        .help("correct the value that it is made of, or leave the key out"))
}
