//! What a run comes to, as far as it has to be the same whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine_expr::Value;

use super::faults::Applied;
use crate::expect::difference::short;

/// What there is when a run has come to its end.
#[derive(Clone, Debug)]
pub(super) struct Result {
    /// The rows of each table and file.
    rows: BTreeMap<String, Vec<Value>>,
    /// The writes that each endpoint got.
    applied: Applied,
    cursors: BTreeMap<String, Value>,
    letters: usize,
}

/// The members that are not the same from run to run: times, ids.
#[derive(Debug, Default)]
pub(super) struct Volatile {
    members: BTreeMap<String, BTreeSet<Arc<str>>>,
    cursors: BTreeSet<String>,
}

impl Result {
    pub(super) fn new(
        rows: BTreeMap<String, Vec<Value>>,
        applied: Applied,
        cursors: BTreeMap<String, Value>,
        letters: usize,
    ) -> Self {
        Self { rows, applied, cursors, letters }
    }

    fn lists(&self) -> impl Iterator<Item = (String, &Vec<Value>)> {
        let rows = self.rows.iter().map(|(name, rows)| (format!("rows of `{name}`"), rows));
        rows.chain(self.applied.iter().map(|(name, writes)| (format!("writes to `{name}`"), writes)))
    }

    /// Finds what differs between two runs in which nothing failed; nothing where they can't be compared.
    pub(super) fn volatile(&self, other: &Self) -> Option<Volatile> {
        let mut volatile = Volatile::default();
        let others: BTreeMap<String, &Vec<Value>> = other.lists().collect();
        for (name, list) in self.lists() {
            let other = others.get(&name)?;
            if list.len() != other.len() {
                return None;
            }
            for (one, other) in list.iter().zip(*other) {
                let found = volatile.members.entry(name.clone()).or_default();
                differing(one, other, found)?;
            }
        }
        if others.len() != self.lists().count() || self.letters != other.letters {
            return None;
        }
        for (label, cursor) in &self.cursors {
            if other.cursors.get(label) != Some(cursor) {
                volatile.cursors.insert(label.clone());
            }
        }
        Some(volatile)
    }

    /// Leaves out what is not the same from run to run.
    #[must_use]
    pub(super) fn without(&self, volatile: &Volatile) -> Self {
        let masked = |prefix: &str, lists: &BTreeMap<String, Vec<Value>>| -> BTreeMap<String, Vec<Value>> {
            let mask = |(name, list): (&String, &Vec<Value>)| {
                let found = volatile.members.get(&format!("{prefix} `{name}`"));
                let mut list: Vec<Value> = list.iter().map(|one| masked(one, found)).collect();
                list.sort_by_key(Value::to_json);
                (name.clone(), list)
            };
            lists.iter().map(mask).collect()
        };
        let cursors = self.cursors.iter().filter(|(label, _)| !volatile.cursors.contains(*label));
        Self {
            rows: masked("rows of", &self.rows),
            applied: masked("writes to", &self.applied),
            cursors: cursors.map(|(label, cursor)| (label.clone(), cursor.clone())).collect(),
            letters: self.letters,
        }
    }

    /// Says what another run lost, or has twice.
    pub(super) fn differs(&self, other: &Self) -> Option<String> {
        let others: BTreeMap<String, &Vec<Value>> = other.lists().collect();
        let nothing = Vec::new();
        for (name, wanted) in self.lists() {
            let came = others.get(&name).copied().unwrap_or(&nothing);
            let count = |list: &[Value], one: &Value| list.iter().filter(|other| *other == one).count();
            for one in wanted {
                let (wanted, came) = (count(wanted, one), count(came, one));
                if came < wanted {
                    return Some(format!("of the {name} one is lost\n- {}", short(one)));
                }
                if came > wanted {
                    return Some(format!(
                        "of the {name} one is there {came} times instead of {wanted}\n+ {}",
                        short(one)
                    ));
                }
            }
            if let Some(more) = came.iter().find(|one| count(wanted, one) == 0) {
                return Some(format!("of the {name} there is one more\n+ {}", short(more)));
            }
        }
        if self.letters != other.letters {
            return Some(format!("{} records are kept aside instead of {}", other.letters, self.letters));
        }
        for (label, cursor) in &self.cursors {
            if other.cursors.get(label) != Some(cursor) {
                let came = other.cursors.get(label).map_or_else(|| "nothing".to_owned(), short);
                return Some(format!("the cursor of {label} is another\n- {}\n+ {came}", short(cursor)));
            }
        }
        None
    }
}

/// Finds the members of two objects that differ; nothing where the values are no objects and differ.
fn differing(one: &Value, other: &Value, found: &mut BTreeSet<Arc<str>>) -> Option<()> {
    match (one, other) {
        (one, other) if one == other => Some(()),
        (Value::Object(members), Value::Object(others)) => {
            for (name, value) in members.iter() {
                match others.get(name) {
                    Some(other) if other == value => {}
                    // What is within the body of a request is looked at, not the body as a whole.
                    Some(other) if &**name == "body" && differing(value, other, found).is_some() => {}
                    _ => {
                        found.insert(Arc::clone(name));
                    }
                }
            }
            Some(())
        }
        _ => None,
    }
}

fn masked(value: &Value, volatile: Option<&BTreeSet<Arc<str>>>) -> Value {
    let (Value::Object(members), Some(volatile)) = (value, volatile) else { return value.clone() };
    let kept = members.iter().filter(|(name, _)| !volatile.contains(*name));
    Value::object(kept.map(|(name, value)| (Arc::clone(name), masked(value, Some(volatile)))))
}
