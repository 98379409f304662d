//! `engine state import`: takes in what `engine state export` printed.

use std::path::Path;

use engine_runtime::{Clock, Kind, StateStore, SystemClock};
use serde::Deserialize;
use serde_json::Value;

use super::export::VERSION;
use super::kept::kind_of;
use crate::failure::Failure;
use crate::report::counted;
use crate::status::Status;
use crate::terminal::print;

/// What was exported.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported {
    version: u64,
    entries: Vec<Imported>,
}

/// One thing of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Imported {
    id: String,
    kind: String,
    label: String,
    value: Value,
    /// When it was kept there; here it is kept now.
    #[serde(rename = "saved_at")]
    _saved_at: String,
}

/// Keeps all that a file has; nothing where it is not as it should be.
pub(super) async fn execute(state: &dyn StateStore, file: &Path) -> Result<Status, Failure> {
    let wrong = |what: String| Failure::usage(format!("`{}` {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("can't be read: {error}")))?;
    let exported: Exported = serde_json::from_str(&text).map_err(|error| {
        wrong(format!("is no exported state: {error}")).help("write one with `engine state export > FILE`")
    })?;
    if exported.version != VERSION {
        return Err(wrong(format!("is of version {}, and this engine reads version {VERSION}", exported.version)));
    }
    let mut entries: Vec<(Kind, Imported)> = Vec::new();
    for entry in exported.entries {
        let kind =
            kind_of(&entry.kind).ok_or_else(|| wrong(format!("has an entry of an unknown kind `{}`", entry.kind)))?;
        if entry.id.is_empty() {
            return Err(wrong("has an entry without an id".to_owned()));
        }
        entries.push((kind, entry));
    }
    for (kind, Imported { id, label, value, .. }) in &entries {
        let value = value.to_string();
        state.save(*kind, id, label, value.as_bytes(), SystemClock.now()).await.map_err(Failure::from)?;
    }
    print(format!("{} kept\n", counted(entries.len(), "value")))?;
    Ok(Status::Done)
}
