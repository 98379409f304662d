//! Takes the requests of a run (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use engine_runtime::{BoxFuture, Found, RecordedExchange, RecordedRun, Recorder};
use http::HeaderValue;
use opentelemetry::KeyValue;
use opentelemetry::trace::{self, Span as _, SpanKind, Tracer};
use url::Url;

use crate::run_trace::RunTrace;

/// Takes the requests of a run.
pub(crate) struct Recorded(Arc<RunTrace>);

impl Recorded {
    pub(crate) fn new(trace: Arc<RunTrace>) -> Self {
        Self(trace)
    }

    /// Makes the span of a request, or ends that which its host knows.
    fn spanned(&self, exchange: &RecordedExchange<'_>, common: Vec<KeyValue>, error: Option<&str>) {
        let Some(tracer) = &self.0.telemetry.tracer else { return };
        let mut open = self.0.open();
        let begun = SystemTime::from(exchange.sent_at);
        let told = exchange.traceparent.and_then(|told| told.to_str().ok());
        let span = match told.and_then(|told| open.requests.remove(told)) {
            Some(span) => Some(span),
            None => open.within(exchange.step).map(|within| {
                let name = format!("{} {}", exchange.request.method, exchange.asked);
                let builder = tracer.span_builder(name).with_kind(SpanKind::Client).with_start_time(begun);
                builder.start_with_context(tracer, within)
            }),
        };
        drop(open);
        let Some(mut span) = span.filter(trace::Span::is_recording) else { return };
        let url = exchange.redactor().redact(&exchange.request.shown_url);
        span.set_attributes(common);
        span.set_attribute(KeyValue::new("url.full", url));
        span.set_attribute(KeyValue::new("engine.step", exchange.step.to_owned()));
        let resent = exchange.attempt.saturating_sub(1) + u32::from(exchange.is_redirect);
        if resent > 0 {
            span.set_attribute(KeyValue::new("http.request.resend_count", i64::from(resent)));
        }
        if error.is_some() {
            span.set_status(trace::Status::error(""));
        }
        span.end_with_timestamp(begun + exchange.took);
    }
}

impl Recorder for Recorded {
    fn begin(&self, _run: &RecordedRun<'_>) {}

    fn found(&self, _found: Found<'_>) {}

    fn traceparent(&self, step: &str, asked: &str, method: &http::Method, url: &Url) -> Option<HeaderValue> {
        let telemetry = &self.0.telemetry;
        let tracer = telemetry.tracer.as_ref().filter(|_| telemetry.settings.hosts.know(url))?;
        let mut open = self.0.open();
        let within = open.within(step)?;
        let span = tracer
            .span_builder(format!("{method} {asked}"))
            .with_kind(SpanKind::Client)
            .with_start_time(SystemTime::from(telemetry.clock.now()))
            .start_with_context(tracer, within);
        let context = span.span_context();
        let told = format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8());
        let header = HeaderValue::from_str(&told).ok()?;
        open.requests.insert(told, span);
        Some(header)
    }

    fn exchange<'a>(&'a self, exchange: RecordedExchange<'a>) -> BoxFuture<'a, ()> {
        let error = match exchange.came {
            Ok(answer) if answer.status >= 400 => Some(answer.status.to_string()),
            Ok(_) => None,
            Err(error) => Some(error.kind().to_owned()),
        };
        let mut common = vec![KeyValue::new("http.request.method", exchange.request.method.as_str().to_owned())];
        let (api, endpoint) = exchange.asked.split_once('.').unwrap_or((exchange.asked, ""));
        common.push(KeyValue::new("engine.api", api.to_owned()));
        common.push(KeyValue::new("engine.endpoint", endpoint.to_owned()));
        // A host that is a secret is not there.
        let shown = Url::parse(&exchange.request.shown_url).ok();
        let url = &exchange.request.url;
        if let Some(host) = url.host_str().filter(|host| shown.as_ref().and_then(Url::host_str) == Some(*host)) {
            common.push(KeyValue::new("server.address", exchange.hidden.redact(host)));
            common.extend(url.port_or_known_default().map(|port| KeyValue::new("server.port", i64::from(port))));
        }
        if let Ok(answer) = exchange.came {
            common.push(KeyValue::new("http.response.status_code", i64::from(answer.status)));
        }
        common.extend(error.clone().map(|error| KeyValue::new("error.type", error)));
        if let Some(instruments) = &self.0.telemetry.instruments {
            let mut labels = common.clone();
            labels.push(KeyValue::new("engine.flow", self.0.flow.clone()));
            instruments.requests.record(exchange.took.as_secs_f64(), &labels);
        }
        self.spanned(&exchange, common, error.as_deref());
        Box::pin(std::future::ready(()))
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("flow", &self.0.flow).finish_non_exhaustive()
    }
}
