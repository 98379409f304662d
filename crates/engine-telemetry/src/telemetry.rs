//! What goes to whoever watches.

use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{Clock, Transport};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use thiserror::Error;

use crate::instruments::Instruments;
use crate::run_trace::{Begun, RunTrace};
use crate::sender::{Sender, Told};
use crate::settings::{Protocol, Sampling, Settings, Target};

/// The name under which all is said.
const SCOPE: &str = "engine";

/// Why nothing can be sent.
#[derive(Debug, Error)]
#[error("telemetry can't be sent: {0}")]
pub struct StartError(#[from] ExporterBuildError);

/// What goes to whoever watches.
pub struct Telemetry {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tracer: Option<SdkTracer>,
    pub(crate) instruments: Option<Instruments>,
    pub(crate) settings: Settings,
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Telemetry {
    /// Begins to send; in a runtime, which has to live until all is [sent](Self::end). `told` is told when something can't be sent.
    ///
    /// # Errors
    ///
    /// Fails where nothing can be sent as it is set.
    pub fn start(
        settings: Settings,
        transport: &Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        told: &Told,
    ) -> Result<Self, StartError> {
        let resource = resource(&settings);
        let sender = |target: &Target| Sender::new(Arc::clone(transport), target.timeout, Arc::clone(told));
        let mut traces = None;
        if let Some(target) = &settings.traces {
            let exporter = SpanExporter::builder().with_http();
            let exporter = exporter.with_http_client(sender(target)).with_headers(target.headers.clone());
            let exporter = exporter.with_endpoint(target.url.as_str()).with_protocol(protocol(target));
            let exporter = exporter.with_timeout(target.timeout);
            let exporter = if target.is_packed { exporter.with_compression(Compression::Gzip) } else { exporter };
            let batch = BatchConfigBuilder::default()
                .with_max_queue_size(settings.batch.queue)
                .with_max_export_batch_size(settings.batch.size)
                .with_scheduled_delay(settings.batch.delay)
                .build();
            let processor = BatchSpanProcessor::builder(exporter.build()?).with_batch_config(batch).build();
            let provider = SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource.clone());
            traces = Some(provider.with_sampler(sampler(settings.sampling)).build());
        }
        let mut metrics = None;
        if let Some(target) = &settings.metrics {
            let exporter = MetricExporter::builder().with_http();
            let exporter = exporter.with_http_client(sender(target)).with_headers(target.headers.clone());
            let exporter = exporter.with_endpoint(target.url.as_str()).with_protocol(protocol(target));
            let exporter = exporter.with_timeout(target.timeout);
            let exporter = if target.is_packed { exporter.with_compression(Compression::Gzip) } else { exporter };
            let reader = PeriodicReader::builder(exporter.build()?).with_interval(settings.interval).build();
            metrics = Some(SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build());
        }
        let scope = || InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Self {
            clock,
            tracer: traces.as_ref().map(|provider| provider.tracer_with_scope(scope())),
            instruments: metrics.as_ref().map(|provider| Instruments::new(&provider.meter_with_scope(scope()))),
            settings,
            traces,
            metrics,
        })
    }

    /// Begins the trace of a run.
    pub fn run(self: &Arc<Self>, begun: &Begun<'_>) -> Arc<RunTrace> {
        RunTrace::begin(Arc::clone(self), begun)
    }

    /// Tells how often metrics are sent; nothing where none are.
    pub fn interval(&self) -> Option<Duration> {
        self.instruments.as_ref().map(|_| self.settings.interval)
    }

    /// Counts something that happened to a server.
    pub fn notice(&self, kind: &'static str, flow: Option<&str>) {
        let Some(instruments) = &self.instruments else { return };
        let kind = KeyValue::new("engine.notice", kind);
        match flow {
            Some(flow) => instruments.notices.add(1, &[kind, KeyValue::new("engine.flow", flow.to_owned())]),
            None => instruments.notices.add(1, &[kind]),
        }
    }

    /// Says how many events of a flow stand in a way, and for how many seconds the oldest of those that are due has waited.
    pub fn events(&self, flow: &str, status: &'static str, count: u64, oldest: Option<f64>) {
        let Some(instruments) = &self.instruments else { return };
        let flow = KeyValue::new("engine.flow", flow.to_owned());
        if let Some(oldest) = oldest {
            instruments.oldest.record(oldest, std::slice::from_ref(&flow));
        }
        instruments.waiting.record(count, &[flow, KeyValue::new("engine.event.status", status)]);
    }

    /// Sends what is left, and nothing after it.
    pub async fn end(&self) {
        let (traces, metrics) = (self.traces.clone(), self.metrics.clone());
        let ended = tokio::task::spawn_blocking(move || {
            // What can't be sent now was told of already.
            _ = traces.map(|provider| provider.shutdown());
            _ = metrics.map(|provider| provider.shutdown());
        });
        _ = ended.await;
    }
}

fn protocol(target: &Target) -> opentelemetry_otlp::Protocol {
    match target.protocol {
        Protocol::HttpProtobuf => opentelemetry_otlp::Protocol::HttpBinary,
        Protocol::HttpJson => opentelemetry_otlp::Protocol::HttpJson,
    }
}

fn sampler(Sampling { is_parent_based, ratio }: Sampling) -> Sampler {
    let own = if ratio >= 1.0 {
        Sampler::AlwaysOn
    } else if ratio <= 0.0 {
        Sampler::AlwaysOff
    } else {
        Sampler::TraceIdRatioBased(ratio)
    };
    if is_parent_based { Sampler::ParentBased(Box::new(own)) } else { own }
}

/// Says which process it is.
fn resource(settings: &Settings) -> Resource {
    let given = settings.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(version)
        .with_attributes(given)
        .with_service_name(settings.service.clone())
        .build()
}
