//! Traces and metrics of runs, sent to whoever watches by OTLP (<https://opentelemetry.io/docs/specs/otlp/>).
//!
//! A run, its steps and its requests are spans; what becomes of them is counted. Nothing is made where nobody wants it: who runs a flow then
//! has no [`Telemetry`] at all. Knows neither where settings are read from nor what a server is.

mod hosts;
mod instruments;
mod observed;
mod recorded;
mod run_trace;
mod sender;
mod settings;
mod telemetry;

pub use self::hosts::Hosts;
pub use self::run_trace::{Begun, Link, RunTrace};
pub use self::settings::{Batch, Protocol, Sampling, Settings, Target, Unusable};
pub use self::telemetry::{StartError, Telemetry};
