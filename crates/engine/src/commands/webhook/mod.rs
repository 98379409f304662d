//! `engine webhook`: the webhooks of a spec, from their senders' side.

mod send;

use crate::arguments::Webhook;
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::Terminal;

/// Does what was asked for.
pub(super) fn execute(command: &Webhook, terminal: &Terminal) -> Result<Status, Failure> {
    match command {
        Webhook::Send(arguments) => send::execute(arguments, terminal),
    }
}
