//! A step that waits, for each item.

use std::sync::Arc;
use std::time::Duration;

use engine_plan::{Until, Wait};
use jiff::Timestamp;

use super::each::Work;
use super::{Done, unclaimed, wait_event};
use crate::failure::Failure;
use crate::needs::whole_scope;
use crate::report::{Event, WaitingFor};
use crate::site::Site;
use crate::slot::Slot;

/// How long to wait before a condition is looked at again, if the spec does not say.
const EVERY: Duration = Duration::from_secs(10);

/// Waits, and hands the item on.
pub(crate) async fn wait(site: &Site, wait: &Wait, work: &Work, slot: Option<&Arc<Slot>>) -> Result<Done, Failure> {
    match wait {
        Wait::Period(period) => {
            let scope = whole_scope(&work.scope, &work.item)?;
            let (now, period) = (site.context().exchanges.now(), period.resolve(&scope)?.duration());
            let until = now.saturating_add(period).unwrap_or(Timestamp::MAX);
            // Where the run was taken up again, a part of the time has passed.
            let until = site.context().journal.wait(site.key(&work.item), &work.item, until);
            let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            sleep(site, left.min(period), slot).await?;
        }
        Wait::Until(until) => holds(site, until, work, slot).await?,
        Wait::Event { event, timeout } => return wait_event::wait(site, event, timeout.as_ref(), work, slot).await,
    }
    Ok(unclaimed(vec![work.item.clone()]))
}

async fn holds(site: &Site, until: &Until, work: &Work, slot: Option<&Arc<Slot>>) -> Result<(), Failure> {
    let exchanges = &site.context().exchanges;
    let scope = whole_scope(&work.scope, &work.item)?;
    let every = match &until.every {
        Some(every) => every.resolve(&scope)?.duration(),
        None => EVERY,
    };
    let timeout = until.timeout.as_ref().map(|timeout| timeout.resolve(&scope)).transpose()?;
    // Where the run was taken up again, a part of the time has passed.
    let deadline = timeout.map(|timeout| {
        let until = exchanges.now().saturating_add(timeout.duration()).unwrap_or(Timestamp::MAX);
        site.context().journal.wait(site.key(&work.item), &work.item, until)
    });
    loop {
        if until.condition.test(&scope)? {
            return Ok(());
        }
        let left =
            deadline.map(|deadline| Duration::try_from(deadline.duration_since(exchanges.now())).unwrap_or_default());
        if left.is_some_and(|left| left.is_zero()) || site.context().options.placeholders {
            let within = timeout.map(|timeout| format!(" within {timeout}")).unwrap_or_default();
            return Err(Failure::new("timeout", format!("`until` did not hold{within}"), until.condition.span())
                .help("give it more time with `timeout` beside `until`, or check what the condition asks for"));
        }
        // A condition that no time is given for is looked at now and then, not without a pause.
        let next = every.max(Duration::from_millis(1));
        sleep(site, left.map_or(next, |left| next.min(left)), slot).await?;
    }
}

/// Lets time pass. Where answers are made up, and where nothing is done, nothing is waited for.
async fn sleep(site: &Site, time: Duration, slot: Option<&Arc<Slot>>) -> Result<(), Failure> {
    let context = site.context();
    if context.options.placeholders || context.options.dry_run {
        return Ok(());
    }
    let waits = Event::Waiting { step: Arc::clone(site.address()), wait: time, why: WaitingFor::Step };
    site.tally.event(waits);
    let sleeping = context.exchanges.sleep(time, &site.frame.stop);
    let slept = match slot.or(site.frame.slot()) {
        Some(slot) => slot.without(sleeping).await,
        None => sleeping.await,
    };
    if slept { Ok(()) } else { Err(Failure::interrupted()) }
}
