//! What a step does with its shaped records.

mod begun;
mod block;
pub(crate) mod each;
mod errors;
mod flow;
mod gather;
mod say;
mod shaping;
mod switch;
mod wait;
mod wait_event;

use std::time::Duration;

use engine_plan::Target;

use self::each::Each;
use self::say::Saying;
use self::switch::Switch;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::Item;
use crate::shape::Shaped;
use crate::site::Site;
use crate::world::BoxFuture;
use crate::writers::SharedWriter;

pub(crate) use self::block::gathered;
pub(crate) use self::each::{Done, Work};
pub(crate) use self::errors::Errors;
pub(crate) use self::gather::Gather;
pub(crate) use self::shaping::Shaping;
pub(crate) use self::wait_event::no_server;

/// What a step does with its shaped records.
pub(crate) enum Stage {
    /// It hands them on.
    HandOn,
    /// It writes them.
    Write(SharedWriter),
    /// It says something about each, or fails.
    Say(Box<Saying>),
    /// It does something for each.
    Each(Box<Each>),
    /// It divides them.
    Switch(Box<Switch>),
}

impl Stage {
    /// Makes the stage of a step.
    ///
    /// # Errors
    ///
    /// Fails where what the spec says of a sink can't be evaluated.
    pub(crate) fn new(site: &Site) -> Result<Self, Failure> {
        Ok(match &site.step.target {
            Target::None => Self::HandOn,
            Target::Write(_) => Self::Write(site.context().writers.of(site)?),
            Target::Log(template) | Target::Fail(template) => Self::Say(Box::new(Saying::new(site, template))),
            Target::Switch(cases) => Self::Switch(Box::new(Switch::new(site, cases)?)),
            _ => Self::Each(Box::new(Each::new(site)?)),
        })
    }

    /// Tells whether it asks for the page as `response`.
    pub(crate) fn needs_response(&self) -> bool {
        match self {
            Self::Say(saying) => saying.needs_response(),
            Self::Write(writer) => writer.needs_response,
            Self::Switch(switch) => switch.needs_response(),
            // Within steps, and where something is asked for, no page is known.
            Self::HandOn | Self::Each(_) => false,
        }
    }

    /// Takes a batch to its end, and returns what goes on.
    pub(crate) fn take<'a>(&'a mut self, site: &'a Site, shaped: Shaped) -> BoxFuture<'a, Result<Done, Failure>> {
        Box::pin(async move {
            match self {
                Self::HandOn => Ok(Done::of(shaped)),
                Self::Write(writer) => writer.take(site, shaped).await,
                Self::Say(saying) => saying.take(shaped).await,
                Self::Each(each) => each.batch(shaped).await,
                Self::Switch(switch) => switch.take(shaped).await,
            }
        })
    }

    /// Returns how long until something goes on that was gathered within it.
    pub(crate) fn due(&self) -> Option<Duration> {
        match self {
            Self::Switch(switch) => switch.due(),
            _ => None,
        }
    }

    /// Hands on what was gathered within it for as long as it may.
    pub(crate) async fn flush(&mut self) -> Result<Done, Failure> {
        match self {
            Self::Switch(switch) => switch.flush().await,
            _ => Ok(Done::default()),
        }
    }

    /// Ends the work, and returns what goes on at last.
    pub(crate) async fn finish(&mut self, site: &Site) -> Result<Done, Failure> {
        match self {
            Self::Write(writer) => writer.finish(site).await?,
            Self::Switch(switch) => return Box::pin(switch.finish()).await,
            _ => {}
        }
        Ok(Done::default())
    }
}

impl Done {
    /// Hands on what was shaped.
    pub(crate) fn of(shaped: Shaped) -> Self {
        Self { items: shaped.items, claim: shaped.claim }
    }

    /// Joins what goes on after this.
    pub(crate) fn join(&mut self, other: Self) {
        self.items.extend(other.items);
        self.claim.join(other.claim);
    }
}

/// A claim on nothing is what items have that no page gave.
pub(crate) fn unclaimed(items: Vec<Item>) -> Done {
    Done { items, claim: Claim::none() }
}
