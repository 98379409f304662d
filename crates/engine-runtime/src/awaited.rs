//! Events that runs wait for, as the state keeps them: what has come, and who waits where.

use engine_expr::Value;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::{Entry, Kind, StateError, StateStore};

/// What the paths begin with that the engine makes up.
const OWN: &str = "/wait/";

/// A step of a run that waits for an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiter {
    /// The id of the run, and of its event.
    pub run: String,
    /// The flow of the run.
    pub flow: String,
    /// The number of the step in its plan.
    pub step: usize,
    /// What the path is known by.
    pub place: String,
    /// What tells the item from others.
    pub(crate) item: String,
    /// Whether its sender has to prove who it is.
    pub is_verified: bool,
    /// The events that it has seen, and that are not the one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
}

/// An event that came to where runs wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// What it is known by.
    pub key: String,
    /// What the path is known by that it came to.
    pub place: String,
    /// When it came.
    pub at: Timestamp,
    /// What `trigger` is, as JSON.
    pub body: Vec<u8>,
}

/// Returns the path that is a run's own: nobody can guess it.
///
/// # Errors
///
/// Fails where the key of the state can't be read.
pub fn own_path(state: &dyn StateStore, run: &str) -> Result<String, StateError> {
    Ok(format!("{OWN}{run}/{}", state.fingerprint(&["wait", run])?))
}

/// Returns the run whose own path this is.
///
/// # Errors
///
/// Fails where the key of the state can't be read.
pub fn run_of<'p>(state: &dyn StateStore, path: &'p str) -> Result<Option<&'p str>, StateError> {
    let Some((run, proof)) = path.strip_prefix(OWN).and_then(|rest| rest.split_once('/')) else { return Ok(None) };
    // Both are made anew of what only this state knows: how long it takes to compare them tells nothing of use.
    let expected = state.fingerprint(&["wait", run])?;
    let is_same =
        expected.len() == proof.len() && expected.bytes().zip(proof.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0;
    Ok(is_same.then_some(run))
}

/// Returns what a path is known by.
///
/// # Errors
///
/// Fails where the key of the state can't be read.
pub fn place_of(state: &dyn StateStore, path: &str) -> Result<String, StateError> {
    state.fingerprint(&["wait path", path])
}

/// Keeps an event that came to a path; the same event again is kept once.
///
/// # Errors
///
/// Fails where the state can't be written.
pub async fn keep_arrival(
    state: &dyn StateStore,
    place: &str,
    flow: &str,
    known_by: &[&str],
    body: &[u8],
    now: Timestamp,
) -> Result<(), StateError> {
    let key = format!("{place} {}", state.fingerprint(known_by)?);
    state.save(Kind::Arrival, &key, flow, body, now).await
}

/// Lists the events that nobody has taken, the oldest first.
///
/// # Errors
///
/// Fails where the state can't be read.
pub async fn arrivals(state: &dyn StateStore) -> Result<Vec<Arrival>, StateError> {
    let arrival = |entry: Entry| {
        let place = entry.key.split(' ').next().unwrap_or_default().to_owned();
        Arrival { key: entry.key, place, at: entry.saved_at, body: entry.value }
    };
    let mut arrivals: Vec<Arrival> = state.list(Kind::Arrival).await?.into_iter().map(arrival).collect();
    arrivals.sort_by(|left, right| (left.at, &left.key).cmp(&(right.at, &right.key)));
    Ok(arrivals)
}

/// Lists who waits.
///
/// # Errors
///
/// Fails where the state can't be read.
pub async fn waiters(state: &dyn StateStore) -> Result<Vec<Waiter>, StateError> {
    let entries = state.list(Kind::Waiting).await?;
    Ok(entries.iter().filter_map(|entry| serde_json::from_slice(&entry.value).ok()).collect())
}

impl Waiter {
    fn key(&self) -> String {
        format!("{} {} {}", self.place, self.run, self.item)
    }

    pub(crate) async fn save(&self, state: &dyn StateStore, now: Timestamp) -> Result<(), StateError> {
        // Texts are always JSON.
        let value = serde_json::to_vec(self).unwrap_or_default();
        state.save(Kind::Waiting, &self.key(), &self.flow, &value, now).await
    }

    /// Waits no more.
    ///
    /// # Errors
    ///
    /// Fails where the state can't be written.
    pub async fn remove(&self, state: &dyn StateStore) -> Result<(), StateError> {
        state.remove(Kind::Waiting, &self.key()).await.map(|_| ())
    }

    /// Tells whether an event may be the one.
    pub fn may_take(&self, arrival: &Arrival) -> bool {
        self.place == arrival.place && !self.seen.contains(&arrival.key)
    }
}

impl Arrival {
    /// Forgets the event.
    ///
    /// # Errors
    ///
    /// Fails where the state can't be written.
    pub async fn remove(&self, state: &dyn StateStore) -> Result<bool, StateError> {
        state.remove(Kind::Arrival, &self.key).await
    }

    /// Returns what `trigger` is.
    pub(crate) fn trigger(&self) -> Value {
        std::str::from_utf8(&self.body).ok().and_then(|text| Value::from_json(text).ok()).unwrap_or_default()
    }
}
