//! An inbox that is kept as long as the process lives: for tests.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::{EventCount, EventFilter, EventKind, EventStatus, NewEvent, Outcome, Put, StoredEvent, Wanted};
use crate::journal::{Lease, Standing};

/// The events of a process.
#[derive(Debug, Default)]
pub(crate) struct MemoryInbox {
    /// In the order in which they came.
    events: BTreeMap<u64, StoredEvent>,
    numbers: HashMap<String, u64>,
    keys: HashMap<(String, String, String), (String, Timestamp)>,
    last: u64,
}

impl MemoryInbox {
    pub(crate) fn put(&mut self, events: Vec<NewEvent>) -> Vec<Put> {
        events.into_iter().map(|event| self.put_one(event)).collect()
    }

    fn put_one(&mut self, event: NewEvent) -> Put {
        if self.numbers.contains_key(&event.id) {
            return Put::Kept;
        }
        if let Some(dedupe) = event.dedupe {
            let key = (event.flow.clone(), event.trigger.clone(), dedupe.key);
            match self.keys.get(&key) {
                Some((known, until)) if *until > event.received_at => return Put::Known { event: known.clone() },
                _ => _ = self.keys.insert(key, (event.id.clone(), dedupe.until)),
            }
        }
        self.last += 1;
        self.numbers.insert(event.id.clone(), self.last);
        let stored = StoredEvent {
            id: event.id,
            flow: event.flow,
            trigger: event.trigger,
            kind: event.kind,
            partition: event.partition,
            received_at: event.received_at,
            due_at: event.due_at,
            status: EventStatus::Waiting,
            failures: 0,
            error: None,
            holder: None,
            ended_at: None,
            inputs: event.inputs,
            body: event.body,
            may_have_begun: true,
        };
        self.events.insert(self.last, stored);
        Put::Kept
    }

    pub(crate) fn take(&mut self, wanted: &Wanted) -> Vec<StoredEvent> {
        let mut begun = HashSet::new();
        let mut due: BTreeMap<&str, Vec<(Timestamp, u64)>> = BTreeMap::new();
        for (number, event) in self.events.iter().filter(|(_, event)| event.ended_at.is_none()) {
            let is_first =
                event.partition.as_deref().is_none_or(|part| begun.insert((event.flow.clone(), part.to_owned())));
            if is_first && event.due_at <= wanted.lease.now {
                due.entry(&event.flow).or_default().push((event.due_at, *number));
            }
        }
        let mut chosen = Vec::new();
        for (flow, mut due) in due {
            let Some((busy, free)) = wanted.room(flow) else { continue };
            due.sort_unstable();
            let ranked = due.into_iter().take(free as usize).zip(busy..);
            chosen.extend(ranked.map(|((due_at, number), rank)| (rank, due_at, number)));
        }
        chosen.sort_unstable();
        let mut taken = Vec::new();
        for (_, _, number) in chosen.into_iter().take(wanted.most as usize) {
            let Some(event) = self.events.get_mut(&number) else { continue };
            event.status = EventStatus::Running;
            event.holder = Some(wanted.lease.holder.clone());
            event.due_at = wanted.lease.until();
            taken.push(event.clone());
        }
        taken
    }

    pub(crate) fn renew(&mut self, ids: &[String], lease: &Lease) -> Vec<Standing> {
        let renew = |id: &String| match self.held(id, lease) {
            Some(event) => {
                event.due_at = lease.until();
                Standing::Held
            }
            None => Standing::Lost,
        };
        ids.iter().map(renew).collect()
    }

    pub(crate) fn settle(&mut self, id: &str, lease: &Lease, outcome: Outcome) -> bool {
        let Some(event) = self.held(id, lease) else { return false };
        event.holder = None;
        match outcome {
            Outcome::Done => {
                event.status = EventStatus::Done;
                event.ended_at = Some(lease.now);
                event.error = None;
            }
            Outcome::Retry { at, error } => {
                event.status = EventStatus::Waiting;
                event.due_at = at;
                event.failures += 1;
                event.error = Some(error);
            }
            Outcome::Dead { error } => {
                event.status = EventStatus::Dead;
                event.failures += 1;
                event.ended_at = Some(lease.now);
                event.error = Some(error);
            }
            Outcome::Released => give_back(event, lease.now),
            Outcome::Parked { until } => {
                event.status = EventStatus::Waiting;
                event.due_at = until;
            }
        }
        true
    }

