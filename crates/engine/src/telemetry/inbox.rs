//! Tells how the inbox of a server stands, as often as metrics are sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine_runtime::EventStatus;
use engine_server::Server;
use engine_telemetry::Telemetry;

/// Tells how the inbox stands, until the server is to end.
pub(crate) async fn watch_inbox(telemetry: Arc<Telemetry>, server: Arc<Server>) {
    let Some(interval) = telemetry.interval() else { return };
    let mut known = BTreeSet::new();
    while !server.stop.is_stopped() {
        if let Ok(counts) = server.events.count_events().await {
            let now = server.clock.now();
            // What is told once is told on: that there are none any more has to be told too.
            let mut gone = std::mem::take(&mut known);
            for count in &counts {
                let is_waiting = count.status == EventStatus::Waiting;
                let oldest = is_waiting.then(|| now.duration_since(count.oldest).as_secs_f64().max(0.0));
                telemetry.events(&count.flow, count.status.as_str(), count.count, oldest);
                let place = (count.flow.clone(), count.status.as_str());
                gone.remove(&place);
                known.insert(place);
            }
            for (flow, status) in gone {
                let oldest = (status == EventStatus::Waiting.as_str()).then_some(0.0);
                telemetry.events(&flow, status, 0, oldest);
            }
        }
        tokio::select! {
            () = server.clock.sleep(interval) => {}
            () = server.stop.stopped() => {}
        }
    }
}
