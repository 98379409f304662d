//! One thing that is kept, and how it is found by what somebody types.

use engine_runtime::{Entry, Kind, StateStore};
use serde_json::Value;

use crate::failure::Failure;

/// How many characters of a key tell one from all others, as a rule.
const SHORT: usize = 10;

/// The kinds that these commands are for.
const KINDS: [(Kind, &str); 3] = [(Kind::Cursor, "cursor"), (Kind::Validator, "validator"), (Kind::Tick, "tick")];

/// Something that is kept, with its kind.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) kind: Kind,
    pub(super) entry: Entry,
}

impl Kept {
    /// Returns what it is called by.
    pub(super) fn id(&self) -> &str {
        self.entry.key.get(..SHORT).unwrap_or(&self.entry.key)
    }

    /// Names its kind.
    pub(super) fn kind(&self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, name)| name)
    }

    /// Returns what is kept; what is no JSON, as a text.
    pub(super) fn value(&self) -> Value {
        let text = String::from_utf8_lossy(&self.entry.value);
        serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.into_owned()))
    }

    /// Returns the flow that it belongs to: the start of what it is.
    pub(super) fn flow(&self) -> &str {
        self.entry.label.split(", step ").next().unwrap_or_default()
    }
}

/// Returns the kind of a name.
pub(super) fn kind_of(name: &str) -> Option<Kind> {
    KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
}

/// Returns all that is kept, by what it is.
pub(super) async fn all(state: &dyn StateStore) -> Result<Vec<Kept>, Failure> {
    let mut all = Vec::new();
    for (kind, _) in KINDS {
        let entries = state.list(kind).await.map_err(Failure::from)?;
        all.extend(entries.into_iter().map(|entry| Kept { kind, entry }));
    }
    all.sort_by(|left, right| (&left.entry.label, left.kind()).cmp(&(&right.entry.label, right.kind())));
    Ok(all)
}

/// Finds what somebody means by the start of a key.
///
/// # Errors
///
/// Fails where nothing, or more than one thing, is called so.
pub(super) fn find<'k>(kept: &'k [Kept], id: &str) -> Result<&'k Kept, Failure> {
    let mut found = kept.iter().filter(|one| !id.is_empty() && one.entry.key.starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several things that are kept begin with `{id}`")).help("give more of the id"))
        }
        (None, _) => Err(Failure::usage(format!("nothing that is kept is called `{id}`"))
            .help("`engine state list` shows what is kept")),
    }
}
