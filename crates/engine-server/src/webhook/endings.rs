//! Waiting for the end of an event's run.

use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{EventStatus, EventStore};
use tokio::select;

use crate::server::Server;

/// How an event has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its run has come to its end.
    Done,
    /// It was given up.
    Dead,
    /// It goes on.
    Late,
}

/// How long to wait before looking again, at first and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// Waits for the end of an event's run, which another process may run.
pub(super) async fn wait(server: &Server, id: &str, most: Duration) -> Ending {
    let mut late = server.clock.sleep(most);
    let mut pause = LOOKS.0;
    loop {
        if let Some(ending) = look(&server.events, id).await {
            return ending;
        }
        select! {
            () = server.clock.sleep(pause) => pause = (pause * 2).min(LOOKS.1),
            () = &mut late => return look(&server.events, id).await.unwrap_or(Ending::Late),
        }
    }
}

async fn look(events: &Arc<dyn EventStore>, id: &str) -> Option<Ending> {
    match events.find_event(id).await.ok()??.status {
        EventStatus::Done => Some(Ending::Done),
        EventStatus::Dead => Some(Ending::Dead),
        EventStatus::Waiting | EventStatus::Running => None,
    }
}
