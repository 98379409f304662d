//! Waiting for the end of an event's run.

use std::sync::Arc;
use std::time::Duration;

use engine_expr::Value;
use engine_runtime::{EventStatus, EventStore};
use tokio::select;

use crate::dispatch::Watch;
use crate::server::Server;

/// How an event has ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// Its run has come to its end; `steps` of it are known where it ran here, and just now.
    Done {
        /// What `steps` is.
        steps: Value,
    },
    /// It was given up.
    Dead,
    /// It goes on.
    Late,
}

/// How often the inbox is looked at: another process may run the event.
const LOOK: Duration = Duration::from_secs(1);

/// Waits for the end of an event's run.
pub(super) async fn wait(server: &Server, watch: &mut Watch<'_>, id: &str, most: Duration) -> Ending {
    let mut late = server.clock.sleep(most);
    if let Some(ending) = look(&server.events, id).await {
        return ending;
    }
    loop {
        select! {
            finished = watch.ended() => return match finished.error {
                None => Ending::Done { steps: finished.steps },
                Some(_) => Ending::Dead,
            },
            () = server.clock.sleep(LOOK) => {
                if let Some(ending) = look(&server.events, id).await {
                    return ending;
                }
            }
            () = &mut late => return Ending::Late,
        }
    }
}

async fn look(events: &Arc<dyn EventStore>, id: &str) -> Option<Ending> {
    match events.find_event(id).await.ok()??.status {
        EventStatus::Done => Some(Ending::Done { steps: Value::Null }),
        EventStatus::Dead => Some(Ending::Dead),
        EventStatus::Waiting | EventStatus::Running => None,
    }
}
