//! What a server counts, for those who watch it: in the text format of `OpenMetrics` 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>),
//! which Prometheus reads.

mod families;
mod labels;
mod meter;
mod requests;
mod routes;
#[cfg(test)]
mod tests;

pub use self::families::Metrics;
pub use self::meter::Metered;
pub(crate) use self::routes::routes;
