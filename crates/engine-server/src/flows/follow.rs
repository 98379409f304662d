//! Takes over what changes on disk, while others run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Changes, Shelf};
use crate::log::Notice;
use crate::server::Server;

/// How often it is looked whether a file has changed. One that was written is read once it stays the same for as long.
const LOOK: Duration = Duration::from_secs(1);

/// Takes over changes until the server is to end; at once when it is told to.
pub(crate) async fn follow(server: Arc<Server>, mut shelf: Shelf, reload: Arc<Notify>) {
    loop {
        let at_once = tokio::select! {
            () = server.stop.stopped() => return,
            () = server.clock.sleep(LOOK) => false,
            () = reload.notified() => true,
        };
        let looked = tokio::task::spawn_blocking(move || {
            let changes = shelf.look(at_once);
            (shelf, changes)
        });
        match looked.await {
            Ok((back, changes)) => {
                shelf = back;
                take_over(&server, changes);
            }
            Err(error) => {
                let message = format!("specs are not looked at any more: {error}; start the server again");
                server.log.notice(Notice::Trouble { message: &message });
                return server.stop.stopped().await;
            }
        }
    }
}

fn take_over(server: &Server, changes: Changes) {
    let Changes { set, loaded, removed, refused, trouble } = changes;
    if let Some(set) = set {
        server.flows.replace(set);
    }
    for flow in &loaded {
        server.log.notice(Notice::Loaded { flow: flow.name(), file: &flow.file });
    }
    for flow in &removed {
        server.log.notice(Notice::Removed { flow: flow.name(), file: &flow.file });
    }
    for (broken, is_served) in &refused {
        server.log.notice(Notice::Refused { broken, is_served: *is_served });
    }
    if let Some(message) = &trouble {
        server.log.notice(Notice::Trouble { message });
    }
}
