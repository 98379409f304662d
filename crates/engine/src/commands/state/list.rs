//! `engine state list` and `engine state show`.

use std::fmt::Write as _;

use engine_runtime::StateStore;
use serde_json::{Value, json};

use super::kept::{Kept, all, find};
use crate::arguments::{ResultFormat, StateList, StateShow};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// How much of a value is shown in a list.
const SHOWN: usize = 60;

/// Shows what is kept.
pub(super) async fn execute(
    state: &dyn StateStore,
    arguments: &StateList,
    terminal: &Terminal,
) -> Result<Status, Failure> {
    let mut kept = all(state).await?;
    kept.retain(|one| arguments.flow.as_deref().is_none_or(|flow| one.flow() == flow));
    match arguments.format {
        ResultFormat::Json => {
            print(format!("{:#}\n", Value::Array(kept.iter().map(members).collect())))?;
        }
        ResultFormat::Text if kept.is_empty() => tell("nothing is kept\n"),
        ResultFormat::Text => {
            let mut text = String::new();
            for one in &kept {
                let value = one.value().to_string();
                let cut = value.char_indices().nth(SHOWN).map_or(value.len(), |(at, _)| at);
                let (value, dots) = value.split_at_checked(cut).unwrap_or((&value, ""));
                let dots = if dots.is_empty() { "" } else { "…" };
                let id = terminal.stdout.paint(Style::Bold, one.id());
                _ = writeln!(text, "{id}  {:9}  {}  {value}{dots}", one.kind(), one.entry.label);
            }
            print(text)?;
        }
    }
    Ok(Status::Done)
}

/// Shows one thing whole.
pub(super) async fn show(state: &dyn StateStore, arguments: &StateShow) -> Result<Status, Failure> {
    let kept = all(state).await?;
    let one = find(&kept, &arguments.id)?;
    print(match arguments.format {
        ResultFormat::Json => format!("{:#}\n", members(one)),
        ResultFormat::Text => format!(
            "id        {}\nkind      {}\nwhat      {}\nsaved at  {}\nvalue     {}\n",
            one.entry.key,
            one.kind(),
            one.entry.label,
            one.entry.saved_at,
            one.value()
        ),
    })?;
    Ok(Status::Done)
}

/// Returns one thing, for programs.
pub(super) fn members(one: &Kept) -> Value {
    json!({
        "id": one.entry.key,
        "kind": one.kind(),
        "label": one.entry.label,
        "saved_at": one.entry.saved_at.to_string(),
        "value": one.value(),
    })
}
