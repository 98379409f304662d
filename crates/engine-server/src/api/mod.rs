//! The management API: flows, runs, events and dead letters, for programs and people who may see and start them.
//!
//! What it answers has no secrets in it, and it is never asked by the page of somebody else in a browser.

mod access;
mod content;
mod events;
mod flows;
mod letters;
mod openapi;
mod problem;
mod question;
mod resume;
mod runs;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use engine_expr::Value;
use engine_runtime::StateError;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;

pub use self::access::{Access, Token};
use self::problem::Problem;
use crate::log::Notice;
use crate::server::Server;

/// Where all of it is.
const ROOT: &str = "/api/v1";

/// How many requests are answered at once: an answer may have many records in it.
const AT_ONCE: usize = 32;

/// What all answers are made of.
#[derive(Clone)]
struct Api {
    server: Arc<Server>,
    access: Arc<Access>,
    room: Arc<Semaphore>,
}

/// Makes what answers below [`ROOT`].
pub(crate) fn routes(server: &Arc<Server>, access: Access) -> Router {
    let api = Api { server: Arc::clone(server), access: Arc::new(access), room: Arc::new(Semaphore::new(AT_ONCE)) };
    let router = table().into_iter().fold(Router::new(), |router, (path, _, answer)| {
        // With a slash at its end it is the same.
        router.route(path, answer.clone()).route(&format!("{path}/"), answer)
    });
    let guarded = router
        .fallback(async || Problem::not_found("there is nothing here"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "this is not asked by this method")
        })
        .layer(middleware::from_fn_with_state(api.clone(), access::guard));
    let guarded = guarded.with_state(api);
    Router::new().nest(ROOT, guarded.clone()).route_service(&format!("{ROOT}/"), guarded.into_service())
}

/// Returns all paths, each with its methods and what answers it.
fn table() -> Vec<(&'static str, &'static [&'static str], MethodRouter<Api>)> {
    vec![
        ("/flows", &["get"], get(flows::list)),
        ("/flows/{flow}", &["get"], get(flows::show)),
        ("/flows/{flow}/runs", &["post"], post(flows::start)),
        ("/runs", &["get"], get(runs::list)),
        ("/runs/{id}", &["get"], get(runs::show)),
        ("/runs/{id}/cancel", &["post"], post(runs::cancel)),
        ("/runs/{id}/resume", &["post"], post(resume::resume)),
        ("/events", &["get"], get(events::list)),
        ("/events/{id}", &["get"], get(events::show)),
        ("/events/{id}/replay", &["post"], post(events::replay)),
        ("/dead-letters", &["get"], get(letters::list)),
        ("/dead-letters/{id}", &["get"], get(letters::show)),
        ("/openapi.json", &["get"], get(openapi::document)),
    ]
}

impl Api {
    /// Says in the log why the state can't be used, which may name it, and that it can't be in the answer.
    fn state_failed(&self, error: &StateError) -> Problem {
        self.server.log.notice(Notice::Trouble { message: &format!("the management API can't answer: {error}") });
        let text = "the state can't be used now: the log says why";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "state-failed", text).later(5)
    }
}

/// The only part of a path that has a name.
struct Named(String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(Problem::not_found("there is nothing here")),
        }
    }
}

/// Makes an answer.
fn answer(status: StatusCode, value: &Value) -> Response {
    let headers: [(HeaderName, HeaderValue); 1] =
        [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, headers, value.to_json()).into_response()
}
