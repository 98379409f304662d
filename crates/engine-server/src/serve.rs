//! Serves: all that starts runs, side by side, until it is to end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::api::{self, Access};
use crate::connections::Connections;
use crate::dispatch;
use crate::flows::{self, Shelf};
use crate::log::Notice;
use crate::metrics;
use crate::schedule;
use crate::server::Server;
use crate::webhook::{self, Intake};

/// What is served, and where.
pub struct Serving {
    /// The specs on disk, which are looked at again and again.
    pub shelf: Shelf,
    /// Where requests come in.
    pub listener: TcpListener,
    /// Told when the specs are to be read anew at once.
    pub reload: Arc<Notify>,
    /// How long it may take to end, once it is asked to.
    pub end_within: Duration,
    /// Who may ask the management API; nobody where there is none.
    pub access: Option<Access>,
    /// What connections are given.
    pub connections: Connections,
}

/// Serves until the server is asked to end, and all has come to its end; tells whether it has in time.
pub async fn serve(server: Arc<Server>, serving: Serving) -> bool {
    let Serving { shelf, listener, reload, end_within, access, connections } = serving;
    let mut tasks = JoinSet::new();
    let now = server.clock.now();
    for flow in server.flows.current().iter() {
        let triggers: Vec<String> = flow.plan.triggers.iter().map(|trigger| trigger.address.clone()).collect();
        let next = flow.schedules.iter().filter_map(|schedule| schedule.next_after(now)).min();
        server.log.notice(Notice::Serves { flow: flow.name(), triggers: &triggers, next });
    }
    if let Ok(address) = listener.local_addr() {
        server.log.notice(Notice::Listening { address });
    }
    tasks.spawn(dispatch::dispatch(Arc::clone(&server)));
    tasks.spawn(schedule::tick(Arc::clone(&server)));
    tasks.spawn(flows::follow(Arc::clone(&server), shelf, reload));
    let router = router(&server, access);
    tasks.spawn(connections.serve(Arc::clone(&server), listener, router));
    tokio::select! {
        () = server.stop.stopped() => {}
        // Each of them goes on until the server is to end; one that does not has failed, and the others would go on without it.
        ended = tasks.join_next() => {
            if let Some(Err(error)) = ended {
                server.log.notice(Notice::Trouble { message: &format!("the server ends: {error}") });
            }
            server.stop.stop();
        }
    }
    server.log.notice(Notice::Stopping);
    let all = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        () = all => true,
        () = server.clock.sleep(end_within) => false,
    }
}

/// Puts together what answers requests.
fn router(server: &Arc<Server>, access: Option<Access>) -> Router {
    let intake = Arc::new(Intake::new(Arc::clone(server)));
    let router = webhook::routes(intake).merge(metrics::routes(server, &server.metrics));
    match access {
        Some(access) => router.merge(api::routes(server, access)),
        None => router,
    }
}
