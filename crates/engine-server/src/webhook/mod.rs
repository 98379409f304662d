//! Events that come over HTTP: from the bytes on the wire to an event that is on disk, and only then an answer.
//!
//! Which webhooks there are is looked up anew for each request, so that a reload changes nothing for those that are under way.

mod answer;
mod body;
mod challenge;
mod endings;
mod event;
mod hook;
mod intake;
mod keys;
mod path;
mod pressure;
mod rate;
mod request;
mod table;
mod waits;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;

pub use self::event::trigger_of;
pub use self::hook::{Hook, Webhook};
pub use self::intake::Intake;
pub use self::table::problems;

/// Makes what answers all paths that nothing else does: the webhooks of the flows that are served then.
pub fn routes(intake: Arc<Intake>) -> Router {
    Router::new().fallback(take).with_state(intake)
}

async fn take(State(intake): State<Arc<Intake>>, request: axum::extract::Request) -> Response {
    intake.take(request).await
}