    pub(crate) fn wake(&mut self, id: &str, now: Timestamp) -> bool {
        let Some(event) = self.numbers.get(id).and_then(|number| self.events.get_mut(number)) else { return false };
        let sleeps = event.status == EventStatus::Waiting && event.due_at > now;
        if sleeps {
            event.due_at = now;
        }
        sleeps
    }

    pub(crate) fn revive(&mut self, id: &str, now: Timestamp) -> bool {
        let event = self.numbers.get(id).and_then(|number| self.events.get_mut(number));
        let Some(event) = event.filter(|event| event.status == EventStatus::Dead) else { return false };
        event.status = EventStatus::Waiting;
        (event.due_at, event.ended_at, event.failures, event.error) = (now, None, 0, None);
        true
    }

    pub(crate) fn find(&self, id: &str) -> Option<StoredEvent> {
        self.events.get(self.numbers.get(id)?).cloned()
    }

    pub(crate) fn list(&self, filter: &EventFilter) -> Vec<StoredEvent> {
        self.events
            .values()
            .rev()
            .filter(|event| filter.flow.as_ref().is_none_or(|flow| event.flow == *flow))
            .filter(|event| filter.status.is_none_or(|status| event.status == status))
            .take(filter.most as usize)
            .map(|event| StoredEvent { inputs: Vec::new(), body: Vec::new(), partition: None, ..event.clone() })
            .collect()
    }

    pub(crate) fn replay(&mut self, id: &str, new_id: &str, now: Timestamp) -> Option<String> {
        let event = self.find(id)?;
        self.put_one(event.again(new_id, now));
        Some(new_id.to_owned())
    }

    pub(crate) fn open_flows(&self, kind: EventKind) -> Vec<String> {
        let open = self.events.values().filter(|event| event.kind == kind && event.ended_at.is_none());
        let flows: BTreeSet<String> = open.map(|event| event.flow.clone()).collect();
        flows.into_iter().collect()
    }

    pub(crate) fn count(&self) -> Vec<EventCount> {
        let mut counts: BTreeMap<(&str, EventStatus), (u64, Timestamp)> = BTreeMap::new();
        for event in self.events.values().filter(|event| event.status != EventStatus::Done) {
            let (count, oldest) = counts.entry((&event.flow, event.status)).or_insert((0, event.received_at));
            *count += 1;
            *oldest = (*oldest).min(event.received_at);
        }
        let counted = |((flow, status), (count, oldest)): ((&str, EventStatus), _)| EventCount {
            flow: flow.to_owned(),
            status,
            count,
            oldest,
        };
        counts.into_iter().map(counted).collect()
    }

    pub(crate) fn forget(&mut self, before: Timestamp, now: Timestamp) -> u64 {
        self.keys.retain(|_, (_, until)| *until > now);
        let is_old = |event: &StoredEvent| {
            event.status == EventStatus::Done && event.ended_at.is_some_and(|ended_at| ended_at < before)
        };
        let count = self.events.len();
        self.events.retain(|_, event| !is_old(event));
        let events = &self.events;
        self.numbers.retain(|_, number| events.contains_key(number));
        (count - self.events.len()) as u64
    }

    pub(crate) fn drop_free(&mut self, id: &str) -> bool {
        let is_free =
            self.find(id).is_some_and(|event| matches!(event.status, EventStatus::Dead | EventStatus::Waiting));
        if is_free && let Some(number) = self.numbers.remove(id) {
            self.events.remove(&number);
        }
        is_free
    }

    pub(crate) fn holders(&self) -> Vec<String> {
        let holders: BTreeSet<_> = self.events.values().filter_map(|event| event.holder.clone()).collect();
        holders.into_iter().collect()
    }

    pub(crate) fn orphan(&mut self, holder: &str, now: Timestamp) -> u64 {
        let mut count = 0;
        for event in self.events.values_mut().filter(|event| event.holder.as_deref() == Some(holder)) {
            event.holder = None;
            give_back(event, now);
            count += 1;
        }
        count
    }

    fn held(&mut self, id: &str, lease: &Lease) -> Option<&mut StoredEvent> {
        let event = self.events.get_mut(self.numbers.get(id)?)?;
        (event.holder.as_deref() == Some(&*lease.holder)).then_some(event)
    }
}

/// Gives an event back as it was before it was taken.
fn give_back(event: &mut StoredEvent, now: Timestamp) {
    event.status = EventStatus::Waiting;
    event.due_at = event.received_at.min(now);
}
