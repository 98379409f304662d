//! Puts an event into the inbox whenever a schedule says so.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{EventKind, Kind, Put, StateError};
use jiff::{SignedDuration, Timestamp};

use super::Schedule;
use super::due::{self, Due};
use super::timer::Timer;
use crate::flows::{Flow, FlowSet};
use crate::log::Notice;
use crate::server::Server;

/// How long it is waited at most before the clock is looked at again: it may have been set.
const LOOK: Duration = Duration::from_secs(1);

/// How late a time may be noticed: what is later was missed.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// How far the clock may go back without being taken for one that was set.
const STEP_BACK: SignedDuration = SignedDuration::from_secs(1);

/// How many events are put at once.
const BATCH: usize = 1000;

/// Starts flows by the clock, until the server is to end.
pub(crate) async fn tick(server: Arc<Server>) {
    let mut flows = server.flows.watch();
    let mut ticker = Ticker::new(Arc::clone(&server));
    let mut is_new = true;
    while !server.stop.is_stopped() {
        let set = Arc::clone(&flows.borrow_and_update());
        let mut done = Ok(());
        if is_new {
            done = ticker.serve(&set).await;
            is_new = done.is_err();
        }
        // Where a change can't be taken over yet, what was served goes on.
        if done.is_ok() {
            done = ticker.pass().await;
        }
        let wait = if done.is_ok() { ticker.wait() } else { LOOK };
        ticker.tell(done);
        tokio::select! {
            () = server.stop.stopped() => {}
            () = server.clock.sleep(wait) => {}
            changed = flows.changed() => is_new |= changed.is_ok(),
        }
    }
}

/// All schedules, and when each is due.
pub(super) struct Ticker {
    server: Arc<Server>,
    timed: Vec<Timed>,
    timer: Timer,
    /// Up to when all times were looked at.
    seen: Timestamp,
    /// The flows that were served up to then, and whether they make up for what they miss.
    served: HashMap<String, bool>,
    /// What was wrong last: it is told once.
    trouble: Option<String>,
}

/// A schedule of a flow.
struct Timed {
    flow: Arc<Flow>,
    /// Its number among those of the flow.
    number: usize,
}

impl Timed {
    fn schedule(&self) -> Option<&Schedule> {
        self.flow.schedules.get(self.number)
    }
}

