//! What is counted: names and units as OpenTelemetry's conventions have them, ours below `engine`.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter};

/// The bounds that the convention gives for HTTP requests, in seconds.
const REQUEST: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The bounds of how long runs take, in seconds.
const RUN: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0];

/// All that is counted.
#[derive(Debug)]
pub(crate) struct Instruments {
    pub(crate) requests: Histogram<f64>,
    pub(crate) runs: Histogram<f64>,
    pub(crate) active: UpDownCounter<i64>,
    pub(crate) steps: Counter<u64>,
    pub(crate) records: Counter<u64>,
    pub(crate) retries: Counter<u64>,
    pub(crate) waited: Counter<f64>,
    pub(crate) notices: Counter<u64>,
    pub(crate) waiting: Gauge<u64>,
    pub(crate) oldest: Gauge<f64>,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = |name: &'static str, unit: &'static str, text: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(text).build()
        };
        Self {
            requests: meter
                .f64_histogram("http.client.request.duration")
                .with_unit("s")
                .with_description("How long requests to APIs took")
                .with_boundaries(REQUEST.to_vec())
                .build(),
            runs: meter
                .f64_histogram("engine.run.duration")
                .with_unit("s")
                .with_description("How long runs took")
                .with_boundaries(RUN.to_vec())
                .build(),
            active: meter
                .i64_up_down_counter("engine.run.active")
                .with_unit("{run}")
                .with_description("Runs that are under way")
                .build(),
            steps: counter("engine.step.ended", "{step}", "Steps that ended, by how"),
            records: counter("engine.record.count", "{record}", "Records of steps, by what became of them"),
            retries: counter("engine.request.retries", "{request}", "Requests that were tried again"),
            waited: meter
                .f64_counter("engine.wait.duration")
                .with_unit("s")
                .with_description("How long it was to wait in all, by what for")
                .build(),
            notices: counter("engine.server.notices", "{notice}", "What else happened to a server"),
            waiting: meter
                .u64_gauge("engine.event.count")
                .with_unit("{event}")
                .with_description("Events in the inbox that are not done, by how they stand")
                .build(),
            oldest: meter
                .f64_gauge("engine.event.oldest_age")
                .with_unit("s")
                .with_description("How long the oldest event waits that is due")
                .build(),
        }
    }

    pub(crate) fn wait(&self, flow: &str, reason: &'static str, wait: Duration) {
        let labels = [KeyValue::new("engine.flow", flow.to_owned()), KeyValue::new("engine.wait.reason", reason)];
        self.waited.add(wait.as_secs_f64(), &labels);
    }
}
