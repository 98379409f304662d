//! Something that is sent once: what is written down of it, so that whoever goes on with the run does not send it again.

use std::sync::atomic::{AtomicBool, Ordering};

use engine_plan::{Call, RULES};
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
    /// What it is sent for.
    item: &'a Item,
    /// Whether it is written down that it was sent.
    is_out: AtomicBool,
}

impl<'a> Sending<'a> {
    /// Finds out what a call needs.
    pub(crate) fn new(site: &'a Site, call: &Call, item: &'a Item) -> Self {
        let method = call.endpoint.request.method();
        let journal = &site.context().journal;
        let is_written = journal.is_kept() && !matches!(method, Method::Get | Method::Head);
        let is_same_again = matches!(method, Method::Put | Method::Delete) || call.endpoint.idempotency.is_some();
        Self {
            journal: is_written.then_some(journal),
            key: if is_written { site.key(item) } else { String::new() },
            is_risky: !is_same_again,
            item,
            is_out: AtomicBool::new(false),
        }
    }

    /// Returns what came of it before the run was taken up again.
    pub(crate) fn done(&self) -> Option<&'a Effect> {
        self.journal?.acked(&self.key)
    }

    /// Looks whether it may be sent.
    ///
    /// # Errors
    ///
    /// Fails where it may have been sent before, and nobody knows.
    pub(crate) fn begin(&self, call: &Call) -> Result<(), Failure> {
        let Some(journal) = self.journal.filter(|_| self.is_risky) else { return Ok(()) };
        if journal.is_in_doubt(&self.key) {
            let text = format!(
                "{} may have been sent just before the run broke off, and nobody knows what came of it",
                call.endpoint.id()
            );
            return Err(Failure::new("in-doubt", text, call.span).unknown().about(self.item).help(
                "look it up at the API; `on_error` may do that and go on (`error.kind` is `unknown`). With `idempotency` on the endpoint it is sent again under its key",
            ));
        }
        Ok(())
    }

    /// Says that it goes out now, however often it is tried.
    ///
    /// # Errors
    ///
    /// Fails where that can't be written down: then it must not be sent.
    pub(crate) async fn goes_out(&self) -> Result<(), Failure> {
        match self.journal.filter(|_| self.is_risky) {
            Some(journal) if !self.is_out.swap(true, Ordering::Relaxed) => journal.intend(&self.key, self.item).await,
            _ => Ok(()),
        }
    }

    /// Says what came of it.
    ///
    /// # Errors
    ///
    /// Fails where it can't be written down.
    pub(crate) async fn end(&self, handed_on: Option<&[Item]>) -> Result<(), Failure> {
        let Some(journal) = self.journal else { return Ok(()) };
        let effect = match handed_on {
            Some(items) => Effect::HandedOn(items.iter().map(|item| item.current.text().to_owned()).collect()),
            None => Effect::Skipped,
        };
        journal.ack(&self.key, self.item, &effect).await
    }

    /// Says that it failed, where it is known what was done: nothing, so that it may be sent again, or all that was asked for.
    ///
    /// # Errors
    ///
    /// Fails where it can't be written down.
    pub(crate) async fn failed(&self, site: &Site, failure: &Failure) -> Result<(), Failure> {
        let Some(journal) = self.journal.filter(|_| self.is_risky && self.is_out.load(Ordering::Relaxed)) else {
            return Ok(());
        };
        let answered = |status| Effect::Answered {
            code: failure.code.to_owned(),
            message: site.context().redact(&failure.message),
            help: failure.help.as_ref().map(|help| site.context().redact(help)),
            status,
        };
        let effect = match failure.exchange() {
            // It was stopped between two attempts, of which the first did nothing.
            _ if failure.is_interruption() => Effect::Refused,
            // Nobody knows.
            None => return Ok(()),
            Some(exchange) if exchange.is_unknown || failure.code == "unreadable-file" => return Ok(()),
            Some(exchange) if exchange.is_refused => Effect::Refused,
            Some(exchange) => match exchange.status {
                Some(400..) => Effect::Refused,
                // No connection came about.
                None if failure.code == "connection" => Effect::Refused,
                status => answered(status),
            },
        };
        journal.ack(&self.key, self.item, &effect).await
    }

    /// Fails as it did before the run was taken up again: what was asked for is done, and is not sent again.
    pub(crate) fn failed_before(
        call: &Call,
        (code, message): (&str, &str),
        help: Option<&String>,
        status: Option<u16>,
    ) -> Failure {
        let code = RULES.iter().find(|rule| rule.code == code).map_or("unexpected-shape", |rule| rule.code);
        let failure = Failure::new(code, message, call.span).help(match help {
            Some(help) => help.clone(),
            None => "it was answered before the run was taken up again, and is not sent again; `--fresh` begins anew"
                .to_owned(),
        });
        match status {
            Some(status) => failure.answered(status),
            None => failure,
        }
    }
}
