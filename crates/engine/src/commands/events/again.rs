//! `engine events replay` and `engine events drop`.

use engine_runtime::{Clock, EventStatus, EventStore, SystemClock, holder};

use super::{MOST, all, find};
use crate::arguments::{EventsDrop, EventsReplay};
use crate::failure::Failure;
use crate::report::counted;
use crate::status::Status;
use crate::terminal::{print, tell};

/// Puts events into the inbox once more, each as a new one; prints its id.
pub(super) async fn replay(events: &dyn EventStore, arguments: &EventsReplay) -> Result<Status, Failure> {
    let mut ids = Vec::new();
    for id in &arguments.ids {
        ids.push(find(events, id).await?.id);
    }
    if arguments.dead {
        let dead = all(events, arguments.flow.as_deref(), Some(EventStatus::Dead), MOST).await?;
        // In the order in which they came.
        ids.extend(dead.into_iter().rev().map(|event| event.id));
        if ids.is_empty() {
            tell("no event was given up\n");
        }
    }
    for id in ids {
        let (now, new) = (SystemClock.now(), uuid::Uuid::now_v7().to_string());
        if events.replay_event(&id, &new, now).await.map_err(Failure::from)?.is_some() {
            if arguments.dead {
                events.drop_event(&id).await.map_err(Failure::from)?;
            }
            print(format!("{new}\n"))?;
            tell("it waits for a server that serves its flow: `engine serve`\n");
        }
    }
    Ok(Status::Done)
}

/// Forgets events that nobody works on: those that were given up, wait, or are to be tried again.
pub(super) async fn drop(events: &dyn EventStore, arguments: &EventsDrop) -> Result<Status, Failure> {
    let mut ids = Vec::new();
    for id in &arguments.ids {
        let event = find(events, id).await?;
        let help = match (event.status, &event.holder) {
            (EventStatus::Done, _) => Some("it is forgotten by itself 7 days after its end".to_owned()),
            (EventStatus::Running, Some(holder)) if holder::lives(holder) == Some(false) => {
                // Whoever held it is gone, and gives back nothing any more.
                events.orphan_events(holder, SystemClock.now()).await.map_err(Failure::from)?;
                None
            }
            (EventStatus::Running, _) => Some(format!("end its run first: `engine runs cancel {}`", event.id)),
            (EventStatus::Waiting | EventStatus::Dead, _) => None,
        };
        if let Some(help) = help {
            let standing = super::standing(&event);
            return Err(Failure::usage(format!("event `{}` is {standing}", event.id)).help(help));
        }
        ids.push(event.id);
    }
    if arguments.all {
        let dead = all(events, arguments.flow.as_deref(), Some(EventStatus::Dead), MOST).await?;
        ids.extend(dead.into_iter().map(|event| event.id));
    }
    let mut dropped = 0_usize;
    for id in ids {
        dropped += usize::from(events.drop_event(&id).await.map_err(Failure::from)?);
    }
    tell(format!("forgot {}\n", counted(dropped, "event")));
    Ok(Status::Done)
}
