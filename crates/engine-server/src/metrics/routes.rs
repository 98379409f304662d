//! What is asked by those who watch: `/metrics`, `/healthz`, `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::families::Metrics;
use crate::server::Server;

/// The text format that is written.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Watched {
    server: Arc<Server>,
    metrics: Arc<Metrics>,
}

/// Answers those who watch.
pub(crate) fn routes(server: &Arc<Server>, metrics: &Arc<Metrics>) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/metrics", get(text))
        .with_state(Watched { server: Arc::clone(server), metrics: Arc::clone(metrics) })
}

/// The process lives.
async fn health() -> &'static str {
    "ok\n"
}

/// The server takes events: it does not end, and its state can be read.
async fn readiness(State(watched): State<Watched>) -> Response {
    if watched.server.stop.is_stopped() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match watched.server.events.count_events().await {
        Ok(_) => "ok\n".into_response(),
        // What is wrong with the state may name it: that is for the log.
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the state can't be read\n").into_response(),
    }
}

async fn text(State(watched): State<Watched>) -> Response {
    if let Ok(counts) = watched.server.events.count_events().await {
        watched.metrics.inbox(&counts, watched.server.clock.now());
    }
    ([(header::CONTENT_TYPE, OPEN_METRICS)], watched.metrics.text()).into_response()
}
