//! `engine events`: what has started runs, or is about to: to look at, to run again and to forget.

mod again;
mod list;
mod show;

use std::path::Path;

use engine_runtime::{EventFilter, EventStatus, EventStore, StoredEvent, holder};

use crate::arguments::Events;
use crate::environment::Variables;
use crate::failure::Failure;
use crate::state;
use crate::status::Status;
use crate::terminal::Terminal;

/// How many events are looked at where an id is given by its beginning, or all of a kind are wanted.
const MOST: u32 = 100_000;

/// Does what was asked for.
pub(super) fn execute(command: &Events, terminal: &Terminal) -> Result<Status, Failure> {
    let place = match command {
        Events::List(arguments) => &arguments.place,
        Events::Show(arguments) => &arguments.place,
        Events::Replay(arguments) => &arguments.place,
        Events::Drop(arguments) => &arguments.place,
    };
    let variables = Variables::load(Path::new(""))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let state = state::open(&place.state, &variables)?;
    let events: &dyn EventStore = &*state;
    runtime.block_on(async {
        match command {
            Events::List(arguments) => list::execute(events, arguments, terminal).await,
            Events::Show(arguments) => show::execute(events, arguments).await,
            Events::Replay(arguments) => again::replay(events, arguments).await,
            Events::Drop(arguments) => again::drop(events, arguments).await,
        }
    })
}

/// Lists events.
async fn all(
    events: &dyn EventStore,
    flow: Option<&str>,
    status: Option<EventStatus>,
    most: u32,
) -> Result<Vec<StoredEvent>, Failure> {
    let filter = EventFilter { flow: flow.map(str::to_owned), status, most };
    events.list_events(filter).await.map_err(Failure::from)
}

/// Finds an event by its id, or by the start or the end of it; with all that came with it.
async fn find(events: &dyn EventStore, id: &str) -> Result<StoredEvent, Failure> {
    if let Some(event) = events.find_event(id).await.map_err(Failure::from)? {
        return Ok(event);
    }
    let known = all(events, None, None, MOST).await?;
    let mut alike =
        known.into_iter().filter(|event| !id.is_empty() && (event.id.starts_with(id) || event.id.ends_with(id)));
    let none =
        || Failure::usage(format!("there is no event `{id}`")).help("`engine events list` shows those that there are");
    match (alike.next(), alike.next()) {
        (Some(event), None) => events.find_event(&event.id).await.map_err(Failure::from)?.ok_or_else(none),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several events begin or end with `{id}`")).help("give more of the id"))
        }
        _ => Err(none()),
    }
}

/// Says how an event stands: one whose process died is not running.
fn standing(event: &StoredEvent) -> &'static str {
    let has_died = || event.holder.as_deref().and_then(holder::lives) == Some(false);
    match event.status {
        EventStatus::Running if has_died() => "broken off",
        EventStatus::Waiting if event.failures > 0 => "retrying",
        status => status.as_str(),
    }
}

fn second(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
