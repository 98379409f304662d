//! What is kept of the flow from runs before: cursors, validators, the last run.

use engine_plan::Plan;
use engine_runtime::{Kind, RunEntry, StateStore};
use serde_json::{Value, json};

use crate::failure::Failure;

/// What is kept of a flow.
pub(super) struct KeptState {
    /// Where.
    pub(super) place: String,
    /// How far reads came.
    pub(super) cursors: Vec<Cursor>,
    /// How many reads know what they had last.
    pub(super) validators: usize,
    /// How many records were put aside.
    pub(super) dead_letters: usize,
    /// The last run.
    pub(super) last: Option<RunEntry>,
}

/// How far a read came.
pub(super) struct Cursor {
    /// The address of the step.
    pub(super) step: String,
    /// The endpoint, and its params.
    pub(super) what: String,
    /// How far.
    pub(super) value: Value,
    /// When that was kept.
    pub(super) saved_at: String,
}

/// Looks at what is kept; nothing is made where nothing is.
pub(super) async fn look(plan: &Plan, state: &dyn StateStore, place: &str) -> Result<KeptState, Failure> {
    let prefix = format!("{}, step ", plan.name);
    let mut cursors = Vec::new();
    for entry in state.list(Kind::Cursor).await? {
        let Some(rest) = entry.label.strip_prefix(&prefix) else { continue };
        let (step, what) = rest.split_once(": ").unwrap_or((rest, ""));
        let text = String::from_utf8_lossy(&entry.value);
        cursors.push(Cursor {
            step: step.to_owned(),
            what: what.to_owned(),
            value: serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.into_owned())),
            saved_at: entry.saved_at.to_string(),
        });
    }
    let is_own = |label: &str| label.starts_with(&prefix);
    let validators = state.list(Kind::Validator).await?.iter().filter(|entry| is_own(&entry.label)).count();
    let letters = state.list(Kind::DeadLetter).await?;
    let dead_letters = letters.iter().filter(|entry| entry.label.starts_with(&format!("{}, ", plan.name))).count();
    let last = state.list_runs(Some(&plan.name), 1).await?.into_iter().next();
    Ok(KeptState { place: place.to_owned(), cursors, validators, dead_letters, last })
}

impl KeptState {
    /// Tells whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.cursors.is_empty() && self.validators == 0 && self.dead_letters == 0 && self.last.is_none()
    }

    /// Returns it for programs.
    pub(super) fn to_json(&self) -> Value {
        let cursors = self.cursors.iter().map(|cursor| {
            json!({"step": cursor.step, "read": cursor.what, "value": cursor.value, "saved_at": cursor.saved_at})
        });
        json!({
            "place": without_password(&self.place),
            "cursors": cursors.collect::<Vec<_>>(),
            "validators": self.validators,
            "dead_letters": self.dead_letters,
            "last_run": self.last.as_ref().map(|run| {
                json!({"id": run.id, "status": run.status.as_str(), "started_at": run.started_at.to_string()})
            }),
        })
    }
}

/// Returns a place without the password in it.
pub(in crate::commands) fn without_password(place: &str) -> String {
    match url::Url::parse(place) {
        Ok(mut url) if url.password().is_some() => {
            _ = url.set_password(Some("***"));
            url.to_string()
        }
        _ => place.to_owned(),
    }
}
