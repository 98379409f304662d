//! `engine events show`.

use std::fmt::Write as _;

use engine_runtime::{EventStatus, EventStore, StoredEvent};
use serde_json::Value;

use super::list::members;
use super::{find, second, standing};
use crate::arguments::{EventsShow, ResultFormat};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::print;

/// Shows an event with all that came with it.
pub(super) async fn execute(events: &dyn EventStore, arguments: &EventsShow) -> Result<Status, Failure> {
    let event = find(events, &arguments.id).await?;
    let trigger = engine_server::webhook::trigger_of(&event.body).map(|trigger| trigger.to_json().into_bytes());
    let [inputs, mut trigger]: [Value; 2] =
        [&event.inputs, &trigger.unwrap_or_default()].map(|json| serde_json::from_slice(json).unwrap_or_default());
    for (name, value) in trigger.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten() {
        if proves(name) {
            *value = "***".into();
        }
    }
    print(match arguments.format {
        ResultFormat::Json => {
            let mut whole = members(&event);
            if let Value::Object(whole) = &mut whole {
                whole.insert("partition".to_owned(), event.partition.clone().into());
                whole.insert("inputs".to_owned(), inputs);
                whole.insert("event".to_owned(), trigger);
            }
            format!("{whole:#}\n")
        }
        ResultFormat::Text => text(&event, &inputs, &trigger),
    })?;
    Ok(Status::Done)
}

/// Tells whether a header proves who sent an event: whoever has seen it can send the same again.
fn proves(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["signature", "hmac", "auth", "token", "secret", "key", "cookie"].iter().any(|part| name.contains(part))
}

fn text(event: &StoredEvent, inputs: &Value, trigger: &Value) -> String {
    let mut text = format!("id         {}\nflow       {}\n", event.id, event.flow);
    let mut line = |name: &str, value: &str| _ = writeln!(text, "{name:10} {value}");
    line("trigger", &event.trigger);
    line("status", standing(event));
    line("came", &second(event.received_at));
    if let Some(partition) = &event.partition {
        line("partition", partition);
    }
    match (event.ended_at, event.status) {
        (Some(ended_at), _) => line("ended", &second(ended_at)),
        (None, EventStatus::Waiting) => line("due", &second(event.due_at)),
        _ => {}
    }
    if event.failures > 0 {
        line("failures", &event.failures.to_string());
    }
    if let Some(error) = &event.error {
        line("error", error);
    }
    if inputs.as_object().is_some_and(|inputs| !inputs.is_empty()) {
        line("inputs", &inputs.to_string());
    }
    _ = writeln!(text, "event\n{trigger:#}");
    text
}