impl Ticker {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self {
            seen: server.clock.now(),
            server,
            timed: Vec::new(),
            timer: Timer::default(),
            served: HashMap::new(),
            trouble: None,
        }
    }

    /// Takes over a set of flows: those that were served go on from where they were, others begin now, with what they missed.
    pub(super) async fn serve(&mut self, set: &FlowSet) -> Result<(), StateError> {
        let now = self.server.clock.now();
        let kept = self.kept(set).await?;
        let mut due = Vec::new();
        let mut told = Vec::new();
        for flow in set.iter().filter(|flow| !self.served.contains_key(flow.name())) {
            let Some(last) = kept.get(flow.name()) else { continue };
            for schedule in &flow.schedules {
                let missed = schedule.missed(*last, now);
                if !missed.ticks.is_empty() {
                    told.push((flow, missed.ticks.len(), missed.is_bounded));
                }
                due.extend(missed.ticks.into_iter().map(|tick| Due { flow, schedule, tick, is_missed: true }));
            }
        }
        self.put(&due, now).await?;
        for (flow, runs, is_bounded) in told {
            self.server.log.notice(Notice::CaughtUp { flow: flow.name(), runs, is_bounded });
        }
        for flow in set.iter() {
            let known = self.served.get(flow.name());
            let had = known.copied().unwrap_or(kept.contains_key(flow.name()));
            match flow.catches_up() {
                true if known == Some(&true) => {}
                // What is missed from here on is made up for.
                true => self.keep(flow.name(), if known.is_some() { self.seen } else { now }).await?,
                // What is missed from here on is not, whatever the spec says one day.
                false if had => self.forget(flow.name()).await?,
                false => {}
            }
        }
        self.timed.clear();
        self.timer = Timer::default();
        for flow in set.iter() {
            let after = if self.served.contains_key(flow.name()) { self.seen } else { now };
            for (number, schedule) in flow.schedules.iter().enumerate() {
                if let Some(next) = schedule.next_after(after) {
                    self.timer.set(self.timed.len(), next);
                }
                self.timed.push(Timed { flow: Arc::clone(flow), number });
            }
        }
        self.served = set.iter().map(|flow| (flow.name().to_owned(), flow.catches_up())).collect();
        Ok(())
    }

    /// Puts events for all times that have come.
    pub(super) async fn pass(&mut self) -> Result<(), StateError> {
        let now = self.server.clock.now();
        if now < self.seen.saturating_sub(STEP_BACK).unwrap_or(now) {
            self.begin_anew(now);
        }
        let taken: Vec<(Timestamp, usize)> = std::iter::from_fn(|| self.timer.take(now)).collect();
        let punctual = now.saturating_sub(LATE).unwrap_or(now);
        let mut due = Vec::new();
        let mut next = Vec::new();
        let mut told = Vec::new();
        for (tick, index) in &taken {
            let Some((Timed { flow, .. }, schedule)) =
                self.timed.get(*index).and_then(|timed| Some((timed, timed.schedule()?)))
            else {
                continue;
            };
            if *tick >= punctual {
                due.push(Due { flow, schedule, tick: *tick, is_missed: false });
                next.push((*index, schedule.next_after(*tick)));
                continue;
            }
            let before = tick.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(*tick);
            let missed = schedule.missed(before, punctual);
            told.push(match missed.ticks.len() {
                0 => Notice::Missed { flow: flow.name(), tick: *tick },
                runs => Notice::CaughtUp { flow: flow.name(), runs, is_bounded: missed.is_bounded },
            });
            due.extend(missed.ticks.into_iter().map(|tick| Due { flow, schedule, tick, is_missed: true }));
            next.push((*index, schedule.next_after(punctual)));
        }
        if let Err(error) = self.put(&due, now).await {
            for (tick, index) in taken {
                self.timer.set(index, tick);
            }
            return Err(error);
        }
        for notice in told {
            self.server.log.notice(notice);
        }
        let ticked: HashSet<&str> = due.iter().map(|due| due.flow.name()).collect();
        let catching: Vec<String> = ticked
            .into_iter()
            .filter(|flow| self.served.get(*flow).is_some_and(|catches_up| *catches_up))
            .map(str::to_owned)
            .collect();
        for (index, next) in next {
            if let Some(next) = next {
                self.timer.set(index, next);
            }
        }
        self.seen = now;
        for flow in catching {
            self.keep(&flow, now).await?;
        }
        Ok(())
    }

    /// Looks at all times anew: the clock was set back. What has run is known to have.
    fn begin_anew(&mut self, now: Timestamp) {
        self.seen = now;
        self.timer = Timer::default();
        for (index, timed) in self.timed.iter().enumerate() {
            if let Some(next) = timed.schedule().and_then(|schedule| schedule.next_after(now)) {
                self.timer.set(index, next);
            }
        }
    }

    /// Puts events into the inbox; of those that are to be left out while the run before is not done, it is told.
    async fn put(&self, due: &[Due<'_>], now: Timestamp) -> Result<(), StateError> {
        let events = &self.server.events;
        let mut busy: HashSet<String> = HashSet::new();
        if due.iter().any(Due::yields) {
            busy.extend(events.open_flows(EventKind::Schedule).await?);
        }
        busy.extend(due.iter().filter(|due| due.is_missed).map(|due| due.flow.name().to_owned()));
        let mut wanted = Vec::new();
        let mut known = HashSet::new();
        for due in due {
            let event = due.event(now);
            if due.yields() && busy.contains(due.flow.name()) {
                // It may be this very run that is not done: another process was faster.
                if events.find_event(&event.id).await?.is_none() {
                    self.server.log.notice(Notice::Skipped { flow: due.flow.name(), tick: due.tick });
                }
            } else if known.insert(event.id.clone()) {
                wanted.push(event);
            }
        }
        while !wanted.is_empty() {
            let rest = wanted.split_off(wanted.len().min(BATCH));
            let put = events.put_events(wanted).await?;
            if put.contains(&Put::Kept) {
                self.server.arrived.notify_one();
            }
            wanted = rest;
        }
        Ok(())
    }

    /// Returns until when flows were served last, as far as somebody wants to know.
    async fn kept(&self, set: &FlowSet) -> Result<HashMap<String, Timestamp>, StateError> {
        if set.iter().all(|flow| self.served.contains_key(flow.name())) {
            return Ok(HashMap::new());
        }
        let entries = self.server.state.list(Kind::Tick).await?;
        let read = |value: Vec<u8>| String::from_utf8(value).ok()?.parse().ok();
        Ok(entries.into_iter().filter_map(|entry| Some((entry.label, read(entry.value)?))).collect())
    }

    /// Keeps up to when a flow was served.
    async fn keep(&self, flow: &str, until: Timestamp) -> Result<(), StateError> {
        let key = due::key(&*self.server.state, flow)?;
        let now = self.server.clock.now();
        self.server.state.save(Kind::Tick, &key, flow, until.to_string().as_bytes(), now).await
    }

    /// Keeps that no longer.
    async fn forget(&self, flow: &str) -> Result<(), StateError> {
        let key = due::key(&*self.server.state, flow)?;
        self.server.state.remove(Kind::Tick, &key).await.map(|_| ())
    }

    /// Returns how long there is nothing to do.
    pub(super) fn wait(&self) -> Duration {
        let now = self.server.clock.now();
        let next = self.timer.next().map_or(SignedDuration::MAX, |next| next.duration_since(now));
        Duration::try_from(next).unwrap_or_default().min(LOOK)
    }

    /// Says what is wrong, once as long as it is the same.
    fn tell(&mut self, done: Result<(), StateError>) {
        let trouble = done.err().map(|error| format!("schedules wait: {error}"));
        if let Some(message) = trouble.as_ref().filter(|_| trouble != self.trouble) {
            self.server.log.notice(Notice::Trouble { message });
        }
        self.trouble = trouble;
    }
}
