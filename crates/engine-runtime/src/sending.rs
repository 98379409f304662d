//! Something that is sent once: what is written down of it, so that whoever goes on with the run does not send it again.

use engine_plan::Call;
use engine_request::Method;

use crate::failure::Failure;
use crate::item::Item;
use crate::journal::{Effect, Journal};
use crate::site::Site;

/// A call for one item, or for a batch of them.
pub(crate) struct Sending<'a> {
    /// Where it is written down; nothing where it may be sent as often as one likes, since it changes nothing.
    journal: Option<&'a Journal>,
    key: String,
    /// Whether sending it twice may do what it does twice.
    is_risky: bool,
}

impl<'a> Sending<'a> {
    /// Finds out what a call needs.
    pub(crate) fn new(site: &'a Site, call: &Call, item: &Item) -> Self {
        let method = call.endpoint.request.method();
        let journal = &site.context().journal;
        let is_written = journal.is_kept() && !matches!(method, Method::Get | Method::Head);
        let is_same_again = matches!(method, Method::Put | Method::Delete) || call.endpoint.idempotency.is_some();
        Self {
            journal: is_written.then_some(journal),
            key: if is_written { site.key(item) } else { String::new() },
            is_risky: !is_same_again,
        }
    }

    /// Returns what came of it before the run was taken up again.
    pub(crate) fn done(&self) -> Option<&'a Effect> {
        self.journal?.acked(&self.key)
    }

    /// Says that it is about to be sent.
    ///
    /// # Errors
    ///
    /// Fails where it may have been sent before, and nobody knows; and where it can't be written down.
    pub(crate) async fn begin(&self, call: &Call, item: &Item) -> Result<(), Failure> {
        let Some(journal) = self.journal.filter(|_| self.is_risky) else { return Ok(()) };
        if journal.is_in_doubt(&self.key) {
            let text = format!(
                "{} may have been sent just before the run broke off, and nobody knows what came of it",
                call.endpoint.id()
            );
            return Err(Failure::new("in-doubt", text, call.span).unknown().about(item).help(
                "look it up at the API; `on_error` may do that and go on (`error.kind` is `unknown`). With `idempotency` on the endpoint it is sent again under its key",
            ));
        }
        journal.intend(&self.key, item).await
    }

    /// Says what came of it.
    ///
    /// # Errors
    ///
    /// Fails where it can't be written down.
    pub(crate) async fn end(&self, item: &Item, handed_on: Option<&[Item]>) -> Result<(), Failure> {
        let Some(journal) = self.journal else { return Ok(()) };
        let effect = match handed_on {
            Some(items) => Effect::HandedOn(items.iter().map(|item| item.current.text().to_owned()).collect()),
            None => Effect::Skipped,
        };
        journal.ack(&self.key, item, &effect).await
    }

    /// Says that it failed, where it is known that it was not done: then it may be sent again.
    ///
    /// # Errors
    ///
    /// Fails where it can't be written down.
    pub(crate) async fn failed(&self, item: &Item, failure: &Failure) -> Result<(), Failure> {
        let Some(journal) = self.journal.filter(|_| self.is_risky) else { return Ok(()) };
        let is_refused = failure
            .exchange()
            .is_some_and(|exchange| !exchange.is_unknown && exchange.status.is_some_and(|status| status >= 400));
        if !is_refused {
            return Ok(());
        }
        journal.ack(&self.key, item, &Effect::Refused).await
    }
}
