//! What is done beside the runs: leases are renewed, what dead processes held is given back, and what was done long ago is forgotten.

use std::sync::Arc;

use engine_runtime::{Standing, StateError, awaited};
use jiff::{SignedDuration, Timestamp};

use super::held::Held;
use super::{LEASE, LOOK, lease};
use crate::log::Notice;
use crate::server::Server;

/// How often leases are renewed.
const RENEWED: SignedDuration = SignedDuration::from_secs(LEASE.as_secs().cast_signed() / 4);

/// How long events that were done are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long an event is kept that no run takes.
const UNTAKEN: SignedDuration = SignedDuration::from_hours(24);

/// How often those are forgotten that are older.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(10);

/// Does so as long as events are run.
pub(super) async fn keep(server: Arc<Server>, held: Arc<Held>) {
    let begun = server.clock.now();
    let (mut renewed, mut forgotten) = (begun, begun);
    let mut trouble = None;
    loop {
        let done = pass(&server, &held, &mut renewed, &mut forgotten).await;
        let now = done.err().map(|error| format!("events can't be held: {error}"));
        if let Some(message) = now.as_ref().filter(|_| now != trouble) {
            server.log.notice(Notice::Trouble { message });
        }
        trouble = now;
        server.clock.sleep(LOOK).await;
    }
}

async fn pass(
    server: &Server,
    held: &Held,
    renewed: &mut Timestamp,
    forgotten: &mut Timestamp,
) -> Result<(), StateError> {
    if server.clock.now().duration_since(*renewed) >= RENEWED {
        *renewed = server.clock.now();
        let ids = held.ids();
        if !ids.is_empty() {
            let standings = server.events.renew_events(ids.clone(), lease(server)).await?;
            for (id, _) in ids.iter().zip(standings).filter(|(_, standing)| *standing == Standing::Lost) {
                held.lose(id);
            }
        }
    }
    wake(server).await?;
    for holder in server.events.event_holders().await? {
        if holder != server.holder.name && (server.holder.lives)(&holder) == Some(false) {
            let now = server.clock.now();
            if server.events.orphan_events(&holder, now).await? > 0 {
                server.arrived.notify_one();
            }
        }
    }
    if server.clock.now().duration_since(*forgotten) >= FORGOTTEN {
        *forgotten = server.clock.now();
        let now = server.clock.now();
        server.events.forget_events(now.saturating_sub(KEPT).unwrap_or(now), now).await?;
        tidy(server).await?;
    }
    Ok(())
}

/// Lets runs go on for which there are events that they have not seen.
pub(crate) async fn wake(server: &Server) -> Result<(), StateError> {
    let arrivals = awaited::arrivals(&*server.state).await?;
    if arrivals.is_empty() {
        return Ok(());
    }
    for waiter in awaited::waiters(&*server.state).await? {
        if arrivals.iter().any(|arrival| waiter.may_take(arrival))
            && server.events.wake_event(&waiter.run, server.clock.now()).await?
        {
            server.arrived.notify_one();
        }
    }
    Ok(())
}

/// Forgets events that no run has taken for long, and waits of runs that have ended.
async fn tidy(server: &Server) -> Result<(), StateError> {
    for arrival in awaited::arrivals(&*server.state).await? {
        if server.clock.now().duration_since(arrival.at) >= UNTAKEN {
            arrival.remove(&*server.state).await?;
        }
    }
    for waiter in awaited::waiters(&*server.state).await? {
        if server.events.find_event(&waiter.run).await?.is_none_or(|event| event.ended_at.is_some()) {
            waiter.remove(&*server.state).await?;
        }
    }
    Ok(())
}
