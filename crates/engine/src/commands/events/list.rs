//! `engine events list`.

use engine_runtime::{EventStore, StoredEvent};
use serde_json::{Value, json};

use super::{all, second, standing};
use crate::arguments::{EventsList, ResultFormat, Stands};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// Shows events, the newest first.
pub(super) async fn execute(
    events: &dyn EventStore,
    arguments: &EventsList,
    terminal: &Terminal,
) -> Result<Status, Failure> {
    let found = all(events, arguments.flow.as_deref(), arguments.status.map(Stands::status), arguments.limit).await?;
    match arguments.format {
        ResultFormat::Json => print(format!("{:#}\n", Value::Array(found.iter().map(members).collect())))?,
        ResultFormat::Text if found.is_empty() => tell("there are no events\n"),
        ResultFormat::Text => {
            let mut text = String::new();
            for event in &found {
                let id = terminal.stdout.paint(Style::Bold, &event.id);
                let error = event.error.as_deref().and_then(|error| error.lines().next()).unwrap_or_default();
                let (status, came, flow, trigger) =
                    (standing(event), second(event.received_at), &event.flow, &event.trigger);
                text += format!("{id}  {status:10}  {came}  {flow}  {trigger}  {error}").trim_end();
                text.push('\n');
            }
            print(text)?;
        }
    }
    Ok(Status::Done)
}

/// Returns an event without what came with it, for programs.
pub(super) fn members(event: &StoredEvent) -> Value {
    json!({
        "id": event.id,
        "flow": event.flow,
        "trigger": event.trigger,
        "status": standing(event),
        "received_at": event.received_at.to_string(),
        "due_at": event.ended_at.is_none().then(|| event.due_at.to_string()),
        "ended_at": event.ended_at.map(|time| time.to_string()),
        "failures": event.failures,
        "error": event.error,
    })
}
