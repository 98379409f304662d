//! All that is counted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine_runtime::{EventCount, EventStatus};
use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{OfApi, OfFlow, OfOutcome, OfRecords, OfRequest, OfStepOutcome, OfWait};

/// The bounds of how long requests take, in seconds: from an answer on the same machine to the timeout.
const REQUEST: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The bounds of how long runs take, in seconds.
const RUN: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All that a server counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    pub(super) started: Family<OfFlow, Counter>,
    pub(super) active: Family<OfFlow, Gauge>,
    pub(super) ended: Family<OfOutcome, Counter>,
    pub(super) run_time: Histograms<OfFlow>,
    pub(super) steps: Family<OfStepOutcome, Counter>,
    pub(super) records: Family<OfRecords, Counter>,
    pub(super) requests: Family<OfRequest, Counter>,
    pub(super) request_time: Histograms<OfApi>,
    pub(super) retries: Family<OfFlow, Counter>,
    pub(super) waits: Family<OfWait, Counter>,
    pub(super) waited: Family<OfWait, Counter<f64, std::sync::atomic::AtomicU64>>,
    pub(super) open_circuits: Family<OfApi, Gauge>,
    pub(super) skipped: Family<OfFlow, Counter>,
    pub(super) missed: Family<OfFlow, Counter>,
    pub(super) refused: Family<OfFlow, Counter>,
    pub(super) reloads: Family<OfOutcome, Counter>,
    queue: Family<OfOutcome, Gauge>,
    oldest: Family<OfFlow, Gauge<f64, std::sync::atomic::AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("engine")),
            started: Family::default(),
            active: Family::default(),
            ended: Family::default(),
            run_time: Family::new_with_constructor(|| Histogram::new(RUN)),
            steps: Family::default(),
            records: Family::default(),
            requests: Family::default(),
            request_time: Family::new_with_constructor(|| Histogram::new(REQUEST)),
            retries: Family::default(),
            waits: Family::default(),
            waited: Family::default(),
            open_circuits: Family::default(),
            skipped: Family::default(),
            missed: Family::default(),
            refused: Family::default(),
            reloads: Family::default(),
            queue: Family::default(),
            oldest: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The engine", version);
        registry.register("runs_started", "Runs that began or went on", self.started.clone());
        registry.register("runs_active", "Runs that are under way here", self.active.clone());
        registry.register("runs_ended", "Runs that ended, by how", self.ended.clone());
        registry.register_with_unit("run_duration", "How long runs took", Unit::Seconds, self.run_time.clone());
        registry.register("steps", "Steps that ended, by how", self.steps.clone());
        registry.register("records", "Records of steps, by what became of them", self.records.clone());
        registry.register("http_requests", "Requests to APIs, by what came of them", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "How long requests to APIs took",
            Unit::Seconds,
            self.request_time.clone(),
        );
        registry.register("http_retries", "Requests that were tried again", self.retries.clone());
        registry.register("waits", "How often something waited, by what for", self.waits.clone());
        registry.register_with_unit(
            "wait_duration",
            "How long it was to wait in all, by what for",
            Unit::Seconds,
            self.waited.clone(),
        );
        registry.register(
            "circuits_open",
            "APIs that do not work and are asked now and then only",
            self.open_circuits.clone(),
        );
        registry.register(
            "schedule_skipped",
            "Runs of schedules that were left out for the run before",
            self.skipped.clone(),
        );
        registry.register(
            "schedule_missed",
            "Runs of schedules that were missed and not made up for",
            self.missed.clone(),
        );
        registry.register(
            "events_refused",
            "Events that did not prove who sent them, or could not be used",
            self.refused.clone(),
        );
        registry.register("reloads", "Specs that were read anew, by whether they were taken", self.reloads.clone());
        registry.register("events", "Events in the inbox that are not done, by how they stand", self.queue.clone());
        registry.register_with_unit(
            "event_oldest_age",
            "How long the oldest event waits that is due",
            Unit::Seconds,
            self.oldest.clone(),
        );
    }

    /// Says how the inbox stands.
    pub(super) fn inbox(&self, counts: &[EventCount], now: Timestamp) {
        self.queue.clear();
        self.oldest.clear();
        for count in counts {
            let labels = OfOutcome { flow: count.flow.clone(), status: count.status.as_str() };
            self.queue.get_or_create(&labels).set(i64::try_from(count.count).unwrap_or(i64::MAX));
            if count.status != EventStatus::Waiting {
                continue;
            }
            let age = Duration::try_from(now.duration_since(count.oldest)).unwrap_or_default().as_secs_f64();
            let oldest = self.oldest.get_or_create(&OfFlow { flow: count.flow.clone() });
            if oldest.get() < age {
                oldest.set(age);
            }
        }
    }

    /// Writes all of it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing into a text does not fail.
        _ = encode(&mut text, &registry);
        text
    }
}
